"""Deribit's REST API: typed answers, its errors as ours."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import Final, TypeVar

import msgspec
from msgspec import Raw

from orderfox_nb.clock import Clock
from orderfox_nb.core.instrument import Instrument
from orderfox_nb.core.numerals import MAX_TIME_MS
from orderfox_nb.core.symbols import is_symbol_name, unified_name
from orderfox_nb.errors import FeedError, RateLimited, SymbolRefused, UnknownSymbol, VenueRefused, VenueUnreachable
from orderfox_nb.feeds.deribit.dialect import CURRENCY
from orderfox_nb.feeds.deribit.messages import (
    DeribitAnswer,
    DeribitError,
    DeribitInstrument,
    DeribitReason,
    DeribitRefusal,
    DeribitSummary,
)
from orderfox_nb.feeds.http import HttpAnswer, decode_json, short
from orderfox_nb.feeds.venue.items import MarketChange
from orderfox_nb.feeds.venue.listed_markets import ListedMarkets
from orderfox_nb.feeds.venue.requests import MAX_SMALL_BYTES, RequestLimits, Requests, refused_by_status
from orderfox_nb.feeds.venue.rows import Rows
from orderfox_nb.feeds.venue.weights import ROUTINE

Result = TypeVar("Result")

WEIGHT_LIMIT: Final = 600
"""Requests a minute, half of what the credits of an address allow: its sockets use them too."""

INVALID_PARAMETERS: Final = -32602
NOT_FOUND: Final = (13020, 13021)
TOO_MANY: Final = (10028, 10066)
AWAY: Final = (11051, 13503, 13888)
"""Codes of maintenance, of a part that is not available, and of a request that took too long."""
_PAUSE_S: Final = 5.0

LIMITS: Final[Mapping[str, RequestLimits]] = {
    "get_time": RequestLimits(1, MAX_SMALL_BYTES),
    "get_instruments": RequestLimits(1, 4_000_000),
    "get_book_summary_by_currency": RequestLimits(1, 2_000_000),
    "ticker": RequestLimits(1, MAX_SMALL_BYTES),
    "get_order_book": RequestLimits(1, 2_000_000),
    "get_last_trades_by_instrument": RequestLimits(1, 2_000_000),
    "get_last_trades_by_instrument_and_time": RequestLimits(1, 2_000_000),
    "get_tradingview_chart_data": RequestLimits(1, 2_000_000),
    "get_funding_rate_history": RequestLimits(1, 1_000_000),
}


class DeribitRequests:
    """Typed requests for linear perpetuals; opens its first connection with the first of them.

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

    async def instruments(self) -> list[DeribitInstrument]:
        """Return all linear perpetuals whose rows can be read."""
        raw = await self.get("get_instruments", list[Raw], {"currency": CURRENCY, "kind": "future"})
        read = self.rows.read("get_instruments", raw, DeribitInstrument)
        rows = [row for row in read if (row.settlement_period, row.instrument_type) == ("perpetual", "linear")]
        self.markets.learn({row.instrument_name: _state(row) for row in rows})
        return rows

    async def summaries(self) -> list[DeribitSummary]:
        """Return the figures of every instrument whose row can be read."""
        path = "get_book_summary_by_currency"
        raw = await self.get(path, list[Raw], {"currency": CURRENCY, "kind": "future"})
        return self.rows.read(path, raw, DeribitSummary)

    async def get(
        self, path: str, kind: type[Result], parameters: Mapping[str, str], *, priority: int = ROUTINE
    ) -> Result:
        """Send a request when the budget allows it.

        Raises:
            FeedError: It was not answered as asked.
            UnknownSymbol: The venue does not know the symbol.
            ClientLimited: The client has used up its recent allowance.
        """
        url = f"/api/v2/public/{path}"
        return (await self.requests.get(url, DeribitAnswer[kind], parameters, LIMITS[path], priority=priority)).result

    def _refusal(  # noqa: PLR0911  (one an answer)
        self, answer: HttpAnswer, parameters: Mapping[str, str]
    ) -> FeedError | UnknownSymbol | None:
        try:
            error = decode_json(answer.body, DeribitRefusal).error
        except (msgspec.MsgspecError, UnicodeDecodeError):
            error = None
        status = answer.status
        if status == 200 and error is None:
            return None
        error = error or DeribitError()
        reason = _reason(error) or answer.reason or "refused"
        if status == 429 or error.code in TOO_MANY:
            self.requests.budget.pause(_PAUSE_S)
            return RateLimited(self._venue, reason, status=429, retry_after_s=_PAUSE_S)
        if error.code in AWAY:
            return VenueUnreachable(self._venue, f"code {error.code}: {reason}")
        if (known := refused_by_status(self._venue, status, reason, code=error.code)) is not None:
            return known
        symbol = parameters.get("instrument_name", "")
        if symbol and _names_instrument(error):
            if not self.markets.was_listed(symbol):
                return UnknownSymbol(symbol)
            return SymbolRefused(self._venue, reason, status=status, code=error.code)
        code = error.code
        return VenueRefused(self._venue, f"code {code}: {reason}", status=status if status != 200 else 400, code=code)


def _reason(error: DeribitError) -> str:
    detail = error.data.reason if isinstance(error.data, DeribitReason) else ""
    return short(f"{error.message}: {detail}" if detail else error.message)


def _names_instrument(error: DeribitError) -> bool:
    """Return whether an error is about the instrument of the request."""
    named = isinstance(error.data, DeribitReason) and error.data.param == "instrument_name"
    return error.code in NOT_FOUND or (error.code == INVALID_PARAMETERS and named)


def _state(row: DeribitInstrument) -> MarketChange:
    return MarketChange() if row.is_active else MarketChange("halted", f"{row.instrument_name} is not active")


def instruments_from(rows: Sequence[DeribitInstrument], *, venue: str, odd: Rows) -> list[Instrument]:
    """Convert every instrument in trading, leaving out those that have no steps."""
    return odd.converted(
        "get_instruments steps",
        [row for row in rows if row.is_active],
        lambda row: _instrument(row, venue),
        name=lambda row: row.instrument_name,
    )


def _instrument(row: DeribitInstrument, venue: str) -> Instrument:
    if not all(map(is_symbol_name, (row.instrument_name, row.base_currency, row.quote_currency))):
        raise ValueError("a name that is not that of a symbol")
    return Instrument(
        venue=venue,
        symbol=row.instrument_name,
        unified=unified_name(row.base_currency, row.quote_currency, settle=row.settlement_currency),
        base=row.base_currency,
        quote=row.quote_currency,
        tick_size=Decimal(str(row.tick_size)),
        # Amounts are whole contracts, and a contract is a fixed amount of the base currency.
        lot_size=Decimal(str(row.contract_size)),
        onboard_us=row.creation_timestamp * 1_000 if 0 < row.creation_timestamp <= MAX_TIME_MS else 0,
    )
