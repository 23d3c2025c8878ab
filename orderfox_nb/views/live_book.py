"""The columns of ``book`` and ``depth`` frames (docs/live.md)."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import msgspec
import numpy as np

from orderfox_nb.core.depth import Depth, DepthSide
from orderfox_nb.core.formatting import decimal_text
from orderfox_nb.core.instrument import Instrument
from orderfox_nb.core.ladder import Ladder, row_price_units


class LadderView(msgspec.Struct, frozen=True, kw_only=True):
    """Contents of a frame of a book."""

    ladder: Ladder
    best_bid: int | None
    """Units of 10^-price_digits of the instrument."""
    best_ask: int | None
    averages: Sequence[Sequence[float]]
    """Average prices of bids and asks from the best price to each row."""


def book_columns(view: LadderView, *, instrument: Instrument, options: Sequence[Decimal]) -> dict[str, Any]:
    """Return rows as whole numbers, best first."""
    ladder, units = view.ladder, instrument.lot_units

    def sizes(lots: list[int]) -> list[int]:
        return lots if units == 1 else [count * units for count in lots]

    # Two digits more than the tick: an average lies between ticks.
    digits = instrument.price_digits + 2
    averages = [[round(price, digits) for price in side] for side in view.averages]
    return {
        "symbol": instrument.symbol,
        "rounding": decimal_text(ladder.rounding),
        "rounding_options": [decimal_text(option) for option in options],
        "rows": ladder.requested,
        "price_digits": ladder.price_digits,
        "size_digits": instrument.size_digits,
        "bids": [row_price_units(ladder, "bid"), sizes(ladder.bid_lots), sizes(ladder.bid_cumulative)],
        "asks": [row_price_units(ladder, "ask"), sizes(ladder.ask_lots), sizes(ladder.ask_cumulative)],
        "averages": averages,
        "best_bid": view.best_bid,
        "best_ask": view.best_ask,
        "tick_digits": instrument.price_digits,
        "levels": [ladder.raw_bids, ladder.raw_asks],
    }


def depth_columns(view: Depth, *, instrument: Instrument, percent: str) -> dict[str, Any]:
    """Return cumulative depth as columns, best first; notional in whole units of the quote currency."""

    def side(one: DepthSide) -> list[list[int]]:
        return [
            (one.ticks * instrument.tick_units).tolist(),
            (one.lots * instrument.lot_units).tolist(),
            np.rint(one.notional).astype(np.int64).tolist(),
        ]

    def price(ticks: float | None) -> float | None:
        return None if ticks is None else round(ticks * instrument.tick_units / instrument.price_scale, 12)

    return {
        "symbol": instrument.symbol,
        "range": percent,
        "price_digits": instrument.price_digits,
        "size_digits": instrument.size_digits,
        "base_asset": instrument.base,
        "quote": instrument.quote,
        "middle": price(view.middle_ticks),
        "bids": side(view.bids),
        "asks": side(view.asks),
        "known": [price(view.bids.known), price(view.asks.known)],
    }
