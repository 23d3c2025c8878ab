"""Frames of bots: all of them in a list, and one with its orders, fills, equity and log."""

from __future__ import annotations

from typing import Any

from orderfox_nb.core.quality import QualityView
from orderfox_nb.views.stamp import Stamp, encode

WHOLE = QualityView(state="live", coverage="complete", since=0)
"""What is said of bots is whole: each has a state of its own."""


def bots_message(kind: str, columns: dict[str, Any], stamp: Stamp) -> bytes:
    """Encode a message of a public socket; ``initial`` says whether it has everything."""
    return encode(
        {
            "type": kind,
            "initial": stamp.base is None,
            **columns,
            "timestamp": stamp.time,
            "sequence": stamp.sequence,
            "quality": stamp.quality,
        }
    )
