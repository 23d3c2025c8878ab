"""REST of the Binance feed: its budget, and what it does when the venue refuses."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, aclosing
from pathlib import Path

import msgspec
import pytest
from aiohttp import web

from orderfox_nb.clock import ManualClock, settle
from orderfox_nb.core.events import BookSnapshot, Status, Topic
from orderfox_nb.errors import (
    FeedError,
    MalformedFrame,
    RateLimited,
    UnknownSymbol,
    VenueBlocked,
    VenueRefused,
    VenueUnreachable,
)
from orderfox_nb.feeds.binance.feed import BinanceFeed
from orderfox_nb.feeds.binance.rest import BinanceRest
from orderfox_nb.feeds.liquidation_history import LiquidationHistory
from orderfox_nb.feeds.venue.problems import Problems
from orderfox_nb.feeds.venue.weights import ASKED, BACKGROUND, ROUTINE, URGENT, WeightBudget
from tests.feeds.conftest import next_of
from tests.feeds.scripted_venue import ScriptedVenue, book

pytestmark = pytest.mark.feeds
OpenOn = Callable[..., AbstractAsyncContextManager[BinanceFeed]]

BOOK = Topic("binance", "BTCUSDT", "book")


async def test_the_budget_grants_within_a_minute_what_the_minute_allows() -> None:
    clock = ManualClock(0)
    budget = WeightBudget("binance", clock, limit=2_400)
    granted: list[int] = []

    async def snapshot(number: int) -> None:
        await budget.acquire(20)
        granted.append(number)
        budget.release(20)

    tasks = [asyncio.create_task(snapshot(number)) for number in range(550)]
    await settle()
    assert len(granted) == 108  # nine tenths of 2,400 at 20 each
    for minute in range(2, 6):
        await clock.advance(60)
        assert len(granted) == min(550, 108 * minute)
    await clock.advance(60)
    assert len(granted) == 550
    assert granted == sorted(granted)
    await asyncio.gather(*tasks)
    await budget.close()


async def test_what_is_urgent_goes_before_what_came_earlier() -> None:
    clock = ManualClock(0)
    budget = WeightBudget("binance", clock, limit=100)
    await budget.acquire(90)
    order: list[str] = []

    async def ask(name: str, priority: int) -> None:
        await budget.acquire(10, priority=priority)
        order.append(name)

    tasks = [asyncio.create_task(ask("background", BACKGROUND)), asyncio.create_task(ask("urgent", URGENT))]
    await settle()
    assert order == []
    budget.release(90, used=90)
    await clock.advance(61)
    assert order == ["urgent", "background"]
    await asyncio.gather(*tasks)
    await budget.close()


async def test_questions_leave_room_for_streams_and_both_for_books() -> None:
    clock = ManualClock(0)
    budget = WeightBudget("binance", clock, limit=1_000)
    granted: list[int] = []

    async def ask(priority: int) -> None:
        await budget.acquire(10, priority=priority)
        granted.append(priority)
        budget.release(10)

    tasks = [asyncio.create_task(ask(ASKED)) for _ in range(300)]
    await settle()
    assert granted.count(ASKED) == 50, "half of the minute's limit"
    tasks += [asyncio.create_task(ask(ROUTINE)) for _ in range(100)]
    await settle()
    assert granted.count(ROUTINE) == 25, "up to three quarters, past the questions that came before"
    tasks += [asyncio.create_task(ask(URGENT)) for _ in range(40)]
    await settle()
    assert granted.count(URGENT) == 15, "and up to nine tenths at once, in spite of waiting requests"
    await clock.advance(60)
    assert granted[90:] == [URGENT] * 25 + [ROUTINE] * 50, "the most urgent first"
    await clock.advance(600)
    assert (granted.count(ASKED), granted.count(ROUTINE), granted.count(URGENT)) == (300, 100, 40)
    await asyncio.gather(*tasks)
    await budget.close()


async def test_what_the_venue_says_was_used_counts_more_than_our_own_sum() -> None:
    clock = ManualClock(0)
    budget = WeightBudget("binance", clock, limit=100)
    await budget.acquire(5)
    budget.release(5, used=88)  # another client at this address
    with pytest.raises(RateLimited) as refused:
        await budget.acquire(5, timeout_s=0.01)
    assert refused.value.retry_after_s > 0
    await budget.close()


async def test_a_request_that_was_given_up_returns_its_place() -> None:
    clock = ManualClock(0)
    budget = WeightBudget("binance", clock, limit=100)
    await budget.acquire(90)
    waiting = asyncio.create_task(budget.acquire(10))
    await settle()
    assert budget.waiting == 1
    waiting.cancel()
    await settle()
    assert budget.waiting == 0
    assert not [task for task in asyncio.all_tasks() if task.get_name() == "binance weights"]
    await budget.close()


@pytest.mark.parametrize(("status", "retry_after"), [(429, 7), (418, 120)])
async def test_nothing_is_sent_while_the_venue_requires_a_wait(
    venue: ScriptedVenue, status: int, retry_after: int
) -> None:
    clock = ManualClock()
    rest = BinanceRest(venue.http_url, venue="binance", clock=clock, budget_timeout_s=0.01)
    venue.answers["time"] = deque(
        [
            web.json_response(
                {"code": -1003, "msg": "Too many requests."}, status=status, headers={"Retry-After": str(retry_after)}
            ),
            {"serverTime": 1},
        ]
    )
    with pytest.raises(RateLimited) as refused:
        await rest.time_ms()
    assert refused.value.retry_after_s == retry_after
    with pytest.raises(RateLimited):
        await rest.time_ms()
    assert len(venue.requests) == 1
    await clock.advance(retry_after + 1)
    assert await rest.time_ms() == 1
    await rest.close()


async def test_a_mass_resync_stops_with_its_first_refusals_instead_of_being_banned(venue: ScriptedVenue) -> None:
    clock = ManualClock()
    rest = BinanceRest(venue.http_url, venue="binance", clock=clock)
    venue.answers["depth"] = web.json_response({"code": -1003}, status=429, headers={"Retry-After": "30"})
    tasks = [asyncio.create_task(rest.depth(f"S{number}USDT")) for number in range(80)]
    refused, _ = await asyncio.wait(tasks, timeout=60, return_when=asyncio.FIRST_EXCEPTION)
    assert all(isinstance(task.exception(), RateLimited) for task in refused)
    venue.answers["depth"] = book(5)
    await settle()
    sent = len(venue.calls("depth"))
    assert sent <= 16
    while not all(task.done() for task in tasks):
        await clock.advance(10)
        await asyncio.wait(tasks, timeout=0.02)
    answered = [task for task in tasks if task.exception() is None]
    assert len(answered) >= 80 - 16
    await rest.close()


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (web.json_response({"code": -1121, "msg": "Invalid symbol."}, status=400), UnknownSymbol),
        (web.json_response({"code": -1120, "msg": "Invalid interval."}, status=400), VenueRefused),
        (web.Response(status=451), VenueBlocked),
        (web.Response(status=403), VenueBlocked),
        (web.Response(status=502, text="<html>"), VenueUnreachable),
        (web.Response(text='{"lastUpdateId": "x"'), MalformedFrame),
    ],
)
async def test_each_refusal_is_an_error_of_its_own(
    venue: ScriptedVenue, answer: web.Response, error: type[Exception]
) -> None:
    rest = BinanceRest(venue.http_url, venue="binance", clock=ManualClock())
    venue.answers["depth"] = answer
    with pytest.raises(error):
        await rest.depth("NOSUCH")
    await rest.close()


@pytest.mark.parametrize(
    "answer",
    [
        web.Response(status=503),
        web.Response(status=400),
        web.Response(text="<html>"),
        web.Response(status=302, headers={"Location": "http://10.1.2.3/"}),
        None,
    ],
    ids=["503", "400", "text", "redirect", "away"],
)
async def test_an_error_names_the_venue_and_never_the_address_that_was_asked(
    venue: ScriptedVenue, answer: web.Response | None
) -> None:
    # The viewers of a public server read these errors.
    url = venue.http_url if answer is not None else "http://127.0.0.1:9"
    venue.answers |= {"exchangeInfo": answer, "liquidation-orders": answer}
    rest = BinanceRest(url, venue="binance", clock=ManualClock())
    history = LiquidationHistory(f"{url}/api", venue="binance", clock=ManualClock())
    for ask in (rest.symbols, lambda: history.orders("BTCUSDT")):
        with pytest.raises(FeedError) as failed:
            await ask()
        problems = Problems("binance")
        problems.report("rest", failed.value)
        for text in (str(failed.value), problems.text):
            assert not any(part in text for part in ("127.0.0.1", "10.1.2.3", "http://")), text
        assert str(failed.value).startswith("binance: ")
    await rest.close()
    await history.close()


async def test_the_limit_is_learned_from_the_venue(venue: ScriptedVenue, recordings: Path) -> None:
    rest = BinanceRest(venue.http_url, venue="binance", clock=ManualClock())
    venue.answers["exchangeInfo"] = {
        "symbols": [],
        "rateLimits": [{"rateLimitType": "REQUEST_WEIGHT", "interval": "MINUTE", "intervalNum": 1, "limit": 1_200}],
    }
    await rest.symbols()
    assert rest.budget.limit == 1_200
    await rest.close()


async def test_listings_are_the_perpetuals_in_trading_with_their_day_and_funding(
    venue: ScriptedVenue, feed_on: OpenOn, recordings: Path
) -> None:
    info = msgspec.json.decode((recordings / "fapi_v1_exchangeInfo_2021.json").read_bytes())
    venue.answers["exchangeInfo"] = info
    venue.answers["ticker/24hr"] = []
    venue.answers["premiumIndex"] = msgspec.json.decode(
        (recordings / "fapi_v1_premiumIndex_20250617.json").read_bytes()
    )
    async with feed_on(venue) as feed:
        listings = {row.instrument.symbol: row for row in await feed.listings()}
    expected = {
        row["symbol"]
        for row in info["symbols"]
        if row["status"] == "TRADING" and row["contractType"] in {"PERPETUAL", "TRADIFI_PERPETUAL"}
    }
    assert set(listings) == expected
    bitcoin = listings["BTCUSDT"]
    assert (str(bitcoin.instrument.tick_size), bitcoin.instrument.unified) == ("0.01", "BTC/USDT:USDT")
    assert bitcoin.funding_rate is not None


@pytest.mark.parametrize("step", ["NaN", "Infinity", "0", "-0.1", "1E-400"])
async def test_a_symbol_whose_steps_are_nonsense_is_left_out_and_the_others_stay(
    venue: ScriptedVenue, feed_on: OpenOn, step: str
) -> None:
    def row(symbol: str, tick: str, lot: str) -> dict[str, object]:
        return {
            "symbol": symbol,
            "status": "TRADING",
            "contractType": "PERPETUAL",
            "baseAsset": symbol,
            "quoteAsset": "USDT",
            "filters": [
                {"filterType": "PRICE_FILTER", "tickSize": tick},
                {"filterType": "LOT_SIZE", "stepSize": lot},
            ],
        }

    venue.answers["exchangeInfo"] = {"symbols": [row("A", step, "1"), row("B", "0.1", "1"), row("C", "0.1", step)]}
    venue.answers["ticker/24hr"] = []
    venue.answers["premiumIndex"] = []
    async with feed_on(venue) as feed:
        assert [listing.instrument.symbol for listing in await feed.listings()] == ["B"]


async def test_a_blocked_country_is_reported_with_what_to_do_and_the_stream_keeps_trying(
    venue: ScriptedVenue, feed_on: OpenOn
) -> None:
    clock = ManualClock()
    venue.answers["depth"] = deque([web.Response(status=451), book(5)])
    async with feed_on(venue, clock=clock) as feed, aclosing(feed.stream(BOOK)) as stream:
        await next_of(stream, Status)
        status = await next_of(stream, Status)
        assert "--source sim" in status.reason
        assert "451" in feed.origin.problem
        assert "--source sim" in feed.origin.problem
        opening = asyncio.create_task(next_of(stream, BookSnapshot))
        while not opening.done():
            await clock.advance(10)
        assert (await opening).update_id == 5
        assert feed.origin.problem == ""


async def test_an_unreachable_venue_is_reported_and_found_again(venue: ScriptedVenue, feed_on: OpenOn) -> None:
    venue.refuse_sockets = 503
    venue.answers["depth"] = book(5)
    async with feed_on(venue) as feed, aclosing(feed.stream(BOOK)) as stream:
        await next_of(stream, Status)
        down = await next_of(stream, Status)
        assert (down.state, "503" in down.reason) == ("down", True)
        assert "still trying" in feed.origin.problem
        venue.refuse_sockets = 0
        assert (await next_of(stream, BookSnapshot)).update_id == 5
        assert feed.origin.problem == ""


async def test_requests_of_people_fail_soon_without_a_listener() -> None:
    async with BinanceFeed(http_url="http://127.0.0.1:9", ws_url="ws://127.0.0.1:9") as feed:
        with pytest.raises(VenueUnreachable):
            await feed.listings()
        assert isinstance(VenueUnreachable("binance", ""), FeedError)
        assert "cannot be reached" in feed.origin.problem


async def test_the_venues_clock_is_followed_while_there_are_readers(venue: ScriptedVenue, feed_on: OpenOn) -> None:
    clock = ManualClock(1_000_000_000)
    venue.answers["time"] = {"serverTime": 5_000_000}
    venue.answers["depth"] = book(5)
    async with feed_on(venue, clock=clock) as feed:
        assert feed.now_us() == 1_000_000_000
        async with aclosing(feed.stream(BOOK)) as stream:
            await next_of(stream, Status)
            await venue.until(lambda: bool(venue.calls("time")))
            await feed.ask_time()
            assert feed.now_us() == 5_000_000_000
            await clock.advance(1)
            assert feed.now_us() == 5_001_000_000


def test_failures_of_our_own_exchange_do_not_blame_the_network() -> None:
    problems = Problems("sim", ours=True)
    problems.report("socket", VenueUnreachable("sim", "connection refused"))
    sentence = (
        "The exchange of this server does not answer (connection refused). If it has ended, it is being started again."
    )
    assert problems.text == sentence
    problems.report("socket", None)
    assert problems.text == ""


@pytest.mark.parametrize("place", ["rest", "socket"])
async def test_a_403_of_a_content_network_is_reported_as_a_block(
    venue: ScriptedVenue, feed_on: OpenOn, place: str
) -> None:
    if place == "socket":
        venue.refuse_sockets = 403
    venue.answers["depth"] = web.Response(status=403, text="<html><body>Request blocked.</body></html>")
    async with feed_on(venue) as feed, aclosing(feed.stream(BOOK)) as stream:
        await next_of(stream, Status)
        status = await next_of(stream, Status)
        assert status.reason.startswith("HTTP 403" if place == "socket" else "binance blocks this address or region")
        assert "firewall or content network" in feed.origin.problem
        assert "--source sim" in feed.origin.problem


@pytest.mark.parametrize(
    "error",
    [
        VenueUnreachable("binance", "binance: HTTP 503 (refused)"),
        VenueUnreachable("binance", str(VenueBlocked("binance", "x", status=451))),
        VenueUnreachable("binance", str(VenueUnreachable("binance", "no answer over REST (no answer in time)"))),
        VenueBlocked("binance", "x", status=403),
    ],
)
def test_no_text_names_the_venue_twice(error: FeedError) -> None:
    problems = Problems("binance")
    problems.report("rest", error)
    for text in (str(error), problems.text):
        assert text.count("binance") == 1, text
        assert text.count("cannot be reached") <= 1, text
