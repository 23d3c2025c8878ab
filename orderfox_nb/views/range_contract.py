"""Answers of the public contract about ranges of the past."""

from __future__ import annotations

from typing import Literal

import msgspec

from orderfox_nb.core.events import Candle, Liquidation, MarkPrice, OpenInterest, Trade


class FundingRate(msgspec.Struct):
    """A funding rate, a fraction of the position's notional; ``timestamp`` is when it was or will be paid."""

    timestamp: int
    rate: float
    paid: bool
    """False for the current rate."""


class MarkValue(msgspec.Struct):
    """Mark and index price at a time."""

    timestamp: int
    mark: float
    index: float


class OpenInterestValue(msgspec.Struct):
    """Open contracts at a time, in base quantity."""

    timestamp: int
    open_interest: float


class RangeAnswer(msgspec.Struct):
    """The first part of a range of the past."""

    start_us: int
    end_us: int
    """End of this part: the next part begins there."""
    source: Literal["venue", "recording", ""]
    """Where it was read; empty if it is missing."""
    reason: str
    """Why it is missing."""
    events: list[Trade | Candle | Liquidation | MarkPrice | OpenInterest]
