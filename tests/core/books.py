"""Books, snapshots and deltas in whole ticks and lots, for the tests of this folder."""

from __future__ import annotations

from decimal import Decimal

from orderfox_nb.core.events import BookDelta, BookSnapshot, raw_levels
from orderfox_nb.core.instrument import Instrument

Lots = dict[int, int]
"""Size in lots by price in ticks."""


def an_instrument(tick_size: str = "0.1", lot_size: str = "0.001") -> Instrument:
    return Instrument(
        venue="binance",
        symbol="BTCUSDT",
        unified="BTC/USDT:USDT",
        base="BTC",
        quote="USDT",
        tick_size=Decimal(tick_size),
        lot_size=Decimal(lot_size),
    )


BTC = an_instrument()


def snapshot(update_id: int, bids: Lots, asks: Lots, *, instrument: Instrument = BTC, time_us: int = 0) -> BookSnapshot:
    return BookSnapshot(
        symbol=instrument.symbol,
        time_us=time_us,
        update_id=update_id,
        raw_bids=_raw(bids, instrument),
        raw_asks=_raw(asks, instrument),
    )


def delta(
    previous_id: int,
    last_id: int,
    bids: Lots | None = None,
    asks: Lots | None = None,
    *,
    first_id: int | None = None,
    instrument: Instrument = BTC,
    time_us: int = 0,
) -> BookDelta:
    """A futures delta; like Binance's its first id lies anywhere after the previous one."""
    return BookDelta(
        symbol=instrument.symbol,
        time_us=time_us,
        first_id=previous_id + 1 if first_id is None else first_id,
        last_id=last_id,
        previous_id=previous_id,
        raw_bids=_raw(bids or {}, instrument),
        raw_asks=_raw(asks or {}, instrument),
    )


def _raw(levels: Lots, instrument: Instrument):
    # Strings with all digits of the step, as Binance sends them.
    price_digits, size_digits = instrument.price_digits, instrument.size_digits
    return raw_levels(
        [
            (f"{instrument.price(ticks):.{price_digits}f}", f"{instrument.size(lots):.{size_digits}f}")
            for ticks, lots in levels.items()
        ]
    )
