"""A strategy on paper in a notebook, on a venue that a test plays."""

from __future__ import annotations

import asyncio
import sys
import threading
from collections.abc import Iterator, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from tqdm import tqdm

from orderfox_nb import engine as engines
from orderfox_nb.bots.paper.queues import QueueModel
from orderfox_nb.bots.paper.venue import PaperVenue
from orderfox_nb.bots.parameters import Size
from orderfox_nb.bots.strategy import Strategy
from orderfox_nb.clock import ManualClock
from orderfox_nb.config import load_settings
from orderfox_nb.core.events import Event, Gap, Topic, Trade
from orderfox_nb.engine import Engine
from orderfox_nb.errors import BadValue
from orderfox_nb.market.connection import Market
from orderfox_nb.market.paper import replaying
from orderfox_nb.market.paper.inlet import DeskInlet
from orderfox_nb.market.paper.run import MAX_RUNS, PaperRun
from orderfox_nb.market.recorded import open_recording
from tests.desk.scripted import ScriptedFeed
from tests.market.made_market import DELAY_US, market_events
from tests.recording.made import BOOK, START_US

pytestmark = pytest.mark.widgets

PRELUDE = 4
"""Events before the first one of the market."""
SECONDS = 60
FINAL = {"filled", "cancelled", "expired", "rejected", "sent"}
"""States of orders behind the end: one that was on its way never arrives."""


class LivePair(Strategy):
    """Quotes both sides at the touch, once a second."""

    reads = ("book", "trades", "mark")
    size: Size = Decimal("0.010")

    def on_start(self, desk):
        desk.every("1s")
        desk.log("begins")

    def on_timer(self, _timer, desk):
        desk.cancel_all()
        desk.buy(self.size, at=desk.book.best_bid, post_only=True)
        desk.sell(self.size, at=desk.book.best_ask, post_only=True)


class FailsOnMark(LivePair):
    """Fails with the third mark price."""

    def on_start(self, desk):
        super().on_start(desk)
        self.left = 3

    def on_mark(self, _mark, _desk):
        self.left -= 1
        if not self.left:
            raise ValueError("<b>mine</b>")


class HoldsLock(LivePair):
    """Has an attribute that no snapshot can keep."""

    def on_start(self, desk):
        super().on_start(desk)
        self.lock = threading.Lock()


@pytest.fixture
def feed() -> ScriptedFeed:
    feed = ScriptedFeed(ManualClock(START_US - 1))
    for topic, event in market_events(SECONDS)[:PRELUDE]:
        feed.preludes[topic] = [*feed.preludes.get(topic, ()), event]
    return feed


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path


@pytest.fixture
def market(feed: ScriptedFeed, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Market]:
    monkeypatch.setattr(engines, "open_feeds", lambda *_: [feed])
    settings = load_settings(ORDERFOX_URL="", BACKEND_URL="", ORDERFOX_DATA_DIR=str(folder), ORDERFOX_RECORDING="1")
    engine = Engine(settings).start()
    try:
        yield Market(engine)
    finally:
        engine.stop()


def play(market: Market, feed: ScriptedFeed, events: Sequence[tuple[Topic, Event]]) -> None:
    """Have events arrive one after the other, at their times."""

    async def send() -> None:
        for topic, event in events:
            feed.clock._now_us = max(feed.clock.now_us(), event.time_us + DELAY_US)
            feed.put(topic, event)
            for _ in range(4):
                await asyncio.sleep(0)

    market.engine.run(send())


def reach(run: PaperRun, events: int) -> None:
    """Wait until a run has applied so many events."""
    assert run.wait(60, until=lambda each: each.result().events >= events or not each.running), run


def played(market: Market, feed: ScriptedFeed, strategy: Strategy, seconds: int = SECONDS, **options: Any) -> PaperRun:
    """Return a run that has applied a market."""
    run = market["BTCUSDT"].run(strategy, **options)
    reach(run, PRELUDE)
    events = market_events(seconds)[PRELUDE:]
    play(market, feed, events)
    reach(run, PRELUDE + len(events))
    return run


def test_a_run_shows_what_it_does_and_a_replay_of_what_it_saw_is_the_same(market: Market, feed: ScriptedFeed):
    run = played(market, feed, LivePair())
    assert (run.running, run.state, run.reason, run.error) == (True, "running", "", "")
    orders, fills, equity = run.orders, run.fills, run.equity
    assert len(orders)
    assert len(fills)
    assert list(equity.columns) == ["risk_averse", "log", "power", "low", "high", "price"]
    first = fills.query("model == 'risk_averse'")
    assert run.position.size == pytest.approx(first["position"].tolist()[-1])
    assert list(run.log["text"]) == ["begins"]
    # While it goes on, and when it has ended.
    during = run.parity(progress=False)
    assert during.same, str(during)
    assert during.fills == len(fills)
    assert run.stop() is run
    assert (run.running, run.state, run.reason) == (False, "stopped", "stopped by hand")
    assert set(run.orders["state"]) <= FINAL
    after = run.parity(progress=False)
    assert after.same, str(after)
    assert after.orders == len(run.orders)
    assert not market._held.runs
    text, html = run._described()
    assert "LivePair" in text
    assert "risk averse" in html


def test_the_replay_of_its_recording_is_the_same(market: Market, feed: ScriptedFeed, folder: Path):
    run = played(market, feed, LivePair()).stop()
    market.engine.run(market._desk.recorder.flush())
    (path,) = (folder / "recordings").iterdir()
    report = run.parity(path, progress=False)
    assert report.same, str(report)
    assert report.orders == len(run.orders)
    with pytest.raises(BadValue, match="of the whole run"):
        run.parity(open_recording(path)[: START_US + 20_000_000], progress=False)


def test_a_progress_bar_goes_away_in_a_notebook(
    market: Market, feed: ScriptedFeed, folder: Path, monkeypatch: pytest.MonkeyPatch
):
    closed: list[tuple[float, float | None]] = []

    class NotebookBar(tqdm):
        def close(self) -> None:
            # In a notebook, one that is not at its total stays as that of a failure.
            closed.append((self.n, self.total))
            super().close()

    monkeypatch.setattr(replaying, "tqdm", NotebookBar)
    monkeypatch.setitem(sys.modules, "ipykernel", sys)
    run = played(market, feed, LivePair()).stop()
    market.engine.run(market._desk.recorder.flush())
    (path,) = (folder / "recordings").iterdir()
    run.parity()
    run.parity(path)
    with pytest.raises(BadValue, match="of the whole run"):
        run.parity(open_recording(path)[: START_US + 20_000_000])
    assert len(closed) >= 3
    assert all(count == total for count, total in closed)


def test_another_fill_rule_is_named(market: Market, feed: ScriptedFeed, monkeypatch: pytest.MonkeyPatch):
    run = played(market, feed, LivePair(), models=[QueueModel("risk_averse")])
    real = PaperVenue.apply

    def deaf(venue: PaperVenue, event: Event) -> None:
        if type(event) is not Trade:
            real(venue, event)

    monkeypatch.setattr(PaperVenue, "apply", deaf)
    report = run.parity(progress=False)
    assert report.differences[0].cause == "fill", str(report)


def test_an_error_of_the_strategy_ends_it_and_names_the_line(market: Market, feed: ScriptedFeed):
    run = market["BTCUSDT"].run(FailsOnMark())
    reach(run, PRELUDE)
    play(market, feed, market_events(10)[PRELUDE:])
    assert run.wait(60)
    assert run.state == "failed"
    assert "on_mark, line " in run.error
    assert 'raise ValueError("<b>mine</b>")' in run.error
    assert run.traceback.startswith("Traceback")
    assert "&lt;b&gt;mine" in run._described()[1]
    assert set(run.orders["state"]) <= FINAL
    report = run.parity(progress=False)
    assert report.same, str(report)


def paper_run(market: Market, strategy: Strategy, max_events: int) -> PaperRun:
    inlet = DeskInlet(market.engine, market._desk, market["BTCUSDT"].instrument, strategy)
    return PaperRun(strategy, inlet, max_events=max_events, owner=market._held.runs)


@pytest.mark.parametrize("strategy", [LivePair(), HoldsLock()], ids=["kept", "unkept"])
def test_a_long_run_keeps_its_newest_stretch_only(market: Market, feed: ScriptedFeed, folder: Path, strategy: Strategy):
    run = paper_run(market, strategy, max_events=100)
    reach(run, PRELUDE)
    events = market_events(SECONDS)
    for start in range(PRELUDE, len(events), 90):
        play(market, feed, events[start : start + 90])
        reach(run, min(start + 90, len(events)))
    run.stop()
    market.engine.run(market._desk.recorder.flush())
    (path,) = (folder / "recordings").iterdir()
    from_recording = run.parity(path, progress=False)
    assert from_recording.same, str(from_recording)
    assert 0 < from_recording.orders < len(run.orders)
    if isinstance(strategy, HoldsLock):
        with pytest.raises(BadValue, match="lock"):
            run.parity()
    else:
        report = run.parity(progress=False)
        assert report.same, str(report)
        assert report.orders == from_recording.orders


def test_closing_the_market_ends_its_runs(market: Market, feed: ScriptedFeed):
    run = played(market, feed, LivePair(), seconds=3)
    market.close()
    assert not run.running
    assert run.reason == "the market was closed"
    assert not [each for each in threading.enumerate() if each.name.startswith("paper run")]


def test_a_restart_of_what_is_played_ends_it(market: Market, feed: ScriptedFeed):
    feed.recorded = True
    run = played(market, feed, LivePair(), seconds=3)
    play(market, feed, [(BOOK, Gap(symbol="BTCUSDT", time_us=START_US, reason="moved", restart=True))])
    assert run.wait(60)
    assert run.reason == "the playhead was moved"
    assert run.parity(progress=False).same


def test_what_cannot_be_run_is_an_error(market: Market, feed: ScriptedFeed):
    symbol = market["BTCUSDT"]
    with pytest.raises(BadValue, match="instance"):
        symbol.run(LivePair)  # type: ignore[arg-type]
    with pytest.raises(BadValue, match="queue model"):
        symbol.run(LivePair(), models=[])
    runs = [symbol.run(LivePair(), models=[QueueModel()]) for _ in range(MAX_RUNS)]
    with pytest.raises(BadValue, match="stop\\(\\) another"):
        symbol.run(LivePair())
    runs[0].stop()
    symbol.run(LivePair()).stop()
    market.close()
    assert not any(run.running for run in runs)


def test_a_slow_callback_delays_no_other_reader(market: Market, feed: ScriptedFeed):
    free = threading.Event()

    class SlowStart(LivePair):
        def on_start(self, desk):
            free.wait(60)

    run = market["BTCUSDT"].run(SlowStart())
    reach(run, PRELUDE)
    play(market, feed, market_events(3)[PRELUDE:])
    # The engine and the other channels of the market go on, and the run may be read.
    assert len(market["BTCUSDT"].trades.df)
    assert not len(run.fills)
    free.set()
    reach(run, len(market_events(3)))
    assert run.stop().reason == "stopped by hand"
