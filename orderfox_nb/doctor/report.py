"""Results of checks, as plain values for a terminal and for JSON."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, TypeAlias

import msgspec

State: TypeAlias = Literal["ok", "note", "warning", "failed"]
"""``note``: something optional is missing; ``warning``: it works, with a restriction; ``failed``: it does not work."""


class Check(msgspec.Struct, kw_only=True):
    """One check of the installation."""

    name: str
    state: State
    found: str
    advice: str = ""
    """What to do; empty if nothing needs to be done."""


class VenueCheck(msgspec.Struct, kw_only=True):
    """One venue of the source. Figures are None if they could not be measured."""

    venue: str
    source: str
    state: State = "ok"
    reachable: bool = False
    blocked: bool = False
    """The venue refuses this country, region or address."""
    latency_ms: float | None = None
    """Latency of one small request over an open connection."""
    clock_offset_ms: float | None = None
    """The venue's clock minus this machine's; None for a recording, whose time is its own."""
    symbols: int | None = None
    stream_ms: float | None = None
    """Time until the first order book came over the stream."""
    offers: Sequence[str] = ()
    """Channels that the venue has."""
    absent: Sequence[str] = ()
    """Channels that it does not have."""
    unverified: Sequence[str] = ()
    """Channels that it has, and in which a loss may go unnoticed."""
    problem: str = ""
    advice: str = ""


class Diagnosis(msgspec.Struct, kw_only=True):
    """All results of ``orderfox doctor``."""

    version: str
    source: str
    installation: Sequence[Check]
    venues: Sequence[VenueCheck]

    @property
    def failed(self) -> bool:
        """Whether something does not work."""
        return any(one.state == "failed" for one in (*self.installation, *self.venues))
