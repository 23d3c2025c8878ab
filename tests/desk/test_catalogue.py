from __future__ import annotations

import asyncio
import json
from decimal import InvalidOperation
from pathlib import Path

import msgspec
import pytest

from orderfox_nb.clock import ManualClock, settle
from orderfox_nb.desk.catalogue import MAX_SYMBOLS, Catalogue
from orderfox_nb.desk.streams.registry import frame_key
from orderfox_nb.errors import UnknownSymbol, VenueUnreachable
from orderfox_nb.views.public_symbols import symbols
from tests.desk.scripted import VENUE, ScriptedFeed
from tests.desk.test_frames import START_US, desk_of, next_json

pytestmark = pytest.mark.core


async def test_list_is_by_volume_and_asked_once_however_many_ask():
    feed = ScriptedFeed(ManualClock())
    catalogue = Catalogue(feed, clock=feed.clock)
    lists = await asyncio.gather(*(catalogue.rows() for _ in range(20)))
    assert {tuple(row.instrument.symbol for row in rows) for rows in lists} == {("BTCUSDT", "ETHUSDT")}
    assert feed.listing_calls == 1


async def test_list_is_asked_for_again_after_three_hundred_seconds_and_on_refresh():
    clock = ManualClock()
    feed = ScriptedFeed(clock)
    catalogue = Catalogue(feed, clock=clock)
    await catalogue.rows()
    await clock.advance(299)
    await catalogue.rows()
    assert feed.listing_calls == 1
    await clock.advance(2)
    await catalogue.rows()
    assert feed.listing_calls == 2
    await catalogue.refresh()
    assert feed.listing_calls == 3
    assert catalogue.stats().age_seconds == 0


async def test_symbol_is_found_in_any_case_and_suggested_when_not():
    feed = ScriptedFeed(ManualClock())
    catalogue = Catalogue(feed, clock=feed.clock)
    for text in ("BTCUSDT", "btcusdt", "btc/usdt", " Btc/Usdt ", "btc", "BTC-USDT"):
        assert (await catalogue.resolve(text)).instrument.symbol == "BTCUSDT"
    with pytest.raises(UnknownSymbol, match=r"Symbol BTCUSD not found\. Did you mean: BTCUSDT\?"):
        await catalogue.resolve("BTCUSD")


async def test_last_known_list_on_disk_serves_when_the_venue_is_away(tmp_path: Path):
    clock = ManualClock()
    feed = ScriptedFeed(clock)
    path = tmp_path / "new" / "symbols.json"
    await Catalogue(feed, path, clock).rows()
    feed.listing_error = VenueUnreachable(VENUE, "away")
    catalogue = Catalogue(feed, path, clock)
    assert [row.instrument.symbol for row in await catalogue.rows()] == ["BTCUSDT", "ETHUSDT"]
    assert not catalogue.demo
    assert catalogue.stats().source == "disk"
    assert catalogue.problem == "scripted: away"
    assert (await catalogue.resolve("btcusdt")).instrument.symbol == "BTCUSDT"
    with pytest.raises(VenueUnreachable, match="away"):
        # It may have been listed since.
        await catalogue.resolve("NEWUSDT")


async def test_demo_list_is_marked_and_tried_again_until_it_is_real(tmp_path: Path):
    clock = ManualClock()
    feed = ScriptedFeed(clock)
    feed.listing_error = VenueUnreachable(VENUE, "away")
    async with desk_of(feed, tmp_path) as desk:
        rows = await desk.catalogue.rows()
        assert rows[0].instrument.symbol == "BTCUSDT"
        assert desk.origin.demo_symbols
        assert desk.origin.problem == "scripted: away"
        health = desk.health()
        assert (health.status, health.working, health.problem) == ("degraded", False, "scripted: away")
        assert health.topics == []
        with pytest.raises(VenueUnreachable):
            await desk.catalogue.resolve("PEPEUSDT")
        feed.listing_error = None
        await desk.catalogue.rows()
        assert desk.origin.demo_symbols
        await clock.advance(11)
        await desk.catalogue.rows()
        assert not desk.origin.demo_symbols
        assert desk.health().status == "healthy"


async def test_refresh_that_fails_says_so_and_keeps_the_list():
    feed = ScriptedFeed(ManualClock())
    catalogue = Catalogue(feed, clock=feed.clock)
    await catalogue.rows()
    feed.listing_error = VenueUnreachable(VENUE, "away")
    with pytest.raises(VenueUnreachable, match="away"):
        await catalogue.refresh()
    assert len(catalogue.known) == 2
    assert not catalogue.demo


async def test_a_list_that_no_feed_can_read_is_a_problem_and_no_failure():
    feed = ScriptedFeed(ManualClock())
    feed.listing_error = InvalidOperation("comparison with NaN")  # type: ignore[assignment]
    catalogue = Catalogue(feed, clock=feed.clock)
    await catalogue.rows()
    assert (catalogue.demo, catalogue.problem) == (True, "scripted: its symbol list cannot be read")
    with pytest.raises(VenueUnreachable, match="cannot be read"):
        await catalogue.refresh()


async def test_of_a_list_without_measure_the_largest_are_kept(caplog: pytest.LogCaptureFixture):
    feed = ScriptedFeed(ManualClock())
    ((eth, btc), instrument) = feed.rows, feed.rows[0].instrument
    many = [
        msgspec.structs.replace(eth, instrument=msgspec.structs.replace(instrument, symbol=f"A{number}"), ticker=None)
        for number in range(2 * MAX_SYMBOLS)
    ]
    feed.rows = [*many, btc, eth]
    catalogue = Catalogue(feed, clock=feed.clock)
    rows = await catalogue.rows()
    assert len(rows) == MAX_SYMBOLS
    assert [row.instrument.symbol for row in rows[:2]] == ["BTCUSDT", "ETHUSDT"]
    await catalogue.refresh()
    assert sum("10002 symbols" in record.getMessage() for record in caplog.records) == 1


async def test_file_that_is_no_list_is_passed_over(tmp_path: Path):
    feed = ScriptedFeed(ManualClock())
    feed.listing_error = VenueUnreachable(VENUE, "away")
    path = tmp_path / "symbols.json"
    path.write_text('{"half":')
    catalogue = Catalogue(feed, path, feed.clock)
    await catalogue.rows()
    assert catalogue.demo


async def test_public_symbol_follows_the_contract():
    feed = ScriptedFeed(ManualClock())
    rows = json.loads(symbols(await Catalogue(feed, clock=feed.clock).rows()))
    assert rows[0] == {
        "id": "BTCUSDT",
        "symbol": "BTC/USDT:USDT",
        "baseAsset": "BTC",
        "quoteAsset": "USDT",
        "uiName": "BTC/USDT",
        "contractType": "PERPETUAL",
        "volume24h": 12590000000.0,
        "volume24hFormatted": "12.59B",
        "pricePrecision": 1,
        "amountPrecision": 3,
        "tickSize": 0.1,
        "stepSize": 0.001,
        "priceFormat": {"type": "price", "precision": 1, "minMove": 0.1},
        "roundingOptions": [0.1, 1, 10, 100, 1000],
        "defaultRounding": 10,
        "ticker": {
            "timestamp": 0,
            "last": 50_000.0,
            "open": 50_000.0 / 1.02,
            "high": 50_000.0 * 1.1,
            "low": 50_000.0 * 0.9,
            "volume": 12.59e9 / 50_000.0,
            "quoteVolume": 12.59e9,
        },
        "fundingRate": 0.0001,
        "onboardTime": 0,
    }


async def test_frame_of_symbols_comes_at_once_and_again_when_the_list_becomes_real(tmp_path: Path):
    clock = ManualClock(START_US)
    feed = ScriptedFeed(clock)
    feed.listing_error = VenueUnreachable(VENUE, "away")
    async with desk_of(feed, tmp_path) as desk, desk.frames(frame_key(VENUE, "*", "symbols")) as reader:
        demo = await next_json(reader)
        assert demo["demo"] is True
        assert demo["quality"]["state"] == "down"
        feed.listing_error = None
        await settle(60)
        await clock.advance(11)
        real = await next_json(reader)
    assert real["demo"] is False
    assert real["symbols"][:2] == [["BTCUSDT", "ETHUSDT"], ["BTC/USDT", "ETH/USDT"]]
    assert real["symbols"][5] == [50_000.0, 2_500.0]
