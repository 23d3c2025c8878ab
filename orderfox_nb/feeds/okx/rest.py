"""OKX's REST API: typed answers, errors as ``FeedError``, the size of each contract."""

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
from orderfox_nb.feeds.http import HttpAnswer, decode_json, short
from orderfox_nb.feeds.okx.dialect import SWAP
from orderfox_nb.feeds.okx.messages import ContractSizes, OkxInstrument, OkxRefusal, OkxRows
from orderfox_nb.feeds.venue.items import MarketChange
from orderfox_nb.feeds.venue.listed_markets import ListedMarkets
from orderfox_nb.feeds.venue.requests import RequestLimits, Requests, refused_by_status
from orderfox_nb.feeds.venue.rows import Rows
from orderfox_nb.feeds.venue.weights import ROUTINE

Answered = TypeVar("Answered")

WEIGHT_LIMIT: Final = 1_200
"""Weight a minute. Each path has a limit of its own at the venue: one that allows 40 requests in two seconds has a
weight of 1, and a path that allows fewer has more."""
LIVE: Final = "live"
_WORDS: Final = {"preopen": "is not traded yet", "expired": "is delisted", "test": "is a test"}

NO_INSTRUMENT: Final = (51001, 51000)
"""Codes of an instrument that does not exist, and of an invalid parameter."""
SUSPENDED: Final = (51027, 51028)
TOO_MANY: Final = (50011, 50013, 50061)
BLOCKED_CODES: Final = (50124, 50125, 51155)
"""HTTP codes of a region that is not served."""
_PAUSE_S: Final = 2.0

LIMITS: Final[Mapping[str, RequestLimits]] = {
    "public/time": RequestLimits(4),
    "public/instruments": RequestLimits(2, 8_000_000),
    "public/mark-price": RequestLimits(4),
    "public/funding-rate": RequestLimits(4, 2_000_000),
    "public/open-interest": RequestLimits(2),
    "public/funding-rate-history": RequestLimits(4, 1_000_000),
    "market/tickers": RequestLimits(2, 4_000_000),
    "market/ticker": RequestLimits(2),
    "market/index-tickers": RequestLimits(2),
    "market/books": RequestLimits(1, 1_000_000),
    "market/trades": RequestLimits(1, 1_000_000),
    "market/history-trades": RequestLimits(2, 1_000_000),
    "market/candles": RequestLimits(1, 1_000_000),
    "market/history-candles": RequestLimits(2, 1_000_000),
    "market/mark-price-candles": RequestLimits(2, 1_000_000),
    "market/history-mark-price-candles": RequestLimits(2, 1_000_000),
    "market/index-candles": RequestLimits(2, 1_000_000),
    "market/history-index-candles": RequestLimits(4, 1_000_000),
    "rubik/stat/contracts/open-interest-history": RequestLimits(4, 1_000_000),
}


class OkxRequests:
    """Typed requests about swaps; opens its first connection with the first of them.

    Args:
        url: Root of the REST host.
        sizes: Filled in with every list of instruments.
        venue: Name for errors and instruments.
        clock: What waiting is measured by.
        report: Called with the outcome of each request: its error, or ``None``.
    """

    def __init__(
        self,
        url: str,
        *,
        sizes: ContractSizes,
        venue: str,
        clock: Clock,
        report: Callable[[BaseException | None], None] = lambda _: None,
    ) -> None:
        self._venue = venue
        self.sizes = sizes
        self.requests = Requests(
            url, venue=venue, clock=clock, weight_limit=WEIGHT_LIMIT, refusal=self._refusal, report=report
        )
        self.odd = Rows()
        self.markets = ListedMarkets(self.instruments)

    async def instruments(self) -> list[OkxInstrument]:
        """Return all linear swaps whose rows can be read."""
        raw = await self.get("public/instruments", Raw, {"instType": SWAP})
        rows = self.odd.read("public/instruments", raw, OkxInstrument)
        sizes = {row.inst_id: _contract_size(row) for row in rows}
        self.sizes.learn({name: None if size is None else float(size) for name, size in sizes.items()})
        linear = [row for row in rows if sizes[row.inst_id] is not None]
        self.markets.learn({row.inst_id: _state(row) for row in linear})
        return linear

    async def get(
        self, path: str, kind: type[Answered], parameters: Mapping[str, str], *, priority: int = ROUTINE
    ) -> list[Answered]:
        """Send a request when the budget allows it; return the rows as they come, mostly newest first.

        Raises:
            FeedError: The venue refused, or did not answer.
            UnknownSymbol: The venue does not know the symbol.
            ClientLimited: The client has used up its recent allowance.
        """
        answer = await self.requests.get(f"/api/v5/{path}", OkxRows[kind], parameters, LIMITS[path], priority=priority)
        return answer.data

    def _refusal(self, answer: HttpAnswer, parameters: Mapping[str, str]) -> FeedError | UnknownSymbol | None:
        try:
            refused: OkxRefusal = decode_json(answer.body, OkxRefusal)
        except (msgspec.MsgspecError, UnicodeDecodeError):
            refused = OkxRefusal()
        status, code = answer.status, whole_number(refused.code) or 0
        if status == 200 and code == 0:
            return None
        reason = short(refused.reason) or answer.reason or "refused"
        if status == 429 or code in TOO_MANY:
            self.requests.budget.pause(_PAUSE_S)
            return RateLimited(self._venue, reason, status=429, retry_after_s=_PAUSE_S)
        if code in BLOCKED_CODES:
            return VenueBlocked(self._venue, reason, status=403, code=code)
        if (error := refused_by_status(self._venue, status, reason, code=code)) is not None:
            return error
        symbol = parameters.get("instId", "")
        if code in NO_INSTRUMENT and symbol.endswith(f"-{SWAP}") and not self.markets.was_listed(symbol):
            return UnknownSymbol(symbol)
        kind = SymbolRefused if symbol and code in (NO_INSTRUMENT[0], *SUSPENDED) else VenueRefused
        return kind(self._venue, f"code {code}: {reason}", status=status if status != 200 else 400, code=code)


def _contract_size(row: OkxInstrument) -> Decimal | None:
    """Return the base quantity of a contract, None if its size is in another currency."""
    base = row.inst_id.partition("-")[0]
    if row.ct_type != "linear" or row.ct_val_ccy != base:
        return None
    try:
        size = Decimal(row.ct_val) * Decimal(row.ct_mult or "1")
    except ArithmeticError:
        return None
    return size if size.is_finite() and size > 0 else None


def _state(row: OkxInstrument) -> MarketChange:
    if row.state == LIVE:
        return MarketChange()
    words = _WORDS.get(row.state, "is halted")
    return MarketChange("halted", f"{row.inst_id} {words} ({row.state or 'no state'})")


def instruments_from(rows: Sequence[OkxInstrument], *, venue: str, odd: Rows) -> list[Instrument]:
    """Convert every swap in trading, leaving out those that have no steps."""
    return odd.converted(
        "public/instruments steps",
        [row for row in rows if row.state == LIVE],
        lambda row: _instrument(row, venue),
        name=lambda row: row.inst_id,
    )


def _instrument(row: OkxInstrument, venue: str) -> Instrument:
    base, quote, *_ = [*row.inst_id.split("-"), ""]
    if not all(map(is_symbol_name, (row.inst_id, base, quote, row.settle_ccy))):
        raise ValueError("a name that is not that of a symbol")
    size = _contract_size(row)
    if size is None:
        raise ValueError("no contract size in base currency")
    listed_ms = whole_number(str(row.list_time)) or 0
    return Instrument(
        venue=venue,
        symbol=row.inst_id,
        unified=unified_name(base, quote, settle=row.settle_ccy),
        base=base,
        quote=quote,
        tick_size=Decimal(row.tick_sz),
        lot_size=(Decimal(row.lot_sz) * size).normalize(),
        onboard_us=listed_ms * 1_000 if 0 < listed_ms <= MAX_TIME_MS else 0,
    )
