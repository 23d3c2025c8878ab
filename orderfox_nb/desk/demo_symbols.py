"""A short symbol list for when the venue cannot be asked and no earlier list is kept; always marked as demo."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Final

from orderfox_nb.core.instrument import Instrument
from orderfox_nb.feeds.base import Listing

_DEMO: Final = (
    # base, tick size, lot size; by volume
    ("BTC", "0.1", "0.001"),
    ("ETH", "0.01", "0.001"),
    ("SOL", "0.01", "0.01"),
    ("XRP", "0.0001", "0.1"),
    ("DOGE", "0.00001", "1"),
    ("BNB", "0.01", "0.01"),
    ("ADA", "0.0001", "1"),
    ("LINK", "0.001", "0.01"),
)


def demo_listings(venue: str) -> Sequence[Listing]:
    """Return well-known perpetuals without any market figures."""
    return [
        Listing(
            instrument=Instrument(
                venue=venue,
                symbol=f"{base}USDT",
                unified=f"{base}/USDT:USDT",
                base=base,
                quote="USDT",
                tick_size=Decimal(tick),
                lot_size=Decimal(lot),
            )
        )
        for base, tick, lot in _DEMO
    ]
