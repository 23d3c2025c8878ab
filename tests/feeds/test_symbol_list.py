"""One odd row costs no list, and a list without figures is one."""

from __future__ import annotations

import copy
import logging
from collections.abc import Callable, Iterator
from contextlib import AbstractAsyncContextManager
from typing import Any, Final

import msgspec
import pytest
from aiohttp import web

from orderfox_nb.clock import ManualClock
from orderfox_nb.desk.catalogue import RETRY_S, Catalogue
from orderfox_nb.feeds.binance.feed import BinanceFeed
from orderfox_nb.feeds.remote import RemoteFeed
from orderfox_nb.views.public_symbols import symbols
from tests.feeds.scripted_venue import ScriptedVenue

pytestmark = pytest.mark.feeds
OpenOn = Callable[..., AbstractAsyncContextManager[BinanceFeed]]

_MISSING: Final = object()
ODD: Final = (_MISSING, None, "", "NaN", "x", -1, 1e300, True, [], {}, [None])
"""What a field may be instead of what it should be."""


def contract(symbol: str) -> dict[str, Any]:
    """A row of exchangeInfo, with the fields that are read and one that is not."""
    return {
        "symbol": symbol,
        "pair": symbol,
        "contractType": "PERPETUAL",
        "onboardDate": 1_569_398_400_000,
        "status": "TRADING",
        "baseAsset": symbol.removesuffix("USDT"),
        "quoteAsset": "USDT",
        "marginAsset": "USDT",
        "underlyingType": "COIN",
        "filters": [
            {"filterType": "PRICE_FILTER", "tickSize": "0.10", "minPrice": "0.10"},
            {"filterType": "LOT_SIZE", "stepSize": "0.001"},
            {"filterType": "MIN_NOTIONAL", "notional": "5"},
        ],
    }


def day(symbol: str, volume: float) -> dict[str, Any]:
    prices = dict.fromkeys(("lastPrice", "openPrice", "highPrice", "lowPrice"), "100.5")
    return {"symbol": symbol, **prices, "volume": "10", "quoteVolume": str(volume), "closeTime": 1_700_000_000_000}


def premium(symbol: str) -> dict[str, Any]:
    return {
        "symbol": symbol,
        "markPrice": "100.5",
        "indexPrice": "100.4",
        "lastFundingRate": "0.0001",
        "nextFundingTime": 1_700_003_600_000,
        "time": 1_700_000_000_000,
    }


NAMES: Final = ("AUSDT", "BUSDT", "CUSDT")
LISTS: Final[dict[str, list[Any]]] = {
    "exchangeInfo": [contract(name) for name in NAMES],
    "ticker/24hr": [day(name, 3_000 - number) for number, name in enumerate(NAMES)],
    "premiumIndex": [premium(name) for name in NAMES],
}


def answer(path: str, rows: list[Any]) -> Any:
    if path != "exchangeInfo":
        return rows
    limit = {"rateLimitType": "REQUEST_WEIGHT", "interval": "MINUTE", "intervalNum": 1, "limit": 10**9}
    return {"symbols": rows, "rateLimits": [{"rateLimitType": None}, limit]}


def odd_rows(row: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    """Yield a row with each one field of it spoiled in each way, those of its filters too, and what is no row."""
    for value in ODD[1:]:
        yield f"the row is {value!r}", value
    places: list[tuple[Any, ...]] = [(name,) for name in row]
    places += [
        ("filters", number, name) for number, rule in enumerate(row.get("filters", ())) for name in ("", *rule.keys())
    ]
    for place in places:
        for value in ODD:
            spoiled = copy.deepcopy(row)
            *path, last = [name for name in place if name != ""]
            at: Any = spoiled
            for name in path:
                at = at[name]
            if value is not _MISSING:
                at[last] = value
            elif isinstance(at, dict):
                del at[last]
            else:
                at.pop(last)
            yield f"{place} is {'missing' if value is _MISSING else repr(value)}", spoiled


@pytest.mark.parametrize("path", LISTS)
async def test_one_odd_field_of_one_row_costs_no_other_row(
    venue: ScriptedVenue, feed_on: OpenOn, path: str, caplog: pytest.LogCaptureFixture
) -> None:
    for name, rows in LISTS.items():
        venue.answers[name] = answer(name, rows)
    caplog.set_level(logging.WARNING, "orderfox_nb.feeds.binance.symbol_list")
    async with feed_on(venue) as feed:
        whole = {listing.instrument.symbol: listing for listing in await feed.listings()}
        assert set(whole) == set(NAMES)
        assert all(listing.ticker and listing.funding_rate == 0.0001 for listing in whole.values())
        for what, row in odd_rows(LISTS[path][1]):
            rows = [LISTS[path][0], row, LISTS[path][2]]
            venue.answers[path] = answer(path, rows)
            catalogue = Catalogue(feed, clock=ManualClock())
            listed = {listing.instrument.symbol: listing for listing in await catalogue.rows()}
            assert not catalogue.demo, what
            assert {name: listed.get(name) for name in ("AUSDT", "CUSDT")} == {
                name: whole[name] for name in ("AUSDT", "CUSDT")
            }, what
            if path != "exchangeInfo":
                assert listed["BUSDT"].instrument == whole["BUSDT"].instrument, what
            # The list can be shown, whatever stands in it.
            assert len(msgspec.json.decode(symbols(await catalogue.rows()))) == len(listed), what
        assert not any(task.exc_info for task in caplog.records)


async def test_an_odd_row_is_counted_and_logged_once(
    venue: ScriptedVenue, feed_on: OpenOn, caplog: pytest.LogCaptureFixture
) -> None:
    for name, rows in LISTS.items():
        venue.answers[name] = answer(name, [*rows, {"symbol": None}])
    async with feed_on(venue) as feed:
        for _ in range(3):
            await feed.listings()
        assert feed.statistics()["rest_rows_left_out"] == 4  # one of the limits is odd as well
        logged = [record.getMessage() for record in caplog.records if "left out" in record.getMessage()]
        assert [text.partition(":")[0] for text in logged] == [
            "exchangeInfo limits",
            "exchangeInfo",
            "ticker/24hr",
            "premiumIndex",
        ]


@pytest.mark.parametrize("spoiled", [web.Response(status=503), {"code": 0}, web.Response(text="[{")])
@pytest.mark.parametrize("paths", [("ticker/24hr",), ("premiumIndex",), ("ticker/24hr", "premiumIndex")])
async def test_a_list_without_figures_is_a_list_and_is_asked_for_again_soon(
    venue: ScriptedVenue, feed_on: OpenOn, paths: tuple[str, ...], spoiled: Any
) -> None:
    for name, rows in LISTS.items():
        venue.answers[name] = answer(name, rows)
    for path in paths:
        venue.answers[path] = spoiled
    clock = ManualClock()
    async with feed_on(venue) as feed:
        catalogue = Catalogue(feed, clock=clock)
        rows = await catalogue.rows()
        assert [listing.instrument.symbol for listing in rows] == list(NAMES)
        assert not catalogue.demo
        assert catalogue.problem == ""
        assert all((listing.ticker is None) == ("ticker/24hr" in paths) for listing in rows)
        assert all((listing.funding_rate is None) == ("premiumIndex" in paths) for listing in rows)
        for path in paths:
            venue.answers[path] = answer(path, LISTS[path])
        await clock.advance(RETRY_S + 1)
        figured = await catalogue.rows()
        assert all(listing.ticker and listing.funding_rate is not None for listing in figured)
        asked = len(venue.calls("exchangeInfo"))
        await clock.advance(RETRY_S + 1)
        await catalogue.rows()
        assert len(venue.calls("exchangeInfo")) == asked, "a list that has them is kept"


async def test_a_symbol_whose_row_is_odd_or_whose_list_is_empty_is_not_reported_as_delisted(
    venue: ScriptedVenue, feed_on: OpenOn
) -> None:
    for name, rows in LISTS.items():
        venue.answers[name] = answer(name, rows)
    first, second, *_ = NAMES
    delisted = f"{first} is delisted (no longer in the venue's list)"
    async with feed_on(venue) as feed:
        await feed.listings()
        assert feed.why_unlisted("NEVERUSDT") == ""
        whole = answer("exchangeInfo", LISTS["exchangeInfo"])
        for symbols, reason in (
            ([{"symbol": first, "status": None}, *whole["symbols"][1:]], ""),
            ([{"status": None}, *whole["symbols"][1:]], ""),
            ([], ""),
            (whole["symbols"][1:], delisted),
            (whole["symbols"], ""),
        ):
            venue.answers["exchangeInfo"] = whole | {"symbols": symbols}
            await feed.listings()
            assert feed.why_unlisted(first) == reason
            assert feed.why_unlisted(second) == ""


async def test_funding_that_another_server_did_not_have_is_asked_for_again_soon_and_then_less_often(
    venue: ScriptedVenue,
) -> None:
    row = {"symbol": "BTC/USDT:USDT", "baseAsset": "BTC", "quoteAsset": "USDT", "tickSize": "0.1", "stepSize": "0.001"}
    ticker = {"timestamp": 1, "last": 1.0, "open": 1.0, "high": 1.0, "low": 1.0, "volume": 1.0, "quoteVolume": 1.0}
    row |= {"id": "BTCUSDT", "ticker": ticker}
    venue.answers["v1/symbols"] = [row]
    clock = ManualClock()
    async with RemoteFeed(venue.http_url, clock=clock) as feed:
        catalogue = Catalogue(feed, clock=clock)

        async def asked_after(seconds: float) -> int:
            await clock.advance(seconds)
            await catalogue.rows()
            return len(venue.calls("v1/symbols"))

        assert [await asked_after(seconds) for seconds in (0, 9, 2, 9, 9, 9, 30, 11)] == [1, 1, 2, 2, 2, 3, 3, 4]
        venue.answers["v1/symbols"] = [{**row, "fundingRate": 0.0001}]
        assert await asked_after(81) == 5
        assert (await catalogue.rows())[0].funding_rate == 0.0001
        assert await asked_after(290) == 5
