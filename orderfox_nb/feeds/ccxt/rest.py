"""REST answers of an exchange of ccxt as events: the engine's ``VenueRest``."""

from __future__ import annotations

import logging
from collections.abc import Collection, Mapping, Sequence
from typing import Any, Final

from orderfox_nb.clock import Clock
from orderfox_nb.core.events import BookSnapshot, MarkPrice, OpenInterest, Ticker, Topic
from orderfox_nb.errors import FeedError
from orderfox_nb.feeds.base import Listing
from orderfox_nb.feeds.ccxt.client import CcxtClient
from orderfox_nb.feeds.ccxt.markets import CcxtMarkets
from orderfox_nb.feeds.ccxt.pages import page_of
from orderfox_nb.feeds.past import PastPage, Span
from orderfox_nb.feeds.venue.weights import ROUTINE, URGENT, WeightBudget

_log = logging.getLogger(__name__)

BOOK_LEVELS: Final = 1_000


class CcxtRest:
    """Asks over REST and answers with events, oldest first.

    Args:
        client: The exchange.
        clock: Ours, where the venue does not say what time it is.
        now_us: The venue's.
    """

    url = ""

    def __init__(self, client: CcxtClient, clock: Clock, now_us: Any) -> None:
        self._client = client
        self._clock = clock
        self._now_us = now_us
        self.lacks_figures = False
        """Whether figures of the last symbol list were not answered."""

    @property
    def budget(self) -> WeightBudget:
        return self._client.budget

    @property
    def markets(self) -> CcxtMarkets:
        return self._client.markets

    async def time_us(self) -> int:
        if not self._client.has("fetchTime"):
            return self._clock.now_us()
        return int(await self._client.ask("fetch_time")) * 1_000

    async def listings(self) -> Sequence[Listing]:
        self.lacks_figures = False
        await self._client.markets.read(again=bool(self._client.markets.known))
        tickers = await self._figures("fetchTickers", "fetch_tickers")
        rates: Mapping[str, Mapping[str, Any]] = {}
        if self._client.kind == "swap":
            rates = await self._figures("fetchFundingRates", "fetch_funding_rates")
        prices = {name: float(row["last"]) for name, row in tickers.items() if row.get("last")}
        return [self._listed(listing, tickers, rates) for listing in self.markets.listings(prices)]

    async def _figures(self, name: str, method: str) -> Mapping[str, Mapping[str, Any]]:
        if not self._client.has(name):
            return {}
        names = [str(market["symbol"]) for market in self.markets.known.values()]
        try:
            return await self._client.ask(method, names if self._client.kind == "swap" else None)
        except FeedError as error:
            _log.warning("the symbol list is without some of its figures: %s", error)
            self.lacks_figures = True
            return {}

    def _listed(self, listing: Listing, tickers: Mapping[str, Any], rates: Mapping[str, Any]) -> Listing:
        name = listing.instrument.unified
        reading = self._client.reading_of(listing.instrument.symbol)
        ticker = tickers.get(name)
        rate = rates.get(name, {}).get("fundingRate")
        return Listing(
            instrument=listing.instrument,
            ticker=reading.ticker(ticker, now_us=self._now_us()) if ticker else None,
            funding_rate=float(rate) if rate is not None else None,
            kind=listing.kind,
        )

    async def prepare(self, streams: Collection[str]) -> None:
        """Nothing is needed before."""

    async def book(self, symbol: str) -> Sequence[BookSnapshot]:
        unified, reading = await self._client.reading(symbol)
        depth = self._client.facts.book_depth
        book = await self._client.ask("fetch_order_book", unified, depth, priority=URGENT)
        return (reading.snapshot(book, update_id=int(book.get("nonce") or 0), now_us=self._now_us()),)

    async def page(self, topic: Topic, span: Span, *, priority: int = ROUTINE) -> PastPage:
        return await page_of(self._client, topic, span, now_us=self._now_us(), priority=priority)

    async def mark(self, symbol: str) -> Sequence[MarkPrice]:
        unified, reading = await self._client.reading(symbol)
        if not self._client.has("fetchFundingRate"):
            return ()
        row = await self._client.ask("fetch_funding_rate", unified)
        if self._client.facts.separate_funding:
            row = {**row, "markPrice": (await self._client.ask("fetch_mark_price", unified)).get("markPrice")}
        mark = reading.mark(row, now_us=self._now_us())
        return () if mark is None else (mark,)

    async def ticker(self, symbol: str) -> Sequence[Ticker]:
        unified, reading = await self._client.reading(symbol)
        if not self._client.has("fetchTicker"):
            return ()
        ticker = reading.ticker(await self._client.ask("fetch_ticker", unified), now_us=self._now_us())
        return () if ticker is None else (ticker,)

    async def open_interest(self, symbol: str) -> Sequence[OpenInterest]:
        unified, reading = await self._client.reading(symbol)
        if self._client.facts.interest_in_ticker:
            ticker = await self._client.ask("fetch_ticker", unified)
            row = {**ticker, "openInterestAmount": ticker["info"].get("openInterest")}
        else:
            row = await self._client.ask("fetch_open_interest", unified)
        interest = reading.open_interest(row, now_us=self._now_us())
        return () if interest is None else (interest,)

    async def known(self, symbol: str) -> Sequence[BookSnapshot]:
        """Return nothing, for a symbol that is listed.

        Raises:
            UnknownSymbol: It is not.
        """
        await self._client.reading(symbol)
        return ()

    def statistics(self) -> Mapping[str, int | float]:
        return {
            "rest_calls": self._client.calls,
            "rest_failures": self._client.failures,
            "rest_waiting": self.budget.waiting,
            "weight_used": self.budget.used,
            "weight_limit": self.budget.limit,
        }

    async def close(self) -> None:
        await self._client.close()
