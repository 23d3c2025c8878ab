"""What follows a venue beside its streams goes on whatever one of its answers looks like."""

from __future__ import annotations

import logging
from collections.abc import Collection
from typing import cast

import pytest

from orderfox_nb.clock import ManualClock, settle
from orderfox_nb.core.events import Topic
from orderfox_nb.feeds.venue.dialect import VenueRest
from orderfox_nb.feeds.venue.items import MarketChange
from orderfox_nb.feeds.venue.markets import Markets
from orderfox_nb.feeds.venue.open_streams import OpenStreams
from orderfox_nb.feeds.venue.venue_clock import VenueClock
from orderfox_nb.feeds.venue.watch import Watch
from orderfox_nb.feeds.venue.weights import WeightBudget

pytestmark = pytest.mark.feeds

BOOK = Topic("x", "BTCUSDT", "book")


class OddVenue:
    """Its first answer of each kind has another shape than the others."""

    def __init__(self, clock: ManualClock) -> None:
        self.clock = clock
        self.budget = WeightBudget("x", clock, limit=100)
        self.changed = lambda: None
        self.times = self.lists = 0

    async def time_us(self) -> int:
        self.times += 1
        if self.times == 1:
            raise TypeError("a number was expected")
        return self.clock.now_us() + 7_000_000

    async def load(self, symbols: Collection[str]) -> None:
        self.lists += 1
        if self.lists == 1:
            raise KeyError(*symbols)

    def lacks(self, symbols: Collection[str]) -> bool:
        return bool(symbols)

    def state(self, symbol: str) -> MarketChange:
        return MarketChange("halted", f"{symbol} is delisted") if self.lists > 1 else MarketChange()


async def test_the_venues_time_is_asked_for_again_after_an_answer_of_another_shape(
    caplog: pytest.LogCaptureFixture,
) -> None:
    clock = ManualClock()
    venue, venue_clock = OddVenue(clock), VenueClock(clock)
    watch = Watch(
        venue_clock,
        clock,
        rest=cast("VenueRest", venue),
        open_streams=OpenStreams(),
        sockets=(),
        checks={},
        recorded=False,
    )
    with caplog.at_level(logging.ERROR):
        async with watch.over(BOOK):
            await settle()
            assert (venue.times, venue_clock.known) == (1, False)
            await clock.advance(11)
            assert venue_clock.now_us() - clock.now_us() == 7_000_000
    assert "a number was expected" in caplog.text


async def test_a_market_that_is_halted_is_noticed_after_an_answer_of_another_shape(
    caplog: pytest.LogCaptureFixture,
) -> None:
    clock = ManualClock()
    venue = OddVenue(clock)
    markets = Markets(venue, OpenStreams(), clock)
    with caplog.at_level(logging.ERROR):
        async with markets.over(BOOK.symbol):
            await settle()
            assert (venue.lists, markets.of(BOOK.symbol).state) == (1, "")
            await clock.advance(20)
            markets.check_soon()
            await clock.advance(20)
            assert markets.of(BOOK.symbol).reason == "BTCUSDT is delisted"
    assert "KeyError" in caplog.text
