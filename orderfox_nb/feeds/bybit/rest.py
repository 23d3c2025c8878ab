"""Bybit's REST API: typed answers, errors as ``FeedError``."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import Final, TypeVar

import msgspec
from msgspec import Raw

from orderfox_nb.clock import Clock
from orderfox_nb.core.instrument import Instrument
from orderfox_nb.core.numerals import MAX_TIME_MS, whole_number
from orderfox_nb.core.symbols import is_symbol_name, unified_name
from orderfox_nb.errors import FeedError, RateLimited, SymbolRefused, UnknownSymbol, VenueBlocked, VenueRefused
from orderfox_nb.feeds.bybit.messages import (
    BybitAnswer,
    BybitInstrument,
    BybitPage,
    BybitRefusal,
    BybitRows,
    BybitTicker,
)
from orderfox_nb.feeds.http import HttpAnswer, decode_json, short
from orderfox_nb.feeds.venue.items import MarketChange
from orderfox_nb.feeds.venue.listed_markets import ListedMarkets
from orderfox_nb.feeds.venue.requests import MAX_SMALL_BYTES, RequestLimits, Requests, refused_by_status
from orderfox_nb.feeds.venue.rows import Rows
from orderfox_nb.feeds.venue.weights import ROUTINE

Result = TypeVar("Result")

WEIGHT_LIMIT: Final = 3_000
"""Requests a minute: the venue allows 600 in five seconds for all of an address."""
MAX_PAGES: Final = 20
PERPETUAL: Final = "LinearPerpetual"
TRADING: Final = "Trading"
_WORDS: Final = {"PreLaunch": "is not traded yet", "Delivering": "is being delisted", "Closed": "is closed"}

BAD_PARAMETERS: Final = 10001
TOO_MANY: Final = (10006, 10018)
"""Codes of answers to more requests than a minute's, of this key or of this address."""
BLOCKED_CODES: Final = (10009, 10024)
"""HTTP codes of a banned address, and of a region that is not served."""
_BAN_S: Final = 600.0
"""For how long an address is refused after the HTTP status 403 with the word "frequent"."""
_PAUSE_S: Final = 5.0

LIMITS: Final[Mapping[str, RequestLimits]] = {
    "instruments-info": RequestLimits(1, 8_000_000),
    "tickers": RequestLimits(1, 4_000_000),
    "time": RequestLimits(1, MAX_SMALL_BYTES),
    "orderbook": RequestLimits(1, 1_000_000),
    "recent-trade": RequestLimits(1, 2_000_000),
    "kline": RequestLimits(1, 2_000_000),
    "mark-price-kline": RequestLimits(1, 2_000_000),
    "index-price-kline": RequestLimits(1, 2_000_000),
    "funding/history": RequestLimits(1, 1_000_000),
    "open-interest": RequestLimits(1, 1_000_000),
}


class BybitRequests:
    """Typed requests for linear contracts; opens its first connection with the first of them.

    Args:
        url: Root of the REST host.
        venue: Name for errors and instruments.
        clock: What waiting is measured by.
        report: Called with the outcome of each request: its error, or ``None``.
    """

    def __init__(
        self, url: str, *, venue: str, clock: Clock, report: Callable[[BaseException | None], None] = lambda _: None
    ) -> None:
        self._venue = venue
        self.requests = Requests(
            url, venue=venue, clock=clock, weight_limit=WEIGHT_LIMIT, refusal=self._refusal, report=report
        )
        self.rows = Rows()
        self.markets = ListedMarkets(self.instruments)

    async def instruments(self) -> list[BybitInstrument]:
        """Return all perpetuals whose rows can be read, those before their launch too."""
        raw: list[Raw] = []
        for status in ("", "PreLaunch"):
            raw += await self._all("instruments-info", {"status": status} if status else {})
        read = self.rows.read("instruments-info", raw, BybitInstrument)
        rows = [row for row in read if row.contract_type == PERPETUAL]
        self.markets.learn({row.symbol: _state(row) for row in rows})
        return rows

    async def tickers(self) -> list[BybitTicker]:
        """Return the tickers of every symbol whose row can be read."""
        return self.rows.read("tickers", await self._all("tickers", {}), BybitTicker)

    async def _all(self, path: str, parameters: Mapping[str, str]) -> list[Raw]:
        raw: list[Raw] = []
        cursor = ""
        for _ in range(MAX_PAGES):
            given = {**parameters, "limit": "1000", **({"cursor": cursor} if cursor else {})}
            page = (await self.get(path, BybitPage, given)).result
            raw += page.rows
            cursor = page.cursor
            if not cursor:
                break
        return raw

    async def rows_of(
        self, path: str, kind: type[Result], parameters: Mapping[str, str], *, priority: int = ROUTINE
    ) -> tuple[list[Result], int]:
        """Return the rows of an answer, oldest first, and the venue's time in microseconds."""
        answer = await self.get(path, BybitRows[kind], parameters, priority=priority)
        return answer.result.rows[::-1], answer.time * 1_000

    async def get(
        self, path: str, kind: type[Result], parameters: Mapping[str, str] | None = None, *, priority: int = ROUTINE
    ) -> BybitAnswer[Result]:
        """Send a request when the budget allows it.

        Raises:
            FeedError: It was not answered as asked.
            UnknownSymbol: The venue does not know the symbol.
            ClientLimited: The client has used up its recent allowance.
        """
        given = {"category": "linear", **(parameters or {})}
        return await self.requests.get(f"/v5/market/{path}", BybitAnswer[kind], given, LIMITS[path], priority=priority)

    def _refusal(  # noqa: PLR0911  (one an answer)
        self, answer: HttpAnswer, parameters: Mapping[str, str]
    ) -> FeedError | UnknownSymbol | None:
        try:
            refused: BybitRefusal = decode_json(answer.body, BybitRefusal)
        except (msgspec.MsgspecError, UnicodeDecodeError):
            refused = BybitRefusal()
        status, code = answer.status, refused.code
        if status == 200 and code == 0:
            return None
        reason = short(refused.reason) or answer.reason or "refused"
        if status == 429 or code in TOO_MANY:
            return self._limited(reason, _PAUSE_S)
        if status == 403 and b"frequent" in answer.body[:500]:
            return self._limited(reason, _BAN_S)
        if code in BLOCKED_CODES:
            return VenueBlocked(self._venue, reason, status=403, code=code)
        if (error := refused_by_status(self._venue, status, reason, code=code)) is not None:
            return error
        symbol = parameters.get("symbol", "")
        if code == BAD_PARAMETERS and symbol and "symbol" in reason.lower():
            if not self.markets.was_listed(symbol):
                return UnknownSymbol(symbol)
            return SymbolRefused(self._venue, reason, status=status, code=code)
        return VenueRefused(self._venue, f"code {code}: {reason}", status=status if status != 200 else 400, code=code)

    def _limited(self, reason: str, wait_s: float) -> RateLimited:
        self.requests.budget.pause(wait_s)
        return RateLimited(self._venue, reason, status=429, retry_after_s=wait_s)


def _state(row: BybitInstrument) -> MarketChange:
    if row.status == TRADING:
        return MarketChange()
    words = _WORDS.get(row.status, "is halted")
    return MarketChange("halted", f"{row.symbol} {words} ({row.status or 'no status'})")


def instruments_from(rows: Sequence[BybitInstrument], *, venue: str, odd: Rows) -> list[Instrument]:
    """Convert every instrument in trading, leaving out those that have no steps."""
    return odd.converted(
        "instruments-info steps",
        [row for row in rows if row.status == TRADING],
        lambda row: _instrument(row, venue),
        name=lambda row: row.symbol,
    )


def _instrument(row: BybitInstrument, venue: str) -> Instrument:
    if not all(map(is_symbol_name, (row.symbol, row.base_coin, row.quote_coin, row.settle_coin))):
        raise ValueError("a name that is not that of a symbol")
    listed_ms = whole_number(str(row.launch_time)) or 0
    return Instrument(
        venue=venue,
        symbol=row.symbol,
        unified=unified_name(row.base_coin, row.quote_coin, settle=row.settle_coin),
        base=row.base_coin,
        quote=row.quote_coin,
        tick_size=Decimal(row.price_filter.tick_size),
        lot_size=Decimal(row.lot_size_filter.qty_step),
        onboard_us=listed_ms * 1_000 if 0 < listed_ms <= MAX_TIME_MS else 0,
    )
