"""The public symbol list."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from orderfox_nb.core.events import Ticker
from orderfox_nb.core.formatting import format_volume
from orderfox_nb.core.symbols import default_rounding, rounding_options
from orderfox_nb.feeds.base import Listing
from orderfox_nb.views.candles import price_format
from orderfox_nb.views.contract import DayTicker, SymbolRow
from orderfox_nb.views.stamp import encode, number


def symbols(rows: Sequence[Listing]) -> bytes:
    """Encode listings, in the order given, as the contract's list."""
    return encode([public_symbol(row) for row in rows])


def public_symbol(row: Listing) -> SymbolRow:
    """Return a listing as the contract's object."""
    instrument, ticker = row.instrument, row.ticker
    volume = ticker.quote_volume if ticker is not None else 0.0
    options = rounding_options(instrument.tick_size, ticker.last if ticker is not None else None)
    return SymbolRow(
        id=instrument.symbol,
        symbol=instrument.unified,
        base_asset=instrument.base,
        quote_asset=instrument.quote,
        ui_name=instrument.ui_name,
        contract_type=row.kind,
        volume24h=volume,
        volume24h_formatted=format_volume(volume),
        price_precision=instrument.price_digits,
        amount_precision=instrument.size_digits,
        tick_size=number(instrument.tick_size),
        step_size=number(instrument.lot_size),
        price_format=price_format(instrument),
        rounding_options=[number(option) for option in options],
        default_rounding=number(default_rounding(options)),
        ticker=None if ticker is None else _public_ticker(ticker),
        funding_rate=row.funding_rate,
        onboard_time=instrument.onboard_us // 1000,
    )


def _public_ticker(ticker: Ticker) -> DayTicker:
    return DayTicker(
        timestamp=ticker.time_us // 1000,
        last=ticker.last,
        open=ticker.open,
        high=ticker.high,
        low=ticker.low,
        volume=ticker.volume,
        quote_volume=ticker.quote_volume,
    )


def symbol_columns(rows: Sequence[Listing], *, demo: bool) -> dict[str, Any]:
    """Return the columns of a ``symbols`` frame (docs/live.md)."""
    tickers = [row.ticker for row in rows]
    return {
        "symbols": [
            [row.instrument.symbol for row in rows],
            [row.instrument.ui_name for row in rows],
            [None if ticker is None else ticker.quote_volume for ticker in tickers],
            [None if ticker is None or not ticker.open else ticker.last / ticker.open - 1 for ticker in tickers],
            [row.funding_rate for row in rows],
            [None if ticker is None else ticker.last for ticker in tickers],
            [row.kind for row in rows],
        ],
        "demo": demo,
    }
