"""The columns of ``liquidations`` and ``ticker`` frames (docs/live.md)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec

from orderfox_nb.core.events import Liquidation, MarkPrice, OpenInterest, Ticker
from orderfox_nb.core.instrument import Instrument


class LiquidationsView(msgspec.Struct, frozen=True, kw_only=True):
    """Contents of a frame of liquidations."""

    orders: Sequence[Liquidation]
    """Newest first."""
    sums: Mapping[str, tuple[float, float]]
    """Shorts and longs in quote currency by how far back."""
    since_us: int = 0
    """From when on orders are known, 0 if the history before is known too."""


class TickerView(msgspec.Struct, frozen=True, kw_only=True):
    """Contents of a frame of the ticker; None for unknown values."""

    ticker: Ticker | None
    mark: MarkPrice | None
    interest: OpenInterest | None
    funding: float | None
    """The listing's, until the first mark price."""


def liquidation_columns(view: LiquidationsView, instrument: Instrument) -> dict[str, Any]:
    """Return orders as columns, newest first."""
    orders = view.orders
    return {
        "symbol": instrument.symbol,
        "price_digits": instrument.price_digits,
        "size_digits": instrument.size_digits,
        "orders": [
            [order.time_us // 1000 for order in orders],
            [1 if order.side == "buy" else -1 for order in orders],
            [order.price for order in orders],
            [instrument.size(instrument.lots(order.size)) for order in orders],
            [order.notional for order in orders],
        ],
        "sums": view.sums,
        "since": view.since_us // 1000 or None,
    }


def market_liquidation_columns(view: LiquidationsView, digits: Callable[[str], int | None]) -> dict[str, Any]:
    """Return the orders of a whole market as columns, newest first, each with its symbol and the digits of its price.

    Args:
        view: What to show.
        digits: Returns the digits of a symbol's prices, None if they are unknown.
    """
    orders = view.orders
    return {
        "symbol": "*",
        "price_digits": None,
        "size_digits": None,
        "orders": [
            [order.time_us // 1000 for order in orders],
            [1 if order.side == "buy" else -1 for order in orders],
            [order.price for order in orders],
            [order.size for order in orders],
            [order.notional for order in orders],
            [order.symbol for order in orders],
            [digits(order.symbol) for order in orders],
        ],
        "sums": view.sums,
        "since": view.since_us // 1000 or None,
    }


def ticker_columns(view: TickerView, instrument: Instrument) -> dict[str, Any]:
    """Return the market of the last 24 h with mark price and funding."""
    ticker, mark, interest = view.ticker, view.mark, view.interest
    return {
        "symbol": instrument.symbol,
        "base_asset": instrument.base,
        "quote": instrument.quote,
        "ui_name": instrument.ui_name,
        "price_digits": instrument.price_digits,
        "last": None if ticker is None else ticker.last,
        "last_time": None if ticker is None else ticker.time_us // 1000,
        "change": None if ticker is None or not ticker.open else ticker.last / ticker.open - 1,
        "high": None if ticker is None else ticker.high,
        "low": None if ticker is None else ticker.low,
        "mark": None if mark is None else mark.mark_price,
        # A venue of ccxt may send a mark price without its index.
        "index": None if mark is None else mark.index_price or None,
        "funding": view.funding if mark is None else mark.funding_rate,
        "next_funding": None if mark is None or not mark.next_funding_us else mark.next_funding_us // 1000,
        "open_interest": None if interest is None else interest.open_interest,
        "volume_quote": None if ticker is None else ticker.quote_volume,
    }
