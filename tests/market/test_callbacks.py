"""Functions of the user's that are called with events, and DataFrames of one moment."""

from __future__ import annotations

import asyncio
import gc
import itertools
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from orderfox_nb import engine as engines
from orderfox_nb.clock import ManualClock
from orderfox_nb.config import load_settings
from orderfox_nb.core.events import Event, Topic
from orderfox_nb.engine import Engine
from orderfox_nb.errors import BadValue, FeedError
from orderfox_nb.market.connection import Market
from tests.desk.scripted import VENUE, ScriptedFeed, delta, live, snapshot, trade

pytestmark = pytest.mark.widgets

NOW_US = 1_722_470_400_000_000
TRADES, BOOK = Topic(VENUE, "BTCUSDT", "trades"), Topic(VENUE, "BTCUSDT", "book")
WAIT_S = 60


@pytest.fixture
def feed() -> ScriptedFeed:
    feed = ScriptedFeed(ManualClock(NOW_US))
    feed.preludes[TRADES] = [trade(NOW_US, 1), live(NOW_US)]
    feed.preludes[BOOK] = [snapshot(NOW_US, [(100.0, 1.0)], [(101.0, 1.0)]), live(NOW_US)]
    return feed


@pytest.fixture
def market(feed: ScriptedFeed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Market]:
    """A market on a scripted feed, which really runs on the engine's thread."""
    monkeypatch.setattr(engines, "open_feeds", lambda *_: [feed])
    engine = Engine(load_settings(ORDERFOX_URL="", BACKEND_URL="", ORDERFOX_DATA_DIR=str(tmp_path))).start()
    try:
        yield Market(engine)
    finally:
        engine.stop()


def send(market: Market, feed: ScriptedFeed, topic: Topic, *events: Event) -> None:
    async def put() -> None:
        feed.put(topic, *events)

    market._engine.run(put())


def reach(market: Market, feed: ScriptedFeed, count: int, of: Callable[[], int]) -> None:
    """Send trades until as many calls were made: a reader is there only some time after it was asked for."""
    numbers = itertools.count(2)

    def enough() -> bool:
        number = next(numbers)
        send(market, feed, TRADES, trade(NOW_US + number, number))
        return of() >= count

    eventually(enough)


def eventually(condition: Callable[[], bool]) -> None:
    for _ in range(WAIT_S * 100):
        if condition():
            return
        threading.Event().wait(0.01)
    raise AssertionError("it did not happen")


def test_a_callback_gets_each_trade_in_order_in_a_thread_until_it_is_closed(market: Market, feed: ScriptedFeed):
    assert len(market["BTCUSDT"].trades.df) == 1
    got: list[str] = []
    threads: set[threading.Thread] = set()

    def note(event: Any) -> None:
        got.append(event.id)
        threads.add(threading.current_thread())

    with market["BTCUSDT"].trades.on(note) as subscription:
        reach(market, feed, 5, lambda: len(got))
        assert not subscription.closed
    assert subscription.closed
    calls = len(got)
    numbers = [int(each) for each in got]
    assert numbers == list(range(numbers[0], numbers[0] + calls))
    assert len(threads) == 1
    assert threads.isdisjoint({threading.main_thread(), market._engine._thread})
    before = len(market["BTCUSDT"].trades.df)
    send(market, feed, TRADES, trade(NOW_US + 10**6, 10**6))
    eventually(lambda: len(market["BTCUSDT"].trades.df) > before)
    assert len(got) == calls
    assert (subscription.calls, subscription.errors) == (calls, 0)
    subscription.close()


def test_an_error_of_a_callback_is_reported_and_ends_nothing(
    market: Market, feed: ScriptedFeed, caplog: pytest.LogCaptureFixture
):
    calls: list[Any] = []

    def fail(event: Any) -> None:
        calls.append(event)
        raise ZeroDivisionError("mine")

    subscription = market["BTCUSDT"].trades.on(fail)
    reach(market, feed, 9, lambda: len(calls))
    market.close()
    assert subscription.closed
    assert subscription.errors == subscription.calls == len(calls)
    assert isinstance(subscription.error, ZeroDivisionError)
    reports = [record for record in caplog.records if "callback of scripted/BTCUSDT/trades failed" in record.message]
    assert 4 <= len(reports) < len(calls)
    assert market._engine.running
    assert len(market["BTCUSDT"].trades.df) > 1


async def test_with_a_running_loop_it_is_called_there_and_a_coroutine_is_awaited(market: Market, feed: ScriptedFeed):
    of = await asyncio.to_thread(lambda: market["BTCUSDT"])
    got: list[Any] = []

    async def note(event: Any) -> None:
        await asyncio.sleep(0)
        got.append((event.id, threading.current_thread()))
        if len(got) == 3:
            subscription.close()

    subscription = of.trades.on(note)
    await asyncio.to_thread(reach, market, feed, 3, lambda: len(got))
    assert {thread for _, thread in got} == {threading.main_thread()}
    assert subscription.closed
    await asyncio.to_thread(send, market, feed, TRADES, trade(NOW_US + 10**6, 10**6))
    await asyncio.gather(
        *(task for task in asyncio.all_tasks() if "callback" in task.get_name()), return_exceptions=True
    )
    assert len(got) == 3


def test_a_stream_that_ends_ends_the_callback(market: Market, feed: ScriptedFeed):
    subscription = market["BTCUSDT"].trades.on(print)
    send(market, feed, TRADES)
    market._engine.run(_fail(feed))
    eventually(lambda: subscription.closed)
    assert isinstance(subscription.error, FeedError)


async def _fail(feed: ScriptedFeed) -> None:
    feed.fail(TRADES, FeedError(VENUE, "gone"))


def test_more_trades_than_the_tape_has_are_kept_when_asked(market: Market, feed: ScriptedFeed):
    trades = market["BTCUSDT"].trades
    for wrong in (0, 1_000_001):
        with pytest.raises(BadValue, match="count"):
            trades.keep(wrong)
    assert len(trades.keep(3_000).df) == 1
    send(market, feed, TRADES, *(trade(NOW_US + number, number) for number in range(2, 2_001)))
    eventually(lambda: len(trades.df) == 2_000)
    assert trades.df["id"].tolist() == [str(number) for number in range(1, 2_001)]
    assert set(trades.df["aggressor"].cat.categories) == {"buy", "sell"}
    assert len(trades.keep(1_500).df) == 1_500
    with market.freeze():
        send(market, feed, TRADES, trade(NOW_US + 10**6, 10**6))
        changed = trades.df
        changed.loc[:, "price"] = 0.0
        assert trades.df["id"].iloc[-1] == "2000"
        assert min(trades.df["price"].to_list()) > 0
    changed = trades.df
    changed.iloc[:, 1] = 0.0
    assert min(trades.df["price"].to_list()) > 0
    # The stream ends and is opened again, with what its venue sends for a start.
    feed.preludes[TRADES] = [*(trade(NOW_US + number, number) for number in range(1_990, 2_010)), live(NOW_US)]
    market._engine.run(_fail(feed))
    eventually(lambda: trades_after_the_end(market) == "1000000")
    market.close()
    assert len(trades.df) == 20


def trades_after_the_end(market: Market) -> str:
    try:
        return market["BTCUSDT"].trades.df["id"].iloc[-1]
    except FeedError:
        return ""


def test_frozen_frames_are_of_one_moment(market: Market, feed: ScriptedFeed):
    btc = market["BTCUSDT"]
    with pytest.raises(FeedError, match="nothing is open yet"), market.freeze():
        pass
    before = btc.trades.df, btc.book.df
    with market.freeze() as moment:
        send(market, feed, TRADES, trade(NOW_US + 1, 2))
        send(market, feed, BOOK, delta(NOW_US + 1, 101, [(100.5, 3.0)], []))
        market._engine.run(asyncio.sleep(0))
        frozen = btc.trades.df, btc.book.df
        for frame, earlier in zip(frozen, before, strict=True):
            assert frame.equals(earlier)
        assert {frame.attrs["time_us"] for frame in frozen} == {round(moment.timestamp() * 1e6)}
        frozen[0].attrs["quality"]["state"] = "mine"
        assert btc.trades.quality["state"] == "live"
        with pytest.raises(FeedError, match="was not open when the market was frozen"):
            _ = btc.candles("1m").df
        with market.freeze():
            assert len(btc.trades.df) == 2
        assert len(btc.trades.df) == 1
    assert len(btc.trades.df) == 2
    assert btc.book.df["price"].tolist() == [101.0, 100.5, 100.0]


def test_a_market_that_is_dropped_releases_what_it_held(market: Market, feed: ScriptedFeed):
    dropped = Market(market._engine)
    dropped["BTCUSDT"].trades.keep(2_000)
    assert len(dropped["BTCUSDT"].trades.df) == 1
    topic = market._engine.desk.hub.state(TRADES)
    assert topic is not None
    assert topic.users == 1
    assert len(market["BTCUSDT"].book.df) == 2
    del dropped
    gc.collect()
    eventually(lambda: topic.users == 0)
    assert len(market["BTCUSDT"].book.df) == 2, "others read on"
