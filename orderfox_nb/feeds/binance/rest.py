"""Binance's REST API: typed answers, one budget, descriptive errors."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final, Literal, TypeVar

import msgspec
from msgspec import Raw

from orderfox_nb.clock import Clock
from orderfox_nb.core.numerals import whole_number
from orderfox_nb.errors import FeedError, RateLimited, SymbolRefused, UnknownSymbol, VenueRefused
from orderfox_nb.feeds.binance.messages import (
    AggTradeRow,
    DepthBody,
    KlineRow,
    OpenInterestBody,
    OpenInterestRow,
    PaidFundingRow,
    PremiumRow,
    RefusedBody,
    ServerTime,
    TickerRow,
)
from orderfox_nb.feeds.binance.protocol import FUTURES, Api
from orderfox_nb.feeds.binance.symbol_list import (
    ExchangeInfo,
    ExchangeInfoRow,
    MarketSchedule,
    TradingSchedule,
    TradingSessionRow,
    odd_names,
    rate_limits,
)
from orderfox_nb.feeds.http import HttpAnswer, decode_json, short
from orderfox_nb.feeds.venue.requests import MAX_SMALL_BYTES, RequestLimits, Requests, refused_by_status
from orderfox_nb.feeds.venue.rows import Rows
from orderfox_nb.feeds.venue.weights import BACKGROUND, ROUTINE, URGENT, WeightBudget

Answer = TypeVar("Answer")

SYMBOL_CLOSED: Final = -4141
"""The code of an answer about a symbol that is closed."""
INVALID_SYMBOL: Final = -1121
"""The code of an answer about a symbol that is not listed; one that was listed before may return."""

OPEN_INTEREST: Final = "/futures/data/openInterestHist"
MAX_BYTES: Final[Mapping[str, int]] = {
    "exchangeInfo": 16_000_000,
    "ticker/24hr": 4_000_000,
    "premiumIndex": 4_000_000,
    "tradingSchedule": 4_000_000,
    "klines": 2_000_000,
    "markPriceKlines": 2_000_000,
    "indexPriceKlines": 2_000_000,
    "fundingRate": 1_000_000,
    OPEN_INTEREST: 1_000_000,
    "aggTrades": 2_000_000,
    "depth": 1_000_000,
}
"""Largest size of answers that are lists, several times what the venue sends: 1,000 levels a side have 60 kB."""
_ONE_OR_ALL: Final = ("ticker/24hr", "premiumIndex")

MAX_TRADES: Final = 1_000


class BinanceRest:
    """Typed requests to one venue; opens its first connection with the first of them.

    Args:
        url: Root of the REST host, without the path.
        api: Paths and weights of this host of Binance.
        venue: Name for errors.
        clock: What waiting is measured by.
        timeout_s: For one request, once it may be sent.
        report: Called with the outcome of each request: its error, or ``None``.
        budget_timeout_s: How long a request may wait for its weight; snapshots of streams wait as long as it takes.
    """

    def __init__(
        self,
        url: str,
        *,
        api: Api = FUTURES,
        venue: str,
        clock: Clock,
        timeout_s: float = 10.0,
        budget_timeout_s: float = 20.0,
        report: Callable[[BaseException | None], None] = lambda _: None,
    ) -> None:
        self.api = api
        self._venue = venue
        self._requests = Requests(
            url,
            venue=venue,
            clock=clock,
            weight_limit=api.weight_limit,
            refusal=self._refusal,
            used=lambda headers: _whole(headers.get("X-MBX-USED-WEIGHT-1M")),
            timeout_s=timeout_s,
            budget_timeout_s=budget_timeout_s,
            report=report,
        )
        self.rows = Rows()
        self.learned: Callable[[list[ExchangeInfoRow], frozenset[str] | None], None] = lambda _rows, _odd: None
        """Called with the rows of every symbol list, and the names of those that cannot be read: None where even a name
        cannot be."""
        self.listed: Callable[[str], bool] = lambda _: False
        """Returns whether the venue has ever listed a symbol."""

    @property
    def url(self) -> str:
        """Root of the REST host."""
        return self._requests.url

    @url.setter
    def url(self, url: str) -> None:
        self._requests.url = url

    @property
    def budget(self) -> WeightBudget:
        """Request weight."""
        return self._requests.budget

    @property
    def calls(self) -> int:
        """Requests that were sent."""
        return self._requests.calls

    async def close(self) -> None:
        """Close every connection."""
        await self._requests.close()

    async def symbols(self) -> list[ExchangeInfoRow]:
        """Return all symbols whose rows can be read; learns the budget's limit along with them."""
        info = await self.get("exchangeInfo", ExchangeInfo)
        for limit in rate_limits(info.rate_limits, self.rows):
            if limit.rate_limit_type == "REQUEST_WEIGHT" and limit.interval == "MINUTE":
                self.budget.limit = max(1, limit.limit // limit.interval_num)
        rows = self.rows.read("exchangeInfo", info.symbols, self.api.row)
        self.learned(rows, odd_names(info.symbols, rows))
        return rows

    async def trading_sessions(self) -> dict[str, list[TradingSessionRow]]:
        """Return the sessions of the markets under traditional contracts, by market such as ``EQUITY``."""
        schedule = await self.get("tradingSchedule", TradingSchedule, priority=BACKGROUND)
        found: dict[str, list[TradingSessionRow]] = {}
        for name, raw in schedule.market_schedules.items():
            for market in self.rows.read(f"tradingSchedule {name}", [raw], MarketSchedule):
                found[name] = self.rows.read(f"tradingSchedule sessions of {name}", market.sessions, TradingSessionRow)
        return found

    async def time_ms(self) -> int:
        """Return the venue's time in milliseconds."""
        return (await self.get("time", ServerTime, priority=BACKGROUND)).server_time

    async def depth(self, symbol: str, *, limit: int = 1_000) -> DepthBody:
        """Return the book; waits for its weight without a limit, since a stream cannot continue without it."""
        parameters = {"symbol": symbol, "limit": str(limit)}
        return await self.get(
            "depth", DepthBody, parameters, weight=self.api.step("depth", limit), priority=URGENT, patient=True
        )

    async def klines(
        self,
        symbol: str,
        interval: str,
        *,
        limit: int,
        start_ms: int | None = None,
        end_ms: int | None = None,
        priority: int = ROUTINE,
        path: Literal["klines", "markPriceKlines", "indexPriceKlines"] = "klines",
    ) -> list[KlineRow]:
        """Return bars of the trades or of another price, oldest first, at most ``api.max_candles``."""
        name = "pair" if path == "indexPriceKlines" else "symbol"
        parameters = {name: symbol, "interval": interval, "limit": str(limit), **_bounds(start_ms, end_ms)}
        return await self.get(
            path, list[KlineRow], parameters, weight=self.api.step("klines", limit), priority=priority
        )

    async def funding(
        self, symbol: str, *, limit: int, start_ms: int | None, end_ms: int | None, priority: int = ROUTINE
    ) -> list[PaidFundingRow]:
        """Return the funding that was paid, oldest first, at most 1,000 rates."""
        parameters = {"symbol": symbol, "limit": str(limit), **_bounds(start_ms, end_ms)}
        return await self.get("fundingRate", list[PaidFundingRow], parameters, priority=priority)

    async def past_open_interest(
        self, symbol: str, period: str, *, limit: int, start_ms: int | None, end_ms: int | None, priority: int = ROUTINE
    ) -> list[OpenInterestRow]:
        """Return the open contracts at the start of each period, oldest first, at most 500."""
        parameters = {"symbol": symbol, "period": period, "limit": str(limit), **_bounds(start_ms, end_ms)}
        return await self.get(OPEN_INTEREST, list[OpenInterestRow], parameters, priority=priority)

    async def aggregate_trades(
        self,
        symbol: str,
        *,
        limit: int = MAX_TRADES,
        from_id: int | None = None,
        start_ms: int | None = None,
        end_ms: int | None = None,
        priority: int = ROUTINE,
    ) -> list[AggTradeRow]:
        """Return the newest trades up to a time, or those from an id or a time on; oldest first, at most 1,000."""
        bounds = {"fromId": from_id, "startTime": start_ms, "endTime": end_ms}
        parameters = {name: str(value) for name, value in bounds.items() if value is not None}
        return await self.get(
            "aggTrades", list[AggTradeRow], {"symbol": symbol, "limit": str(limit), **parameters}, priority=priority
        )

    async def tickers(self) -> list[TickerRow]:
        """Return the 24 h statistics of every symbol whose row can be read."""
        return self.rows.read("ticker/24hr", await self.get("ticker/24hr", list[Raw]), TickerRow)

    async def ticker(self, symbol: str) -> TickerRow:
        """Return the 24 h statistics of one symbol."""
        return await self.get("ticker/24hr", TickerRow, {"symbol": symbol})

    async def premiums(self) -> list[PremiumRow]:
        """Return mark price and funding of every symbol whose row can be read."""
        return self.rows.read("premiumIndex", await self.get("premiumIndex", list[Raw]), PremiumRow)

    async def premium(self, symbol: str) -> PremiumRow:
        """Return mark price and funding of one symbol."""
        return await self.get("premiumIndex", PremiumRow, {"symbol": symbol})

    async def open_interest(self, symbol: str) -> OpenInterestBody:
        """Return the open contracts of one symbol."""
        return await self.get("openInterest", OpenInterestBody, {"symbol": symbol}, priority=BACKGROUND)

    def statistics(self) -> Mapping[str, int | float]:
        """Return counters of calls and weight."""
        return self._requests.statistics()

    async def get(
        self,
        path: str,
        kind: type[Answer],
        parameters: Mapping[str, str] | None = None,
        *,
        weight: int = 0,
        priority: int = ROUTINE,
        patient: bool = False,
    ) -> Answer:
        """Send a request when the budget allows it.

        Args:
            path: Behind the host's prefix; one that begins with ``/`` is beside it.
            weight: That of ``api.weights`` when not given.
            patient: Wait for the weight as long as it takes.

        Raises:
            FeedError: It was not answered as asked.
            UnknownSymbol: The venue does not know the symbol.
            ClientLimited: The client has used up its recent allowance.
        """
        parameters = parameters or {}
        one_of_all = path in _ONE_OR_ALL and "symbol" in parameters
        every = "*" if path in _ONE_OR_ALL and not one_of_all else ""
        weight = weight or self.api.weights.get(f"{path}{every}", 0)
        if not weight:
            raise VenueRefused(self._venue, f"this market has no {path}")
        max_bytes = MAX_SMALL_BYTES if one_of_all else MAX_BYTES.get(path, MAX_SMALL_BYTES)
        whole = path if path.startswith("/") else f"{self.api.prefix}/{path}"
        limits = RequestLimits(weight, max_bytes)
        return await self._requests.get(whole, kind, parameters, limits, priority=priority, patient=patient)

    def _refusal(self, answer: HttpAnswer, parameters: Mapping[str, str]) -> FeedError | UnknownSymbol | None:
        status = answer.status
        if status == 200:
            return None
        try:
            refused: RefusedBody = decode_json(answer.body, RefusedBody)
        except (msgspec.MsgspecError, UnicodeDecodeError):
            refused = RefusedBody()
        reason = short(refused.msg) or answer.reason or "refused"
        if status in (429, 418):
            wait_s = _seconds(answer.headers.get("Retry-After"), default=60.0 if status == 418 else 10.0)
            self.budget.pause(wait_s)
            return RateLimited(self._venue, reason, status=status, retry_after_s=wait_s)
        error = refused_by_status(self._venue, status, reason, code=refused.code)
        if error is not None:
            return error
        symbol = parameters.get("symbol", "")
        if refused.code == INVALID_SYMBOL and not self.listed(symbol):
            return UnknownSymbol(symbol)
        kind = SymbolRefused if refused.code in (SYMBOL_CLOSED, INVALID_SYMBOL) else VenueRefused
        return kind(self._venue, f"HTTP {status}: {reason}", status=status, code=refused.code)


def _bounds(start_ms: int | None, end_ms: int | None) -> dict[str, str]:
    bounds = {"startTime": start_ms, "endTime": end_ms}
    return {name: str(value) for name, value in bounds.items() if value is not None}


def _whole(text: str | None) -> int | None:
    value = whole_number(text or "")
    return None if value is None or value < 0 else value


def _seconds(text: str | None, *, default: float) -> float:
    seconds = _whole(text)
    return min(float(seconds), 3 * 86_400.0) if seconds is not None and seconds > 0 else default
