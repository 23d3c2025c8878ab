"""Two runs of a bot over one tape are the same, or the report names what differs."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from orderfox_nb.bots.builtin.ema_cross import EmaCross
from orderfox_nb.bots.builtin.grid import GridMaker
from orderfox_nb.bots.builtin.imbalance_maker import ImbalanceMaker
from orderfox_nb.bots.builtin.liquidation_fade import LiquidationFade
from orderfox_nb.bots.latency import Latency
from orderfox_nb.bots.parity import parity
from orderfox_nb.bots.session import BotSession
from orderfox_nb.bots.strategy import Strategy
from orderfox_nb.core.events import Event, Trade
from tests.bots.judge import RECORDING, recorded_market
from tests.bots.sessions import EventScript, session_of

pytestmark = pytest.mark.core

BUILT_IN = {
    "grid": lambda: GridMaker(size="0.004", levels=3, step=2, period="10ms", max_position="0.02"),
    "maker": lambda: ImbalanceMaker(size="0.004", period="10ms", max_position="0.02"),
    "cross": lambda: EmaCross(size="0.004", fast=1, slow=2),
    "fade": lambda: LiquidationFade(size="0.004", notional=100, profit=2, hold="1s"),
}


def tape() -> list[tuple[Event, str]]:
    """A market that swings, with candles, liquidations and a gap."""
    script = EventScript()
    events: list[tuple[Event, str]] = [(script.book({999: 9, 998: 9}, {1_001: 9, 1_002: 9}), "book")]
    for turn in range(150):
        middle = 1_000 + abs(turn % 40 - 20)
        below, above = {middle - 1: 5, middle - 2: 9}, {middle + 1: 5 + turn % 3, middle + 2: 9}
        gone = dict.fromkeys(range(990, middle - 2), 0), dict.fromkeys(range(middle + 3, 1_030), 0)
        crossed = dict.fromkeys(range(990, middle + 1), 0), dict.fromkeys(range(middle, 1_030), 0)
        events.append((script.change({**crossed[1], **gone[0], **below}, {**crossed[0], **gone[1], **above}), "book"))
        down = turn % 2
        events.append((script.trade(middle - 1 if down else middle + 1, 8, "sell" if down else "buy"), "trades"))
        if turn % 10 == 0:
            open_us = script.now_us // 60_000_000 * 60_000_000
            events.append((script.candle(middle / 10, open_us=open_us, after_us=60_000_000), "candles"))
            events.append((script.liquidation("sell", 100, 5), "liquidations"))
            events.append((script.mark(middle), "mark"))
        if turn == 70:
            events += [(script.gap(), "trades")]
    return events


def live_run(make: Callable[[], Strategy], **options: Any) -> tuple[list[tuple[Event, str]], BotSession]:
    events, session = tape(), session_of(make(), latency=Latency.lognormal(5_000, 3_000), seed=3, **options)
    for event, channel in events:
        session.apply(event, channel)
    session.finish()
    assert session.error is None, session.error.trace
    return events, session


@pytest.mark.parametrize("name", BUILT_IN)
def test_a_built_in_trades_and_its_replay_is_the_same_order_for_order(name: str):
    events, live = live_run(BUILT_IN[name])
    assert live.fills
    replayed = session_of(BUILT_IN[name](), latency=Latency.lognormal(5_000, 3_000), seed=3)
    digest = live.digest()
    report = parity(live.drain(), events, replayed)
    assert report.same, str(report)
    assert report.orders > 0
    assert replayed.digest() == digest


@pytest.fixture(scope="module")
def recorded(recordings: Path) -> list[Event]:
    """The first minutes of the BTCUSDT recording."""
    return recorded_market(recordings / RECORDING)[:10_000]


@pytest.mark.parametrize(
    "make",
    [
        lambda: GridMaker(levels=3, step=1),
        lambda: ImbalanceMaker(size="0.020"),
        lambda: EmaCross(fast=1, slow=2),
    ],
    ids=["grid", "maker", "cross"],
)
def test_a_run_over_a_recording_is_the_same_when_it_is_resumed_and_when_it_is_replayed(
    recorded: list[Event], make: Callable[[], Strategy]
):
    def session() -> BotSession:
        return session_of(make(), latency=Latency.lognormal(10_000, 5_000), channels=("book", "trades"))

    def apply(to: BotSession, events: list[Event]) -> BotSession:
        for event in events:
            to.apply(event)
        assert to.error is None, to.error.trace
        return to

    live = apply(session(), recorded[:5_000])
    resumed = session()
    resumed.restore(live.snapshot())
    apply(live, recorded[5_000:]).finish()
    apply(resumed, recorded[5_000:]).finish()
    digest, done = live.digest(), live.drain()
    assert resumed.digest() == digest
    assert resumed.drain() == done
    assert done.fills
    replayed = session()
    report = parity(done, ((event, "") for event in recorded), replayed)
    assert report.same, str(report)
    assert replayed.digest() == digest


def test_another_fill_rule_is_named_as_the_cause(monkeypatch: pytest.MonkeyPatch):
    events, live = live_run(BUILT_IN["grid"])
    replayed = session_of(BUILT_IN["grid"](), latency=Latency.lognormal(5_000, 3_000), seed=3)
    apply = replayed.venue.apply

    def through_only(event: Event) -> None:
        """A venue that forgets what was traded at an order's own price."""
        if type(event) is not Trade:
            apply(event)

    monkeypatch.setattr(replayed.venue, "apply", through_only)
    report = parity(live.drain(), events, replayed)
    assert not report.same
    assert report.differences[0].cause == "fill"
    assert "a fill" in report.differences[0].what or "a report" in report.differences[0].what
    assert {each.cause for each in report.differences[1:]} <= {"fill", "follows"}
    assert str(report).startswith("fill: order ")


def test_another_latency_is_named_as_the_cause():
    events, live = live_run(BUILT_IN["grid"])
    replayed = session_of(BUILT_IN["grid"](), latency=Latency.lognormal(6_000, 3_000), seed=3)
    assert parity(live.drain(), events, replayed).differences[0].cause == "latency"


def test_another_strategy_is_named_as_the_cause():
    events, live = live_run(BUILT_IN["grid"])
    other = GridMaker(size="0.005", levels=3, step=2, period="10ms", max_position="0.02")
    replayed = session_of(other, latency=Latency.lognormal(5_000, 3_000), seed=3)
    assert parity(live.drain(), events, replayed).differences[0].cause == "strategy"
