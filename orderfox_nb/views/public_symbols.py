"""The public symbol list."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from orderfox_nb.core.events import Ticker
from orderfox_nb.core.formatting import format_volume
from orderfox_nb.core.symbols import default_rounding, rounding_options
from orderfox_nb.feeds.base import Listing
from orderfox_nb.views.candles import price_format
from orderfox_nb.views.stamp import encode, number


def symbols(rows: Sequence[Listing]) -> bytes:
    """Encode listings, in the order given, as the contract's list."""
    return encode([public_symbol(row) for row in rows])


def public_symbol(row: Listing) -> dict[str, Any]:
    """Return a listing as the contract's object."""
    instrument, ticker = row.instrument, row.ticker
    volume = ticker.quote_volume if ticker is not None else 0.0
    options = rounding_options(instrument.tick_size, ticker.last if ticker is not None else None)
    return {
        "id": instrument.symbol,
        "symbol": instrument.unified,
        "baseAsset": instrument.base,
        "quoteAsset": instrument.quote,
        "uiName": instrument.ui_name,
        "contractType": row.kind,
        "volume24h": volume,
        "volume24hFormatted": format_volume(volume),
        "pricePrecision": instrument.price_digits,
        "amountPrecision": instrument.size_digits,
        "tickSize": number(instrument.tick_size),
        "stepSize": number(instrument.lot_size),
        "priceFormat": price_format(instrument),
        "roundingOptions": [number(option) for option in options],
        "defaultRounding": number(default_rounding(options)),
        "ticker": None if ticker is None else _public_ticker(ticker),
        "fundingRate": row.funding_rate,
        "onboardTime": instrument.onboard_us // 1000,
    }


def _public_ticker(ticker: Ticker) -> dict[str, Any]:
    return {
        "timestamp": ticker.time_us // 1000,
        "last": ticker.last,
        "open": ticker.open,
        "high": ticker.high,
        "low": ticker.low,
        "volume": ticker.volume,
        "quoteVolume": ticker.quote_volume,
    }


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
