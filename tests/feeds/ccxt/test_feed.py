"""ccxt as a Feed: what it does beyond the stream contract, which ``tests/feeds/test_contract.py`` holds it to."""

from __future__ import annotations

import asyncio
import gc
import logging
import warnings
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from orderfox_nb.clock import Clock, ManualClock
from orderfox_nb.core.events import BookSnapshot, Candle, Gap, Status, Topic, Trade
from orderfox_nb.desk.audit import Auditor
from orderfox_nb.desk.hub import Hub
from orderfox_nb.desk.topic import TopicState
from orderfox_nb.errors import BadValue, NoPast, RateLimited, UnknownSymbol, VenueBlocked
from orderfox_nb.feeds.ccxt.feed import CcxtFeed
from orderfox_nb.feeds.past import Span, read_past
from orderfox_nb.sim.exchange import Exchange
from orderfox_nb.sim.server.app import SimServer
from tests.feeds.contract import START_US, Reader, Stage
from tests.feeds.stages import Eager, binance_urls, ccxt_on_the_embedded_exchange

pytestmark = pytest.mark.feeds


@pytest.fixture
async def stage() -> AsyncIterator[Stage]:
    async with ccxt_on_the_embedded_exchange() as stage:
        yield stage


def ccxt_feed(server: SimServer, clock: Clock | None = None) -> CcxtFeed:
    urls = binance_urls(server.http_url, server.ws_url)
    return CcxtFeed("binanceusdm", simulated=True, urls=urls, paced=False, clock=clock, random=Eager())


@asynccontextmanager
async def passing(server: SimServer, clock: ManualClock) -> AsyncIterator[None]:
    """Let the venue's time and ours pass together, no sooner than what was sent can be read."""

    ended = asyncio.Event()

    async def run() -> None:
        while not ended.is_set():
            await server.advance(0.1)
            await clock.advance(0.1)
            await asyncio.sleep(0.01)

    task = asyncio.create_task(run())
    try:
        yield
    finally:
        ended.set()
        await task


async def test_an_unknown_symbol_ends_the_stream_with_suggestions(stage: Stage) -> None:
    for channel in ("book", "trades", "liquidations"):
        events = stage.feed.stream(Topic(stage.feed.venue, "BTCUSD", channel))
        with pytest.raises(UnknownSymbol, match="BTCUSDT"):
            assert not [event async for event in events if not isinstance(event, Status)]


@pytest.mark.parametrize(
    "topic",
    [
        Topic("binance", "BTCUSDT", "book"),
        Topic("ccxt-binanceusdm", "BTCUSDT", "candles", "7m"),
        Topic("ccxt-binanceusdm", "BTCUSDT", "book", "1m"),
    ],
)
async def test_a_topic_that_there_is_not_is_refused(stage: Stage, topic: Topic) -> None:
    with pytest.raises(BadValue):
        await anext(stage.feed.stream(topic))


async def test_what_an_exchange_lacks_is_said_and_not_an_error() -> None:
    kraken = CcxtFeed("kraken")
    assert kraken.venue == "ccxt-kraken-spot"
    assert {"liquidations", "mark", "open_interest"} == set(kraken.origin.absent)
    assert "book" not in kraken.origin.unverified
    bybit = CcxtFeed("bybit")
    assert bybit.venue == "ccxt-bybit"
    assert not bybit.origin.absent
    assert bybit.origin.unverified == ("book", "trades")
    with pytest.raises(BadValue, match="one that ccxt-kraken-spot has"):
        await anext(kraken.stream(Topic(kraken.venue, "XXBTZUSD", "mark")))


async def test_closing_in_the_middle_leaves_neither_sockets_nor_warnings(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING)
    # What earlier tests have left is not this one's.
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        gc.collect()
    caplog.clear()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        async with SimServer(Exchange(seed=7, symbols=2, start_us=START_US)) as server:
            async with ccxt_feed(server) as feed:
                topics = [Topic(feed.venue, "BTCUSDT", channel) for channel in ("book", "trades", "ticker", "mark")]
                streams = [feed.stream(topic) for topic in topics]
                for stream in streams:
                    async for event in stream:
                        if isinstance(event, Status) and event.state == "live":
                            break
                assert feed.statistics()["sockets"] >= 1
                for stream in streams[:2]:
                    await stream.aclose()
            for stream in streams[2:]:
                await stream.aclose()
            assert feed.statistics()["sockets"] == 0
        del feed, stream, streams
        gc.collect()
        await asyncio.sleep(0)
    assert [str(warning.message) for warning in caught if issubclass(warning.category, ResourceWarning)] == []
    assert [record.getMessage() for record in caplog.records] == []


async def test_a_stream_that_falls_silent_is_subscribed_to_again(stage: Stage) -> None:
    async with Reader(stage, "book") as reader:
        await reader.until(lambda: reader.built)
        stage.feed.resync(reader.topic, "it differs from a fresh book")  # type: ignore[attr-defined]
        await reader.until(lambda: len(reader.of(BookSnapshot)) > 1)
        assert [gap.reason for gap in reader.of(Gap)] == ["it differs from a fresh book"]
        assert reader.fold.synced  # type: ignore[union-attr]
    assert stage.feed.statistics()["renewals"] == 1


async def test_a_book_is_compared_with_a_fresh_one_and_repaired() -> None:
    # In the venue's time: a slow machine must not bring the book behind what it is compared with.
    clock = ManualClock(START_US)
    async with (
        SimServer(Exchange(seed=7, symbols=2, start_us=START_US), manual=True) as server,
        passing(server, clock),
        ccxt_feed(server, clock) as feed,
        Hub(feed, linger_s=0) as hub,
    ):
        topic = Topic(feed.venue, "BTCUSDT", "book")
        async with hub.open(topic) as state, asyncio.timeout(60):
            while not state.whole:  # noqa: ASYNC110
                await asyncio.sleep(0.02)
            assert isinstance(state, TopicState)
            auditor = Auditor(feed, clock, lambda: hub.topics)
            assert await auditor.audit(state) == 0
            # Sizes that the venue does not have, as after updates that nothing showed to be lost.
            tap = feed._lines.book_tap(str(topic))
            assert tap is not None
            book: Any = feed._client.exchange.orderbooks["BTC/USDT:USDT"]
            for price in [level[0] for level in book["bids"][20:40]]:
                book["bids"].store(price, 98_765.0)
            while 98_765.0 not in tap.changes._bids.values():  # noqa: ASYNC110
                await asyncio.sleep(0.02)
            # What has just changed is not compared yet.
            tap.changes._recent.clear()
            assert await auditor.audit(state)
            assert feed.statistics()["renewals"] == 1


async def test_a_symbol_that_is_delisted_says_so_and_is_listed_no_more() -> None:
    async with SimServer(Exchange(seed=7, symbols=2, start_us=START_US)) as server, ccxt_feed(server) as feed:
        instrument = next(row.instrument for row in await feed.listings() if row.instrument.symbol == "BTCUSDT")
        async with Reader(Stage(feed, instrument), "book") as reader:
            await reader.until(lambda: reader.built)
            server.add_fault("contract", symbol="BTCUSDT", trading="UNLISTED")
            # As a silence does.
            feed._markets.check_soon()
            await reader.until(lambda: reader.of(Status)[-1].market == "halted")
            status = reader.of(Status)[-1]
            assert (status.state, status.reason) == ("down", "BTCUSDT is delisted (no longer in the venue's list)")
        assert [row.instrument.symbol for row in await feed.listings()] == ["ETHUSDT"]
        assert feed.why_unlisted("BTCUSDT") == status.reason


async def test_what_cannot_be_watched_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    from ccxt.pro.binanceusdm import binanceusdm

    whole = binanceusdm.describe
    watched = ("watchOrderBook", "watchTrades", "watchOHLCV", "watchTicker", "watchMarkPrice")

    def described(self: Any) -> Any:
        return self.deep_extend(whole(self), {"has": dict.fromkeys(watched, False)})

    monkeypatch.setattr(binanceusdm, "describe", described)
    async with ccxt_on_the_embedded_exchange() as polled:
        for channel in ("book", "trades", "candles", "ticker", "mark"):
            async with Reader(polled, channel) as reader:
                await reader.until(lambda reader=reader: reader.built and len(reader.facts) > 0)
                assert reader.of(Status)[-1].coverage == ("sampled" if channel == "book" else "complete")
                assert not reader.of(Gap)
        assert polled.feed.statistics()["sockets"] == 0


async def test_the_past_is_read_page_by_page(stage: Stage) -> None:
    past = stage.feed.past
    trades, _ = await read_past(past, stage.topic("trades"), Trade, Span(limit=1_500))
    places = [trade.sequence for trade in trades]
    assert places == list(range(places[0] or 0, (places[0] or 0) + 1_500))
    bars, _ = await read_past(past, stage.topic("candles"), Candle, Span(end_us=START_US, limit=30))
    assert len(bars) == 30
    with pytest.raises(NoPast):
        await past.page(stage.topic("ticker"), Span())


async def test_a_frozen_stream_is_noticed_and_heals() -> None:
    async with SimServer(Exchange(seed=7, symbols=1, start_us=START_US)) as server, ccxt_feed(server) as feed:
        instrument = (await feed.listings())[0].instrument
        async with Reader(Stage(feed, instrument), "mark") as reader:
            await reader.until(lambda: reader.built)
            server.add_fault("freeze", stream=f"{instrument.symbol.lower()}@markPrice@1s", count=-1)
            await reader.until(lambda: any(one.state == "stale" for one in reader.of(Status)))
            assert feed.statistics()["renewals"] >= 1
            server.faults.clear()
            at = len(reader.facts)
            await reader.until(lambda: len(reader.facts) > at and reader.of(Status)[-1].state == "live")


async def test_refusals_of_a_venue_are_errors_that_say_what_to_do() -> None:
    async with SimServer(Exchange(seed=7, symbols=1, start_us=START_US)) as server, ccxt_feed(server) as feed:
        server.add_fault("status", path="/fapi/v1/exchangeInfo", status=451)
        with pytest.raises(VenueBlocked):
            await feed.listings()
        assert "does not serve this location (HTTP 451)" in feed.origin.problem
        assert len(await feed.listings()) == 1
        assert not feed.origin.problem
        server.add_fault("status", path="/fapi/v1/klines", status=429, seconds=7)
        topic = Topic(feed.venue, "BTCUSDT", "candles", "1m")
        with pytest.raises(RateLimited) as limited:
            await feed.past.page(topic, Span(limit=3))
        assert limited.value.retry_after_s == 7
        # Nothing is asked for before that time is over.
        assert 0 < feed._client.budget.paused_s <= 7
