"""One fault on one channel: how it is brought about, when it is seen, and when all is as the exchange has it again."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from orderfox_nb.core.events import Channel
from orderfox_nb.desk.topic import TopicState
from tests.reliability.rig import CHANNELS, SPOT_CHANNELS, SYMBOL, MarketKind, Rig, live, open_rig
from tests.reliability.truth import differences

REST: Final[dict[Channel, str]] = {
    "book": "/fapi/v1/depth",
    "trades": "/fapi/v1/aggTrades",
    "candles": "/fapi/v1/klines",
    "liquidations": "/api/liquidation",
    "open_interest": "/fapi/v1/openInterest",
}
BYBIT_REST: Final[dict[Channel, str]] = {
    "trades": "/v5/market/recent-trade",
    "candles": "/v5/market/kline",
}
_CALM_S: Final = 3.0
_PATIENCE_S: Final = 150.0

Strike = Callable[[Rig, Channel], None]


@dataclass(frozen=True)
class Case:
    """A fault on a channel.

    Args:
        seen_s: Within so long it must be seen; None where nothing is lost, so that nothing may be reported.
        healed_s: So long after its end the topic must be live and equal to the truth.
        lasts_s: How long it lasts; 0 for one that strikes and is over.
        strike: Brings it about.
        at_second: Of the minute, at which it strikes; -1 for any.
        market: Which of the venue's hosts is struck.
    """

    fault: str
    channel: Channel
    strike: Strike
    seen_s: float | None
    healed_s: float
    lasts_s: float = 0.0
    at_second: int = -1
    market: MarketKind = "futures"

    def __str__(self) -> str:
        return f"{self.fault}-{self.channel}" + ("" if self.market == "futures" else f"-{self.market}")


@dataclass(frozen=True)
class Figures:
    """What was measured, in seconds of the venue."""

    seen_s: float | None
    healed_s: float
    states: tuple[str, ...]


def frames(kind: str, count: int = 1, seconds: float = 0.0) -> Strike:
    """Strike frames of the channel's stream."""
    return lambda rig, channel: _add(rig, kind, stream=rig.stream(channel), count=count, seconds=seconds)


def socket(kind: str) -> Strike:
    """Strike the socket that carries the channel."""
    return frames(kind)


def jump(seconds: float) -> Strike:
    """Let the venue's clock jump."""
    return lambda rig, _: _add(rig, "clock_jump", seconds=seconds)


def answers(kind: str, *, needed: str = "cut", **options: Any) -> Strike:
    """Spoil answers of the channel's REST path, and make them needed."""

    def strike(rig: Rig, channel: Channel) -> None:
        _add(rig, kind, **({"path": _rest_path(rig, channel), "count": 2} | options))
        if needed:
            _add(rig, needed, stream=rig.stream(channel), count=1 if needed == "cut" else 20)

    return strike


def _rest_path(rig: Rig, channel: Channel) -> str:
    path = REST[channel]
    if rig.market == "bybit":
        return BYBIT_REST[channel]
    return path.replace("/fapi/v1", "/api/v3") if rig.market == "spot" else path


def stale_snapshot(rig: Rig, channel: Channel) -> None:
    """Let three snapshots be those of now, after the socket was cut."""
    _add(rig, "stale_snapshot", count=3)
    _add(rig, "cut", stream=rig.stream(channel))


def refused(rig: Rig, channel: Channel) -> None:
    """Cut the socket and refuse two new ones."""
    if rig.market == "bybit":
        path = "/v5/public/linear"
    else:
        path = ("" if rig.market == "spot" else "/public" if channel == "book" else "/market") + "/stream"
    _add(rig, "status", path=path, status=451, count=2)
    _add(rig, "cut", stream=rig.stream(channel))


def restart(rig: Rig, _: Channel) -> None:
    """Let the ids of the book start over with a snapshot."""
    _add(rig, "restart", symbol=SYMBOL)


def _add(rig: Rig, kind: str, **options: Any) -> None:
    rig.add_fault(kind, **options)


async def measure(case: Case) -> Figures:
    """Inject a fault while every channel is watched, and check until all of them are equal to the truth.

    Raises:
        AssertionError: It was not seen, reported where nothing was lost, or not healed, each within its bound.
    """
    # Spot sends its bars each two seconds.
    every_us = 2_000_000 if case.market == "spot" else 1_000_000
    async with open_rig(market=case.market) as rig:
        states = await rig.open(*(rig.topic(channel) for channel in rig.channels))
        state = states[rig.channels.index(case.channel)]
        await rig.run(_CALM_S)
        if case.at_second >= 0:
            await rig.run((case.at_second - rig.clock.now_us() / 1e6) % 60)
        start_us = rig.clock.now_us()
        case.strike(rig, case.channel)
        seen_s, healed_s = None, 0.0
        await rig.until(lambda: True, within_s=1)
        while True:
            passed_s = (rig.clock.now_us() - start_us) / 1e6
            if seen_s is None and state.quality.intervals():
                seen_s = passed_s
            if case.lasts_s and passed_s >= case.lasts_s:
                rig.server.faults.clear()
            over_s = passed_s - case.lasts_s
            if over_s >= 0 and live(state) and (case.seen_s is None or seen_s is not None):
                healed_s = healed_s or max(over_s, 0.0)
                if rig.clock.now_us() % every_us == 0 and over_s > _CALM_S and _equal(rig, states):
                    break
            else:
                healed_s = 0.0
            assert passed_s < case.lasts_s + _PATIENCE_S, f"{case}: {_report(rig, states)}"
            await rig.run(0.05)
        lapses = tuple(dict.fromkeys(lapse.state for lapse in state.quality.intervals()))
        if case.seen_s is None:
            assert not lapses, f"{case}: nothing was lost and {state.quality.intervals()} was reported"
        else:
            assert seen_s is not None
            assert seen_s <= case.seen_s, f"{case}: seen only after {seen_s} s"
        assert healed_s <= case.healed_s, f"{case}: healed only after {healed_s} s"
        return Figures(seen_s, healed_s, lapses)


def _equal(rig: Rig, states: list[TopicState]) -> bool:
    return all(live(state) and not differences(rig, state) for state in states)


def _report(rig: Rig, states: list[TopicState]) -> dict[str, Any]:
    return {
        state.topic.channel: (state.quality.wire().state, state.quality.reason, found)
        for state in states
        if (found := differences(rig, state)) or not live(state)
    }


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
    return cases + _spot_cases() + _bybit_cases()


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


def _bybit_cases() -> list[Case]:
    """What is of the dialect: snapshots on the socket, trades without an order, one stream of several channels.

    A lost liquidation cannot be seen: the venue gives them no ids and keeps none.
    """
    cases: list[Case] = []

    def add(channel: Channel, fault: str, strike: Strike, seen_s: float | None, healed_s: float, **more: Any) -> None:
        cases.append(Case(fault, channel, strike, seen_s, healed_s, market="bybit", **more))

    for channel in ("book", "trades", "candles", "liquidations", "mark"):
        add(channel, "duplicate", frames("duplicate", 3), None, 0.5)
        add(channel, "cut", socket("cut"), 0.1, 6.0)
    add("book", "refused socket", refused, 0.1, 8.0)
    add("book", "half-open socket", socket("half_open"), 25.0, 30.0)
    for fault in ("drop", "reorder", "malformed"):
        add("book", fault, frames(fault), 0.3, 3.0)
    add("book", "service restart", restart, None, 0.5)
    add("trades", "malformed", frames("malformed"), 0.6, 3.0)
    # Its messages come when something has changed: 15 s without one are not unusual.
    add("book", "delay 7 s", frames("delay", 1, 7.0), None, 10.0)
    add("book", "delay 20 s", frames("delay", 1, 20.0), 16.0, 25.0)
    add("book", "freeze", frames("freeze", -1), 16.0, 6.0, lasts_s=20.0)
    for status in (403, 429, 503):
        add("candles", f"REST {status}", answers("status", status=status, seconds=7), 1.2, 40.0)
    return cases


CASES: Final = _cases()
