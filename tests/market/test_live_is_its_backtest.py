"""A live run of each built-in strategy does what the backtest of its recording does, order for order and fill for fill.

``ORDERFOX_HOUR=1`` runs them over an hour of the embedded exchange instead of twenty seconds of it.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from orderfox_nb import engine as engines
from orderfox_nb.bots.builtin.ema_cross import EmaCross
from orderfox_nb.bots.builtin.grid import GridMaker
from orderfox_nb.bots.builtin.imbalance_maker import ImbalanceMaker
from orderfox_nb.bots.builtin.liquidation_fade import LiquidationFade
from orderfox_nb.bots.gateway import NEVER_US
from orderfox_nb.bots.paper.queues import QueueModel
from orderfox_nb.bots.strategy import Strategy
from orderfox_nb.clock import ManualClock
from orderfox_nb.config import load_settings
from orderfox_nb.core.events import (
    BookDelta,
    BookSnapshot,
    Event,
    Liquidation,
    MarkPrice,
    Side,
    Topic,
    Trade,
    raw_levels,
)
from orderfox_nb.core.origin import Origin
from orderfox_nb.core.timeframes import SECOND_US
from orderfox_nb.engine import Engine
from orderfox_nb.feeds.base import Listing
from orderfox_nb.market.backtest.running import run_backtest
from orderfox_nb.market.connection import Market
from orderfox_nb.market.importing import import_recording
from orderfox_nb.market.paper.run import PaperRun
from orderfox_nb.market.recorded import RecordedMarket, open_recording
from orderfox_nb.sim.exchange import Exchange
from orderfox_nb.sim.facts import Fact, LevelFact, LiquidationFact, MarkFact, TradeFact
from tests.desk.scripted import BTC, VENUE, ScriptedFeed, live

pytestmark = pytest.mark.server

HOUR = os.environ.get("ORDERFOX_HOUR") == "1"
SPAN_S = 3_600 if HOUR else 20
START_US = 1_790_000_000_000_000
MODELS = [QueueModel()]
BUILT_IN: dict[str, Callable[[], Strategy]] = {
    "grid": lambda: GridMaker(levels=3, step=1),
    "maker": ImbalanceMaker,
    "cross": lambda: EmaCross(fast=1, slow=2),
    "fade": lambda: LiquidationFade(notional=1_000, hold="5s"),
}


class ExchangeFeed(ScriptedFeed):
    """A venue on a clock that a test moves, with the market of the embedded exchange."""

    def __init__(self, exchange: Exchange) -> None:
        super().__init__(ManualClock(exchange.start_us))
        self.market = exchange.markets[0]
        listing = self.market.listing
        sizes = {"tick_size": listing.tick_size, "lot_size": listing.lot_size}
        self.instrument = replace(BTC, symbol=listing.symbol, **sizes)
        self.rows = [Listing(instrument=self.instrument)]
        self.number = 0

    @property
    def origin(self) -> Origin:
        return Origin(source=VENUE, venue=VENUE, simulated=True, absent=("candles",))

    def levels(self, sizes: dict[int, int]) -> Any:
        return raw_levels([(self.instrument.price(tick), self.instrument.size(lots)) for tick, lots in sizes.items()])

    def begin(self) -> None:
        """Set what every stream begins with."""
        now_us = self.clock.now_us()
        _, bids, asks = self.market.depth(1_000)
        book = BookSnapshot(
            symbol=self.instrument.symbol,
            time_us=now_us,
            received_us=now_us,
            update_id=0,
            raw_bids=self.levels(dict(bids)),
            raw_asks=self.levels(dict(asks)),
        )
        for channel in ("book", "trades", "mark", "liquidations"):
            first = [book] if channel == "book" else []
            self.preludes[Topic(VENUE, "BTCUSDT", channel)] = [*first, live(now_us)]

    def step(self) -> list[tuple[str, Event]]:
        """Let 100 ms pass in the market; return what is published, in order."""
        now_us = self.clock.now_us() + 100_000
        found: list[tuple[str, Event]] = []
        changed: dict[str, dict[int, int]] = {"bid": {}, "ask": {}}
        for fact in self.market.advance(now_us):
            if isinstance(fact, LevelFact):
                changed[fact.side][fact.ticks] = fact.lots
            elif (event := self._event(fact)) is not None:
                found.append(event)
        before, self.number = self.number, self.number + 1
        change = BookDelta(
            symbol=self.instrument.symbol,
            time_us=now_us,
            received_us=now_us,
            first_id=self.number,
            last_id=self.number,
            previous_id=before,
            raw_bids=self.levels(changed["bid"]),
            raw_asks=self.levels(changed["ask"]),
        )
        return [*found, ("book", change)]

    def _event(self, fact: Fact) -> tuple[str, Event] | None:
        symbol = self.instrument.symbol
        if isinstance(fact, TradeFact):
            price, size = self.instrument.price(fact.price), self.instrument.size(fact.lots)
            side: Side = "sell" if fact.buyer_is_maker else "buy"
            times: Any = {"time_us": fact.time_us, "received_us": fact.time_us}
            number: dict[str, Any] = {"id": str(fact.agg_id), "sequence": fact.agg_id}
            return "trades", Trade(symbol=symbol, price=price, size=size, aggressor=side, **number, **times)
        if isinstance(fact, MarkFact):
            times = {"time_us": fact.time_us, "received_us": fact.time_us}
            prices = {"mark_price": fact.mark, "index_price": fact.index, "funding_rate": fact.funding_rate}
            return "mark", MarkPrice(symbol=symbol, next_funding_us=fact.next_funding_us, **prices, **times)
        if isinstance(fact, LiquidationFact) and fact.sampled:
            times = {"time_us": fact.event_us, "received_us": fact.event_us}
            size = self.instrument.size(fact.lots_filled)
            return "liquidations", Liquidation(
                symbol=symbol, side=fact.side, size=size, price=fact.average_price, **times
            )
        return None


def play(market: Market, feed: ExchangeFeed, span_s: float) -> None:
    """Let the market run on the engine's loop, as fast as everybody there follows."""

    async def run() -> None:
        end_us = feed.clock.now_us() + int(span_s * SECOND_US)
        while feed.clock.now_us() < end_us:
            for channel, event in feed.step():
                feed.clock._now_us = max(feed.clock.now_us(), event.time_us)
                feed.put(Topic(VENUE, "BTCUSDT", channel), event)
                for _ in range(4):
                    await asyncio.sleep(0)
            # A run in its thread must not fall behind by more than its inbox.
            await asyncio.sleep(0.0005)

    market.engine.run(run(), timeout_s=1_800)


@contextmanager
def opened(feed: ScriptedFeed | None, source: str, folder: Path) -> Iterator[Market]:
    settings = load_settings(ORDERFOX_SOURCE=source, data_dir=folder, ORDERFOX_RECORDING="1")
    with pytest.MonkeyPatch.context() as patch:
        if feed is not None:
            patch.setattr(engines, "open_feeds", lambda *_: [feed])
        engine = Engine(settings)
    engine.start()
    try:
        yield Market(engine)
    finally:
        engine.stop()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("live")


@pytest.fixture(scope="module")
def runs(folder: Path) -> Iterator[dict[str, PaperRun]]:
    exchange = Exchange(7, 1, start_us=START_US, liquidation_rate=100)
    feed = ExchangeFeed(exchange)
    feed.market.advance(START_US)
    feed.begin()
    with opened(feed, "sim", folder) as market:
        found = {name: market["BTCUSDT"].run(make(), models=MODELS) for name, make in BUILT_IN.items()}
        for run in found.values():
            assert run.wait(60, until=lambda each: each.start_us < NEVER_US), run
        play(market, feed, SPAN_S + 1)
        end_us = START_US + SPAN_S * SECOND_US
        for run in found.values():
            assert run.wait(600, until=lambda each: each._session.desk.now_us >= end_us), run
            assert not run.error, run.error
            run.stop()
        market.engine.run(market._desk.recorder.flush())
        yield found
        market.close()


@pytest.fixture(scope="module")
def recording(folder: Path, runs: dict[str, PaperRun]) -> RecordedMarket:
    (path,) = (folder / "recordings").iterdir()
    return open_recording(path)


def check(run: PaperRun, make: Callable[[], Strategy], recording: RecordedMarket) -> None:
    """Compare a run with the replay of what it saw, with that of a recording, and with a backtest from its start."""
    for report in (run.parity(progress=False), run.parity(recording, progress=False)):
        assert report.same, str(report)
        assert report.orders == len(run.orders)
    part = recording[run.result().start_us :]
    tested = run_backtest(make(), part, symbol="BTCUSDT", models=MODELS, progress=False)
    for name in ("orders", "fills"):
        live, replayed = getattr(run, name), getattr(tested, name)
        columns = ["number", "side", "price", "size"]
        # The recording goes on a little longer than the run.
        shared = replayed.iloc[: len(live)]
        assert live.index.equals(shared.index), name
        assert live[columns].equals(shared[columns]), name
    print(f"{run.strategy!r}: {run.acted:,} events, {len(run.orders)} orders, {len(run.fills)} fills, the same")


@pytest.mark.parametrize("name", BUILT_IN)
def test_a_live_run_is_the_backtest_of_its_recording(name: str, runs: dict[str, PaperRun], recording: RecordedMarket):
    run = runs[name]
    assert run.acted
    if name in {"grid", "maker"}:
        # They quote at any time of any market.
        assert len(run.orders)
    check(run, BUILT_IN[name], recording)


def test_a_run_on_the_btcusdt_file_is_the_replay_of_what_it_saw(recordings: Path, tmp_path: Path):
    recording = import_recording(recordings / "usdm_btcusdt_20240808.gz", out=tmp_path / "imported")
    source, span_us = f"recording:{recording.recording.path}?speed=60", 120 * SECOND_US
    with opened(None, source, tmp_path / "data") as market:
        found = {name: market["BTCUSDT"].run(make(), models=MODELS) for name, make in BUILT_IN.items()}
        for name, run in found.items():
            assert run.wait(300, until=lambda each: each._session.desk.now_us >= each.start_us + span_us), run
            report = run.stop().parity(progress=False)
            assert report.same, str(report)
            if name in {"grid", "maker"}:
                assert report.fills == len(run.fills) > 0
        market.close()
