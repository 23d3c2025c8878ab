"""The columns of a ``book`` frame (docs/live.md)."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from orderfox_nb.core.formatting import decimal_text
from orderfox_nb.core.instrument import Instrument
from orderfox_nb.core.ladder import row_price_units
from orderfox_nb.views.public_book import BookView


def book_columns(view: BookView, *, instrument: Instrument, options: Sequence[Decimal]) -> dict[str, Any]:
    """Return rows as whole numbers, best first."""
    ladder, units = view.ladder, instrument.lot_units

    def sizes(lots: list[int]) -> list[int]:
        return lots if units == 1 else [count * units for count in lots]

    return {
        "symbol": instrument.symbol,
        "rounding": decimal_text(ladder.rounding),
        "rounding_options": [decimal_text(option) for option in options],
        "rows": ladder.requested,
        "price_digits": ladder.price_digits,
        "size_digits": instrument.size_digits,
        "bids": [row_price_units(ladder, "bid"), sizes(ladder.bid_lots), sizes(ladder.bid_cumulative)],
        "asks": [row_price_units(ladder, "ask"), sizes(ladder.ask_lots), sizes(ladder.ask_cumulative)],
        "best_bid": view.best_bid,
        "best_ask": view.best_ask,
        "tick_digits": instrument.price_digits,
        "levels": [ladder.raw_bids, ladder.raw_asks],
    }
