"""Binance spot: a second dialect of the engine, on the embedded exchange in its spot mode."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from itertools import pairwise

import msgspec
import pytest

from orderfox_nb.config import load_settings
from orderfox_nb.core.book_sync import BookSync
from orderfox_nb.core.events import BookDelta, BookSnapshot, Candle, Channel, Event, Gap, Status, Topic
from orderfox_nb.errors import BadValue, SettingError
from orderfox_nb.feeds.binance.feed import BinanceFeed
from orderfox_nb.feeds.binance_spot.dialect import SpotDialect
from orderfox_nb.feeds.binance_spot.feed import SpotFeed
from orderfox_nb.feeds.embedded import EmbeddedFeed
from orderfox_nb.feeds.past import Span, read_past
from orderfox_nb.feeds.sources import open_feed, parse_source
from orderfox_nb.sim.exchange import Exchange
from orderfox_nb.sim.server import SimServer
from tests.feeds.contract import START_US
from tests.feeds.stages import Eager

pytestmark = pytest.mark.feeds


@asynccontextmanager
async def spot() -> AsyncIterator[tuple[SimServer, SpotFeed]]:
    exchange = Exchange(seed=7, symbols=2, start_us=START_US)
    async with (
        SimServer(exchange, manual=True, market="spot") as server,
        SpotFeed(http_url=server.http_url, ws_url=server.ws_url, random=Eager()) as feed,
    ):
        yield server, feed


def diff(first: int, last: int) -> bytes:
    """A diff as spot sends it: no ``pu``, no ``T``."""
    return msgspec.json.encode(
        {
            "stream": "btcusdt@depth@100ms",
            "data": {
                "e": "depthUpdate",
                "E": 1_700_000_000_000,
                "s": "BTCUSDT",
                "U": first,
                "u": last,
                "b": [["100.0", "1.0"]],
                "a": [],
            },
        }
    )


def decoded(first: int, last: int) -> BookDelta:
    events = SpotDialect().decode(diff(first, last), 1).events
    assert events is not None
    (event,) = events
    assert isinstance(event, BookDelta)
    return event


def test_the_chain_of_a_book_is_that_of_consecutive_ids():
    sync = BookSync()
    for first, last in ((5, 10), (11, 20)):
        assert sync.delta(decoded(first, last)) is None
    snapshot = BookSnapshot(
        symbol="BTCUSDT", time_us=1, raw_bids=msgspec.Raw(b"[]"), raw_asks=msgspec.Raw(b"[]"), update_id=10
    )
    events = sync.snapshot(snapshot)
    assert events is not None
    assert len(events) == 2
    assert isinstance(sync.delta(decoded(21, 30)), BookDelta)
    assert isinstance(sync.delta(decoded(32, 40)), Gap)


@pytest.mark.parametrize("channel", ["mark", "liquidations", "open_interest"])
async def test_a_channel_that_spot_does_not_have_is_one_clear_error(channel: Channel) -> None:
    feed = SpotFeed()
    async with feed, aclosing(feed.stream(Topic("binance-spot", "BTCUSDT", channel))) as stream:
        with pytest.raises(BadValue, match=f"Invalid channel '{channel}': expected one that a spot market has: book"):
            await anext(stream)


def test_channels_that_spot_does_not_have_are_absent_in_its_origin() -> None:
    assert set(SpotFeed().origin.absent) == {"mark", "liquidations", "open_interest"}
    assert BinanceFeed().origin.absent == ()


async def test_markets_are_listed_as_spot_and_what_is_not_traded_is_left_out() -> None:
    async with spot() as (_, feed):
        listings = {row.instrument.symbol: row for row in await feed.listings()}
        assert set(listings) == {"BTCUSDT", "ETHUSDT"}
        row = listings["BTCUSDT"]
        assert (row.kind, row.instrument.unified, row.funding_rate) == ("SPOT", "BTC/USDT", None)
        assert row.ticker is not None
        assert not feed.lacks_figures
        assert feed.statistics()["weight_limit"] == 6_000


async def test_more_bars_than_spot_answers_at_once_come_in_one_unbroken_row() -> None:
    async with spot() as (server, feed):
        topic = Topic("binance-spot", "BTCUSDT", "candles", "1m")
        bars, _ = await read_past(feed.past, topic, Candle, Span(limit=1_500))
        assert len(bars) == 1_500
        assert {later.open_us - bar.open_us for bar, later in pairwise(bars)} == {60_000_000}
        real = server.source.market("BTCUSDT").klines("1m", limit=1_500)
        assert [bar.open_us for bar in bars] == [row.open_us for row in real]
        # From a time on as well, which is asked for forwards.
        async with aclosing(feed.stream(topic)) as stream:
            prelude = await until_live(stream)
        assert len(prelude) - sum(isinstance(event, Status) for event in prelude) == 1_500


async def until_live(stream: AsyncIterator[Event]) -> list[Event]:
    seen: list[Event] = []
    async with asyncio.timeout(60):
        async for event in stream:
            seen.append(event)
            if isinstance(event, Status) and event.ends_prelude:
                break
    return seen


@pytest.mark.parametrize(
    ("text", "kind"), [("binance-spot", SpotFeed), ("sim?market=spot", EmbeddedFeed), ("sim", EmbeddedFeed)]
)
def test_spot_is_a_source(text: str, kind: type) -> None:
    feed = open_feed(text, load_settings())
    assert isinstance(feed, kind)
    assert feed.origin.source == text
    assert feed.venue == {"binance-spot": "binance-spot", "sim?market=spot": "sim-spot", "sim": "sim"}[text]
    # Before anything runs: the first page reads it too.
    assert ("liquidations" in feed.origin.absent) == ("spot" in text)


def test_a_source_of_spot_has_the_addresses_of_its_settings_and_no_options():
    settings = load_settings()
    assert settings.addresses_of("binance-spot") == (SpotFeed.HTTP_URL, SpotFeed.WS_URL)
    for text in ("binance-spot?speed=2", "sim?market=options"):
        with pytest.raises(SettingError, match="ORDERFOX_SOURCE"):
            open_feed(text, settings)
    with pytest.raises(SettingError):
        parse_source("binance-spot:BTCUSDT")


async def test_the_embedded_spot_exchange_runs_as_a_child() -> None:
    async with open_feed("sim?market=spot&symbols=2", load_settings()) as feed:
        assert feed.origin.simulated
        async with aclosing(feed.stream(Topic(feed.venue, "BTCUSDT", "book"))) as stream:
            prelude = await until_live(stream)
        assert any(isinstance(event, BookSnapshot) for event in prelude)
