"""The venue's list of symbols, whose rows are read independently.

A list has some hundred rows, of which one may be odd for a while: a symbol that is being listed, a contract of a new
kind. An odd row is left out, counted and logged once; what only decorates a row is left out of the row.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Annotated, Any, Final

import msgspec
from msgspec import Meta, Raw, Struct

from orderfox_nb.core.instrument import Instrument
from orderfox_nb.core.numerals import MAX_TIME_MS, TimeMs
from orderfox_nb.core.symbols import is_symbol_name, unified_name
from orderfox_nb.feeds.http import decode_json
from orderfox_nb.feeds.venue.rows import Rows

SPOT: Final = "SPOT"
SHOWN: Final = ("PERPETUAL", "TRADIFI_PERPETUAL", SPOT)
"""Kinds of markets that are listed."""


class ExchangeInfoRow(Struct, frozen=True, rename="camel", kw_only=True):
    """A symbol of ``exchangeInfo``."""

    symbol: str
    status: str
    contract_type: str
    base_asset: str
    quote_asset: str
    filters: list[Raw]
    underlying_type: Any = None
    onboard_date: Any = None
    margin_asset: Any = None


class SpotRow(ExchangeInfoRow, frozen=True, rename="camel"):
    """A symbol of the spot host, which has no contract type."""

    contract_type: str = SPOT


class ExchangeInfo(Struct, frozen=True, rename="camel"):
    """``/fapi/v1/exchangeInfo``; its rows are read one by one."""

    symbols: list[Raw]
    rate_limits: Raw = Raw(b"[]")


class RateLimitRow(Struct, frozen=True, rename="camel"):
    """A limit of ``/fapi/v1/exchangeInfo``."""

    rate_limit_type: str
    interval: str
    interval_num: Annotated[int, Meta(ge=1, le=1_440)]
    limit: Annotated[int, Meta(ge=1, le=10**9)]


class TradingSessionRow(Struct, frozen=True, rename="camel"):
    """A session of ``/fapi/v1/tradingSchedule``; times are milliseconds."""

    start_time: TimeMs
    end_time: TimeMs
    type: str


class TradingSchedule(Struct, frozen=True, rename="camel"):
    """``/fapi/v1/tradingSchedule``: when the markets under traditional contracts are open, by market."""

    market_schedules: dict[str, Raw]


class MarketSchedule(Struct, frozen=True):
    """The sessions of one market."""

    sessions: list[Raw]


class _Filter(Struct, frozen=True, rename="camel"):
    filter_type: str
    tick_size: Any = None
    step_size: Any = None


class _Named(Struct, frozen=True):
    symbol: str


def odd_names(raw: Sequence[Raw], rows: Sequence[ExchangeInfoRow]) -> frozenset[str] | None:
    """Return the names of the symbols whose rows cannot be read, None if one has not even a name."""
    if len(rows) == len(raw):
        return frozenset()
    read = {row.symbol for row in rows}
    try:
        named: list[_Named] = [decode_json(bytes(text), _Named) for text in raw]
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return None
    return frozenset(row.symbol for row in named) - read


def rate_limits(raw: Raw, rows: Rows) -> list[RateLimitRow]:
    """Return the limits that can be read, none if they are not a list."""
    try:
        limits: list[Raw] = decode_json(bytes(raw), list[Raw])
    except msgspec.MsgspecError:
        return []
    return rows.read("exchangeInfo limits", limits, RateLimitRow)


def instrument_from(row: ExchangeInfoRow, *, venue: str) -> Instrument | None:
    """Convert a symbol: ``None`` where it is not a perpetual or spot market in trading.

    Raises:
        ValueError: A symbol in trading without a valid name or valid steps.
    """
    if row.status != "TRADING" or row.contract_type not in SHOWN:
        return None
    if not (row.symbol and row.base_asset and row.quote_asset):
        raise ValueError("a symbol without a name")
    if not all(map(is_symbol_name, (row.symbol, row.base_asset, row.quote_asset))):
        raise ValueError("a name that is not that of a symbol")
    settle = row.margin_asset if isinstance(row.margin_asset, str) and row.margin_asset else row.quote_asset
    listed_ms = row.onboard_date if isinstance(row.onboard_date, int) and 0 < row.onboard_date <= MAX_TIME_MS else 0
    return Instrument(
        venue=venue,
        symbol=row.symbol,
        unified=unified_name(row.base_asset, row.quote_asset, settle="" if row.contract_type == SPOT else settle),
        base=row.base_asset,
        quote=row.quote_asset,
        tick_size=_step(row, "PRICE_FILTER", "tick_size"),
        lot_size=_step(row, "LOT_SIZE", "step_size"),
        onboard_us=listed_ms * 1_000,
    )


def instruments_from(rows: Sequence[ExchangeInfoRow], *, venue: str, odd: Rows) -> list[tuple[Instrument, str]]:
    """Convert every market in trading, with its kind, leaving out those that have no steps."""
    found: list[tuple[Instrument, str]] = []
    problem, count = "", 0
    for row in rows:
        try:
            instrument = instrument_from(row, venue=venue)
        except (ValueError, ArithmeticError) as error:
            count += 1
            problem = problem or f"{row.symbol[:40]!r}: {error}"
            continue
        if instrument is not None:
            found.append((instrument, row.contract_type))
    odd.leave_out("exchangeInfo steps", count, problem)
    return found


def _step(row: ExchangeInfoRow, rule: str, field: str) -> Decimal:
    for text in row.filters:
        try:
            found: _Filter = decode_json(bytes(text), _Filter)
        except msgspec.MsgspecError:
            # Another filter of the symbol, which is not used here.
            continue
        step = getattr(found, field)
        if found.filter_type == rule and isinstance(step, str | int | float):
            return Decimal(str(step))
    raise ValueError(f"no {rule}")
