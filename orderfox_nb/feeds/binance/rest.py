"""Binance's REST API: typed answers, one budget, descriptive errors."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from contextlib import nullcontext
from typing import Final, Literal, TypeVar

import aiohttp
import msgspec
from msgspec import Raw

from orderfox_nb.clock import Clock, in_time
from orderfox_nb.core.numerals import whole_number
from orderfox_nb.errors import (
    FeedError,
    MalformedFrame,
    RateLimited,
    SymbolRefused,
    UnknownSymbol,
    VenueBlocked,
    VenueRefused,
    VenueUnreachable,
)
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
    Rows,
    TradingSchedule,
    TradingSessionRow,
    odd_names,
    rate_limits,
)
from orderfox_nb.feeds.charges import charge
from orderfox_nb.feeds.http import AnswerRefused, HttpAnswer, decode_json, fetch, new_session, short
from orderfox_nb.feeds.problem_log import ProblemLog
from orderfox_nb.feeds.transport import network_reason
from orderfox_nb.feeds.venue.problems import BLOCKED
from orderfox_nb.feeds.venue.weights import ASKED, BACKGROUND, ROUTINE, URGENT, WeightBudget

_log = logging.getLogger(__name__)

Answer = TypeVar("Answer")

_LANES: Final = 8
"""Concurrent requests: this many can be refused before the first refusal stops the others."""

SYMBOL_CLOSED: Final = -4141
"""The code of an answer about a symbol that is closed."""
INVALID_SYMBOL: Final = -1121
"""And about one that is not listed: where it was listed before, it may be again."""

MAX_SMALL_BYTES: Final = 64_000
"""Of the answer about one thing, such as the time."""
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
"""Of the answers that are lists, several times what the venue sends: 1,000 levels a side have 60 kB."""
_ONE_OR_ALL: Final = ("ticker/24hr", "premiumIndex")

_ASKED_LANES: Final = 4
"""And of them single questions of clients: a book never stands in line behind all of them."""

MAX_TRADES: Final = 1_000


class BinanceRest:
    """Requests to one venue; opens its first connection with the first of them.

    Args:
        url: Root of the REST host, without the path.
        api: Which of Binance's hosts it is.
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
        self.url = url
        self.api = api
        self._venue = venue
        self._clock = clock
        self._timeout_s = timeout_s
        self._budget_timeout_s = budget_timeout_s
        self._report = report
        self._session: aiohttp.ClientSession | None = None
        self.budget = WeightBudget(venue, clock, limit=api.weight_limit)
        self._lanes = asyncio.Semaphore(_LANES)
        self._asked_lanes = asyncio.Semaphore(_ASKED_LANES)
        self.rows = Rows()
        self.learned: Callable[[list[ExchangeInfoRow], frozenset[str] | None], None] = lambda _rows, _odd: None
        """Called with the rows of every symbol list, and the names of those that cannot be read: None where even a name
        cannot be."""
        self.listed: Callable[[str], bool] = lambda _: False
        """Returns whether the venue has ever listed a symbol."""
        self.calls = 0
        self.failures = 0
        self._problem_log = ProblemLog(_log, clock)

    async def close(self) -> None:
        """Close every connection."""
        await self.budget.close()
        if self._session is not None:
            await self._session.close()
            self._session = None

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
        """Return the book; waits for its weight without a bound, since a stream cannot go on without it."""
        parameters = {"symbol": symbol, "limit": str(limit)}
        return await self.get(
            "depth", DepthBody, parameters, weight=self.api.step("depth", limit), priority=URGENT, budget_timeout_s=None
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
        return {
            "rest_calls": self.calls,
            "rest_failures": self.failures,
            "rest_rows_left_out": self.rows.left_out,
            "rest_waiting": self.budget.waiting,
            "weight_used": self.budget.used,
            "weight_limit": self.budget.limit,
        }

    async def get(
        self,
        path: str,
        kind: type[Answer],
        parameters: Mapping[str, str] | None = None,
        *,
        weight: int = 0,
        priority: int = ROUTINE,
        budget_timeout_s: float | None = -1.0,
    ) -> Answer:
        """Send a request when the budget allows it.

        Raises:
            FeedError: It was not answered as asked.
            UnknownSymbol: The venue does not know the symbol.
            ClientLimited: The client has used up its recent allowance.
        """
        parameters = parameters or {}
        every = "*" if path in _ONE_OR_ALL and "symbol" not in parameters else ""
        weight = weight or self.api.weights.get(f"{path}{every}", 0)
        if not weight:
            raise VenueRefused(self._venue, f"this market has no {path}")
        if priority == ASKED:
            charge(weight)
        timeout_s = (
            self._budget_timeout_s if budget_timeout_s is not None and budget_timeout_s < 0 else budget_timeout_s
        )
        while True:
            await self.budget.acquire(weight, priority=priority, timeout_s=timeout_s)
            async with self._asked_lanes if priority == ASKED else nullcontext(), self._lanes:
                if self.budget.paused_s > 0:
                    # The venue stopped another request while this one was queued.
                    self.budget.refund(weight)
                    continue
                return await self._ask(path, kind, parameters, weight)

    async def _ask(self, path: str, kind: type[Answer], parameters: Mapping[str, str], weight: int) -> Answer:
        self.calls += 1
        try:
            answer = await self._send(path, kind, parameters, weight)
        except (FeedError, UnknownSymbol) as error:
            self.failures += 1
            if isinstance(error, MalformedFrame):
                self._problem_log.report(path, str(error))
            self._report(error)
            raise
        self._report(None)
        self._problem_log.over(path)
        return answer

    async def _send(self, path: str, kind: type[Answer], parameters: Mapping[str, str], weight: int) -> Answer:
        used: int | None = None
        try:
            answer = await in_time(self._clock, self._timeout_s, self._read(path, parameters))
            used = _whole(answer.headers.get("X-MBX-USED-WEIGHT-1M"))
            if answer.status != 200:
                raise self._refusal(answer, parameters.get("symbol", ""))
            return decode_json(answer.body, kind)
        except AnswerRefused as error:
            raise MalformedFrame(self._venue, f"{path} of {self.url}: {error}") from error
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            raise VenueUnreachable(self._venue, f"no answer from {self.url} ({network_reason(error)})") from error
        except (msgspec.MsgspecError, UnicodeDecodeError) as error:
            raise MalformedFrame(self._venue, f"{path} answered with something else ({error})") from error
        finally:
            self.budget.release(weight, used=used)

    async def _read(self, path: str, parameters: Mapping[str, str]) -> HttpAnswer:
        if self._session is None:
            self._session = new_session(connections=_LANES)
        limit = MAX_BYTES.get(path, MAX_SMALL_BYTES)
        if path in _ONE_OR_ALL and "symbol" in parameters:
            limit = MAX_SMALL_BYTES
        url = f"{self.url}{path}" if path.startswith("/") else f"{self.url}{self.api.prefix}/{path}"
        return await fetch(self._session, url, parameters, max_bytes=limit)

    def _refusal(self, answer: HttpAnswer, symbol: str) -> FeedError | UnknownSymbol:
        try:
            refused: RefusedBody = decode_json(answer.body, RefusedBody)
        except (msgspec.MsgspecError, UnicodeDecodeError):
            refused = RefusedBody()
        status = answer.status
        reason = short(refused.msg) or answer.reason or "refused"
        if status in (429, 418):
            wait_s = _seconds(answer.headers.get("Retry-After"), default=60.0 if status == 418 else 10.0)
            self.budget.pause(wait_s)
            return RateLimited(self._venue, reason, status=status, retry_after_s=wait_s)
        if status in BLOCKED:
            return VenueBlocked(self._venue, reason, status=status, code=refused.code)
        if status >= 500:
            return VenueUnreachable(self._venue, f"HTTP {status} from {self.url} ({reason})")
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
