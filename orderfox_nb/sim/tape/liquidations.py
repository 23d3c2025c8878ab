"""Recorded liquidations that are played beside a tape."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

import msgspec

from orderfox_nb.sim.facts import LiquidationFact
from orderfox_nb.sim.tape.book import Units


class RecordedLiquidation(msgspec.Struct, frozen=True):
    """One ``forceOrder`` frame at its place on the tape."""

    event_us: int
    symbol: str
    payload: bytes
    order: dict[str, Any]


def read_liquidations(path: Path, *, start_us: int, end_us: int | None = None) -> list[RecordedLiquidation]:
    """Read a file with a ``forceOrder`` frame in each line.

    Frames of another day are moved as a whole, the first to a second after the tape's start.

    Raises:
        OSError: It cannot be read.
        ValueError: A line is not such a frame.
    """
    events = [_event(line, path) for line in path.read_bytes().splitlines() if line.strip()]
    events.sort(key=lambda event: event["E"])
    if not events:
        return []
    latest_us = events[-1]["E"] * 1000
    overlaps = latest_us >= start_us and (end_us is None or events[0]["E"] * 1000 <= end_us)
    near = abs(events[0]["E"] * 1000 - start_us) < 86_400_000_000
    shift_ms = 0 if overlaps and near else start_us // 1000 + 1_000 - events[0]["E"]
    return [_moved(event, shift_ms) for event in events]


def liquidation_fact(recorded: RecordedLiquidation, units: Units) -> LiquidationFact:
    """Read a recorded order in the integers of its symbol."""
    order = recorded.order
    side: Literal["buy", "sell"] = "buy" if order["S"] == "BUY" else "sell"
    average = float(order.get("ap") or 0) or float(order["p"])
    return LiquidationFact(
        time_us=order["T"] * 1000,
        event_us=recorded.event_us,
        side=side,
        lots_original=units.lots(float(order["q"])),
        lots_filled=units.lots(float(order["z"])),
        lots_last=units.lots(float(order["l"])),
        limit_ticks=units.ticks(float(order["p"])),
        average_price=average,
        sampled=True,
    )


def _event(line: bytes, path: Path) -> dict[str, Any]:
    try:
        event: Any = msgspec.json.decode(line)
        event = event.get("data", event)
        order = event["o"]
        complete = event["e"] == "forceOrder" and isinstance(event["E"], int) and isinstance(order["T"], int)
        complete = complete and {"s", "S", "q", "p", "l", "z"} <= order.keys()
    except (msgspec.MsgspecError, AttributeError, KeyError, TypeError):
        complete = False
        event = {}
    if not complete:
        raise ValueError(f"{path}: a line is not a forceOrder frame")
    return event


def _moved(event: dict[str, Any], shift_ms: int) -> RecordedLiquidation:
    order = event["o"] | {"T": event["o"]["T"] + shift_ms}
    moved = event | {"E": event["E"] + shift_ms, "o": order}
    return RecordedLiquidation(moved["E"] * 1000, order["s"], msgspec.json.encode(moved), order)
