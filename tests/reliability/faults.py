"""One fault on one channel: how it is brought about, when it is seen, and when all is as the exchange has it again."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import AsyncExitStack
from dataclasses import dataclass
from functools import partial
from typing import Any, Final, TypeVar

from orderfox_nb.core.events import Channel
from orderfox_nb.desk.topic import TopicState
from tests.feeds.stages import Eager
from tests.reliability.rig import SYMBOL, MarketKind, QuietLoop, Rig, live, open_rig
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
OKX_REST: Final[dict[Channel, str]] = {
    "trades": "/api/v5/market/trades",
    "candles": "/api/v5/market/candles",
}
DERIBIT_REST: Final[dict[Channel, str]] = {
    "trades": "/api/v2/public/get_last_trades_by_instrument",
    "candles": "/api/v2/public/get_tradingview_chart_data",
}
_CALM_S: Final = 3.0
_PATIENCE_S: Final = 150.0

Result = TypeVar("Result")
Strike = Callable[[Rig, Channel], Awaitable[None] | None]


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


def unanswered_hole(status: int) -> Strike:
    """Lose the first frame after a cut, and refuse to say what was in it: the cut alone may have lost nothing."""

    def strike(rig: Rig, channel: Channel) -> None:
        _add(rig, "status", path=_rest_path(rig, channel), status=status, count=2)
        _add(rig, "drop", stream=rig.stream(channel))
        _add(rig, "cut", stream=rig.stream(channel))

    return strike


def _rest_path(rig: Rig, channel: Channel) -> str:
    match rig.market:
        case "deribit":
            return DERIBIT_REST[channel]
        case "bybit" | "ccxt-bybit":
            return BYBIT_REST[channel]
        case "ccxt-okx" if channel == "candles":
            # ccxt's, since the time of the rig is long past.
            return "/api/v5/market/history-candles"
        case "okx" | "ccxt-okx":
            return OKX_REST[channel]
        case "spot":
            return REST[channel].replace("/fapi/v1", "/api/v3")
        case _:
            return REST[channel]


def reopened(kind: str, *, count: int = 1, seconds: float = 0.0) -> Strike:
    """Strike the frames with which the stream opens, after its socket was cut."""

    def strike(rig: Rig, channel: Channel) -> None:
        _add(rig, kind, stream=rig.stream(channel), count=count, seconds=seconds)
        _add(rig, "cut", stream=rig.stream(channel))

    return strike


async def cut_twice(rig: Rig, channel: Channel) -> None:
    """Cut the socket again before the snapshot has come."""
    await asyncio.sleep(0)
    _add(rig, "delay", stream=rig.stream(channel), seconds=1.0)
    _add(rig, "cut", stream=rig.stream(channel))
    await rig.run(0.5)
    _add(rig, "cut", stream=rig.stream(channel))


async def old_snapshot(rig: Rig, channel: Channel) -> None:
    """Let the stream open with the snapshot of a second ago, twice."""
    _add(rig, "stale_snapshot", stream=rig.stream(channel), count=2)
    await rig.run(1)
    _add(rig, "cut", stream=rig.stream(channel))


def stale_snapshot(rig: Rig, channel: Channel) -> None:
    """Let three snapshots be those of now, after the socket was cut."""
    _add(rig, "stale_snapshot", count=3)
    _add(rig, "cut", stream=rig.stream(channel))


def refused(rig: Rig, channel: Channel) -> None:
    """Cut the socket and refuse two new ones."""
    if rig.market == "bybit":
        path = "/v5/public/linear"
    elif rig.market == "okx":
        path = f"/ws/v5/{'business' if channel == 'candles' else 'public'}"
    elif rig.market == "deribit":
        path = "/ws/api/v2"
    else:
        path = ("" if rig.market == "spot" else "/public" if channel == "book" else "/market") + "/stream"
    _add(rig, "status", path=path, status=451, count=2)
    _add(rig, "cut", stream=rig.stream(channel))


def restart(rig: Rig, _: Channel) -> None:
    """Let the ids of the book start over with a snapshot."""
    _add(rig, "restart", symbol=SYMBOL)


def renumber(rig: Rig, _: Channel) -> None:
    """Let the ids of the book go on from a small one within the chain, as after a maintenance."""
    _add(rig, "renumber", symbol=SYMBOL)


def _add(rig: Rig, kind: str, **options: Any) -> None:
    rig.add_fault(kind, **options)


async def measure(case: Case) -> Figures:
    """Inject a fault while every channel is watched, and check until all of them are equal to the truth.

    Raises:
        AssertionError: As ``strike``.
    """
    async with open_rig(market=case.market) as rig:
        states = await rig.open(*(rig.topic(channel) for channel in rig.channels))
        await rig.run(_CALM_S)
        return await strike(rig, states, case)


class SharedRig:
    """A rig that the cases of one market strike one after another; one that is not healed ends it.

    Args:
        market: Which one.
    """

    def __init__(self, market: MarketKind) -> None:
        self._market: MarketKind = market
        self._runner = asyncio.Runner(loop_factory=QuietLoop)
        self._stack = AsyncExitStack()
        self._open: tuple[Rig, list[TopicState]] | None = None

    def measure(self, case: Case) -> Figures:
        """Do what ``measure`` does, on a market that earlier cases may have struck."""
        return self.play(partial(strike, case=case, calm_s=1.0))

    def play(self, scene: Callable[[Rig, list[TopicState]], Coroutine[Any, Any, Result]]) -> Result:
        """Run a scene on the market, with the states of every channel; a scene that fails ends the rig."""
        return self._runner.run(self._played(scene))

    def close(self) -> None:
        """End the rig."""
        with self._runner:
            self._runner.run(self._stack.aclose())

    async def _played(self, scene: Callable[[Rig, list[TopicState]], Coroutine[Any, Any, Result]]) -> Result:
        if self._open is None:
            # Reconnecting takes longer each time, and cases are sooner than a connection counts as good.
            rig = await self._stack.enter_async_context(open_rig(market=self._market, random=Eager()))
            states = await rig.open(*(rig.topic(channel) for channel in rig.channels))
            await rig.run(_CALM_S)
            self._open = rig, states
        try:
            return await scene(*self._open)
        except BaseException:
            self._open = None
            await self._stack.aclose()
            raise


async def strike(rig: Rig, states: list[TopicState], case: Case, *, calm_s: float = _CALM_S) -> Figures:
    """Inject a fault into a market that is as it should be, and wait until it is so again for ``calm_s``.

    Raises:
        AssertionError: A part of the fault met nothing; it was not seen, reported where nothing was lost, or not
            healed, each within its bound; or a wrong book was shown as live for longer than the fault may go unseen.
    """
    # Spot sends its bars each two seconds.
    every_us = 2_000_000 if case.market == "spot" else 1_000_000
    state = states[rig.channels.index(case.channel)]
    if case.at_second >= 0:
        await rig.run((case.at_second - rig.clock.now_us() / 1e6) % 60)
    start_us = rig.clock.now_us()
    before, applied = len(state.quality.intervals()), rig.server.faults.applied.copy()
    rig.added.clear()
    if (striking := case.strike(rig, case.channel)) is not None:
        await striking
    seen_s, healed_s, right_s = None, 0.0, 0.0
    await rig.until(lambda: True, within_s=1)
    while True:
        passed_s = (rig.clock.now_us() - start_us) / 1e6
        whole = rig.clock.now_us() % every_us == 0
        if seen_s is None and len(state.quality.intervals()) > before:
            seen_s = passed_s
        if case.lasts_s and passed_s >= case.lasts_s:
            rig.server.faults.clear()
        if whole and case.channel == "book":
            right_s = passed_s if not live(state) or not differences(rig, state) else right_s
            unseen_s = case.healed_s if case.seen_s is None else case.seen_s
            assert passed_s - right_s <= unseen_s + every_us / 1e6, f"{case}: a wrong book is live"
        over_s = passed_s - case.lasts_s
        if over_s >= 0 and live(state) and (case.seen_s is None or seen_s is not None):
            healed_s = healed_s or max(over_s, 0.0)
            struck = all(rig.server.faults.applied[kind] > applied[kind] for kind in rig.added)
            if whole and over_s > calm_s and struck and _equal(rig, states):
                break
        else:
            healed_s = 0.0
        assert passed_s < case.lasts_s + _PATIENCE_S, f"{case}: {_report(rig, states)}"
        await rig.run(0.05)
    rig.server.faults.clear()
    found = state.quality.intervals()[before:]
    lapses = tuple(dict.fromkeys(lapse.state for lapse in found))
    if case.seen_s is None:
        assert not lapses, f"{case}: nothing was lost and {found} was reported"
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
