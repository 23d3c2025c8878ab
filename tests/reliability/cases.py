"""Every fault on every channel of Binance that it can harm, and what must be seen of it."""

from __future__ import annotations

from typing import Any, Final

from orderfox_nb.core.events import Channel
from tests.reliability.faults import Case, Strike, answers, frames, jump, refused, socket, stale_snapshot
from tests.reliability.rig import CHANNELS, SPOT_CHANNELS


def _cases() -> list[Case]:
    cases: list[Case] = []

    def add(channel: Channel, fault: str, strike: Strike, seen_s: float | None, healed_s: float, **more: Any) -> None:
        cases.append(Case(fault, channel, strike, seen_s, healed_s, **more))

    streamed: dict[Channel, float] = {"book": 6.5, "trades": 2.0, "candles": 2.5, "mark": 2.0, "ticker": 61.0}
    """How long a frozen stream may go unseen."""
    for channel in CHANNELS:
        if channel == "open_interest":
            continue
        add(channel, "duplicate", frames("duplicate", 3), None, 0.5)
        add(channel, "cut", socket("cut"), 0.1, 3.0)
        add(channel, "half-open socket", socket("half_open"), 8.1, 12.0)
        add(channel, "refused socket", refused, 0.1, 5.0)
        add(channel, "clock jump +90 s", jump(90), 2.5, 6.0)
        add(channel, "clock jump -90 s", jump(-90), 2.5, 6.0)
        if channel in streamed:
            bound_s = streamed[channel]
            add(channel, "freeze", frames("freeze", -1), bound_s, 3.0, lasts_s=bound_s + 4)
    add("book", "drop", frames("drop"), 0.3, 1.0)
    add("book", "reorder", frames("reorder"), 0.3, 1.0)
    add("book", "malformed", frames("malformed"), 0.3, 1.0)
    add("book", "stale snapshot", stale_snapshot, 0.1, 4.0)
    add("trades", "drop", frames("drop"), 0.6, 1.0)
    add("trades", "reorder", frames("reorder"), 0.6, 1.0)
    add("trades", "malformed", frames("malformed"), 0.6, 1.0)
    add("candles", "drop", frames("drop", 8), 3.0, 4.0, at_second=58)
    add("candles", "reorder", frames("reorder"), None, 0.5)
    add("candles", "malformed", frames("malformed"), 0.6, 1.0)
    add("mark", "drop", frames("drop", 2), 2.1, 3.0)
    add("mark", "malformed", frames("malformed"), 1.1, 3.0)
    add("ticker", "malformed", frames("malformed"), 2.1, 4.5)
    add("liquidations", "drop", frames("drop"), 40.0, 60.0)
    add("liquidations", "reorder", frames("reorder"), None, 0.5)
    # Live again with the market's next order.
    add("liquidations", "malformed", frames("malformed"), 12.0, 20.0)
    add("liquidations", "freeze", frames("freeze", -1), 40.0, 40.0, lasts_s=45.0)
    for channel in ("book", "trades", "candles", "mark"):
        add(channel, "delay 7 s", frames("delay", 1, 7.0), 6.5, 12.0)
    for channel in ("book", "trades", "candles", "open_interest"):
        needed = {"trades": "drop", "open_interest": ""}.get(channel, "cut")
        seen_s = {"open_interest": 10.1, "trades": 1.2}.get(channel, 0.6)
        for status, healed_s in ((429, 30.0), (418, 30.0), (451, 75.0), (503, 16.0)):
            # A block is checked again only after a minute: once is enough.
            strike = answers("status", needed=needed, status=status, seconds=7, count=1 if status == 451 else 2)
            add(channel, f"REST {status}", strike, seen_s, healed_s)
        add(channel, "REST malformed", answers("malformed", needed=needed), seen_s, 16.0)
        slow_s = 21.0 if channel == "open_interest" else seen_s
        add(channel, "slow server", answers("delay", needed=needed, seconds=30.0), slow_s, 40.0)
    for name, strike in (
        ("history 503", answers("status", needed="drop", status=503)),
        ("history malformed", answers("malformed", needed="drop")),
        ("slow history", answers("delay", needed="drop", seconds=30.0)),
    ):
        add("liquidations", name, strike, 100.0, 120.0)
    return cases + _spot_cases()


def _spot_cases() -> list[Case]:
    """What is of the dialect: the chain of the book, one socket for all, klines each two seconds, other paths."""
    cases: list[Case] = []

    def add(channel: Channel, fault: str, strike: Strike, seen_s: float | None, healed_s: float, **more: Any) -> None:
        cases.append(Case(fault, channel, strike, seen_s, healed_s, market="spot", **more))

    frozen: dict[Channel, float] = {"book": 6.5, "trades": 4.0, "candles": 7.0}
    for channel in SPOT_CHANNELS:
        add(channel, "duplicate", frames("duplicate", 3), None, 0.5)
        add(channel, "cut", socket("cut"), 0.1, 4.0)
        add(channel, "refused socket", refused, 0.1, 6.0)
        if channel in frozen:
            add(channel, "freeze", frames("freeze", -1), frozen[channel], 4.0, lasts_s=frozen[channel] + 4)
    add("book", "half-open socket", socket("half_open"), 9.0, 12.0)
    for fault in ("drop", "reorder", "malformed"):
        add("book", fault, frames(fault), 0.3, 1.0)
        add("trades", fault, frames(fault), 0.6, 1.0)
    add("book", "stale snapshot", stale_snapshot, 0.1, 4.0)
    add("candles", "malformed", frames("malformed"), 2.1, 3.0)
    for channel in ("book", "trades", "candles"):
        needed = "drop" if channel == "trades" else "cut"
        for status in (429, 503):
            strike = answers("status", needed=needed, status=status, seconds=7)
            add(channel, f"REST {status}", strike, 1.2, 30.0)
    return cases


CASES: Final = _cases()
