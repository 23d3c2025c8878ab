"""DataFrames of what seldom is: a symbol that never traded, times that go back, a contract without funding."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pandas as pd
import pytest

from orderfox_nb import engine as engines
from orderfox_nb.clock import ManualClock
from orderfox_nb.config import load_settings
from orderfox_nb.core.events import Event, MarkPrice, OpenInterest, Status, Topic
from orderfox_nb.engine import Engine
from orderfox_nb.errors import FeedError
from orderfox_nb.feeds.base import Listing
from orderfox_nb.market.connection import Market
from orderfox_nb.market.frames import funding_frame, mark_frame, trades_frame
from tests.desk.scripted import VENUE, ScriptedFeed, live, snapshot, ticker
from tests.desk.scripted import trade as trade_at

pytestmark = pytest.mark.widgets

NOW_US = 1_722_470_400_000_000
ATTRIBUTES: dict[str, Any] = {"symbol": "BTCUSDT"}


@pytest.fixture
def feed() -> ScriptedFeed:
    return ScriptedFeed(ManualClock(NOW_US))


@pytest.fixture
def market(feed: ScriptedFeed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Market]:
    """A market on a scripted feed, which really runs on the engine's thread."""
    monkeypatch.setattr(engines, "open_feeds", lambda *_: [feed])
    engine = Engine(load_settings(ORDERFOX_URL="", BACKEND_URL="", ORDERFOX_DATA_DIR=str(tmp_path))).start()
    try:
        yield Market(engine)
    finally:
        engine.stop()


def send_all(market: Market, feed: ScriptedFeed, topic: Topic, *events: Event) -> None:
    """Send events of a topic on the engine's thread, as a feed does."""

    async def put() -> None:
        feed.put(topic, *events)

    market._engine.run(put())


@pytest.mark.parametrize("channel", ["trades", "candles", "liquidations", "mark", "ticker", "open_interest", "funding"])
def test_a_symbol_that_never_traded_gives_an_empty_frame(market: Market, feed: ScriptedFeed, channel: str) -> None:
    topic = "mark" if channel == "funding" else channel
    named = Topic(VENUE, "BTCUSDT", topic, "1m" if channel == "candles" else "")  # type: ignore[arg-type]
    feed.preludes[named] = [live(NOW_US)]
    of = market["BTCUSDT"]
    frame = of.candles("1m").df if channel == "candles" else getattr(of, channel).df
    assert frame.empty
    assert len(frame.columns)
    assert isinstance(frame.index, pd.DatetimeIndex)
    assert (frame.attrs["quality"]["state"], frame.attrs["quality"]["whole"]) == ("live", True)


def test_a_topic_whose_connection_is_down_gives_what_is_known_marked_and_else_the_reason(
    market: Market, feed: ScriptedFeed, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("orderfox_nb.market.held.READY_S", 0.05)
    down = Status(symbol="BTCUSDT", time_us=NOW_US, state="down", reason="connection refused")
    feed.preludes[Topic(VENUE, "BTCUSDT", "trades")] = [trade_at(NOW_US, 1), down]
    frame = market["BTCUSDT"].trades.df
    assert len(frame) == 1
    assert (frame.attrs["quality"]["state"], frame.attrs["quality"]["whole"]) == ("down", False)
    feed.preludes[Topic(VENUE, "ETHUSDT", "trades")] = [
        Status(symbol="ETHUSDT", time_us=NOW_US, state="down", reason="no")
    ]
    with pytest.raises(FeedError, match="has no data"):
        _ = market["ETHUSDT"].trades.df


def test_trades_are_by_time_and_those_of_one_time_by_id() -> None:
    times = [5, 3, 4, 4, 9, 8]
    frame = trades_frame([trade_at(NOW_US + time, 10 + at) for at, time in enumerate(times)], ATTRIBUTES)
    assert frame.index.is_monotonic_increasing
    assert frame["id"].tolist() == ["11", "12", "13", "10", "15", "14"]


def test_a_contract_without_funding_has_a_mark_price_and_no_row_of_funding() -> None:
    mark = MarkPrice(
        symbol="BTCUSDT", time_us=NOW_US, mark_price=2.0, index_price=1.0, funding_rate=None, next_funding_us=0
    )
    frame = mark_frame(mark, ATTRIBUTES)
    assert (frame["mark"].item(), frame["index"].item()) == (2.0, 1.0)
    assert frame[["funding", "next_funding"]].isna().to_numpy().all()
    assert funding_frame(mark, ATTRIBUTES).empty
    unknown = msgspec.structs.replace(mark, index_price=0.0)
    assert mark_frame(unknown, ATTRIBUTES)["index"].isna().to_numpy().all(), "unknown is not zero"


def test_a_book_that_was_held_before_its_tick_changed_gives_the_prices_of_the_new_one(
    market: Market, feed: ScriptedFeed
) -> None:
    of, topic = market["BTCUSDT"], Topic(VENUE, "BTCUSDT", "book")
    tick = float(of.instrument.tick_size)
    bid, ask = 500_000 * tick, 500_001 * tick
    feed.preludes[topic] = [snapshot(NOW_US, [(bid, 1.0)], [(ask, 2.0)]), live(NOW_US)]
    assert of.book.df["price"].tolist() == pytest.approx([ask, bid])
    finer = msgspec.structs.replace(of.instrument, tick_size=of.instrument.tick_size / 10)
    feed.rows = [Listing(instrument=finer, ticker=ticker("BTCUSDT", 50_000.0, 1e9))]
    odd = bid + tick / 10
    feed.preludes[topic] = [snapshot(NOW_US, [(odd, 1.0)], [(ask, 2.0)], update_id=2), live(NOW_US)]
    send_all(market, feed, topic, feed.preludes[topic][0])
    deadline = time.monotonic() + 60
    while of.book.df["price"].tolist() != pytest.approx([ask, odd], rel=1e-12):
        assert time.monotonic() < deadline, of.book.df
    assert of.instrument.tick_size == finer.tick_size


@pytest.mark.parametrize("channel", ["ticker", "mark", "funding", "open_interest"])
async def test_what_comes_of_a_slow_channel_is_iterated(market: Market, feed: ScriptedFeed, channel: str) -> None:
    of = await asyncio.to_thread(lambda: market["BTCUSDT"])
    topic = Topic(VENUE, "BTCUSDT", "mark" if channel == "funding" else channel)  # type: ignore[arg-type]

    def event(number: int) -> Event:
        time_us = NOW_US + number
        if channel == "ticker":
            return ticker("BTCUSDT", 50_000.0 + number, 1e9, time_us=time_us)
        if channel == "open_interest":
            return OpenInterest(symbol="BTCUSDT", time_us=time_us, open_interest=1000.0 + number)
        rate = 0.0001 * (number // 2)  # each rate comes twice
        return MarkPrice(
            symbol="BTCUSDT",
            time_us=time_us,
            mark_price=1.0,
            index_price=1.0,
            funding_rate=rate,
            next_funding_us=NOW_US,
        )

    feed.preludes[topic] = [event(0), live(NOW_US)]
    # Held, so that what comes from now on is not part of the prelude.
    await asyncio.to_thread(lambda: getattr(of, channel).df)
    got: list[Any] = []

    async def read() -> None:
        async for one in getattr(of, channel):
            got.append(one)
            if len(got) == 3:
                return

    reading = asyncio.create_task(read())
    number = 0
    async with asyncio.timeout(60):
        while not reading.done():
            number += 1
            await asyncio.to_thread(send_all, market, feed, topic, event(number))
    await reading
    numbers = [one.time_us - NOW_US for one in got]
    assert [event(n) for n in numbers] == got
    if channel == "funding":
        rates = [one.funding_rate for one in got]
        assert rates == sorted(set(rates)), "each is another one"
    else:
        assert numbers == list(range(numbers[0], numbers[0] + 3))
