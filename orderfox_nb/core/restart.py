"""Ids that go back: a message that is late, or a venue that restarted.

A venue's ids and times go on together. A message that comes late or twice carries its own, old time with its old id; a
venue that restarted, or was set back, sends low ids with current timestamps.
"""

from __future__ import annotations

from typing import Final

_APART_US: Final = 1_000_000
"""An old id's time must be this much newer than all times before: those of one venue's servers differ by less."""

LATE_IN_A_ROW: Final = 64
"""This many old ids in a row are enough, whatever their times: a venue's clock may have been set back as well."""


def proves_restart(time_us: int, newest_us: int) -> bool:
    """Return whether something with an old id is from after everything that had come before: no late message is."""
    return time_us > newest_us + _APART_US
