"""The public order book message, ``orderbook_update``."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import tzinfo
from decimal import Decimal
from functools import lru_cache

from orderfox_nb.core.formatting import (
    MAX_PLAIN,
    MIN_PLAIN,
    format_amounts,
    format_prices,
    format_time,
    format_volumes,
)
from orderfox_nb.core.instrument import Instrument
from orderfox_nb.core.ladder import Ladder, row_price_units
from orderfox_nb.views.contract import DepthInfo, OrderBookHead
from orderfox_nb.views.stamp import Stamp, encode, number


def orderbook_update(
    ladder: Ladder,
    stamp: Stamp,
    *,
    instrument: Instrument,
    options: Sequence[Decimal],
    time_us: int,
    zone: tzinfo,
) -> bytes:
    """Encode grouped rows as the contract's message: bids best first, asks worst first, sums outward from the best.

    Args:
        ladder: The rows.
        stamp: Number and quality.
        instrument: Gives the digits of sizes.
        options: Roundings to choose from.
        time_us: The venue's time of the book's last change.
        zone: Of the formatted time.
    """
    head = encode(
        OrderBookHead(
            symbol=instrument.symbol,
            timestamp=time_us // 1000,
            time_formatted=format_time(time_us, zone),
            limit=ladder.requested,
            rounding=number(ladder.rounding),
            rounding_options=_numbers_of(tuple(options)),
            aggregated=ladder.rounding > instrument.tick_size,
            market_depth_info=DepthInfo(
                actual_levels=min(len(ladder.bid_keys), len(ladder.ask_keys)),
                requested_levels=ladder.requested,
                is_market_depth_limited=ladder.depth_limited,
                has_insufficient_raw_data=min(ladder.raw_bids, ladder.raw_asks) < ladder.requested,
                raw_bids_count=ladder.raw_bids,
                raw_asks_count=ladder.raw_asks,
            ),
            quality=stamp.quality,
            sequence=stamp.sequence,
        )
    )
    # Each row is a ``contract.BookRow``, written as text: numbers of a known form, several times as fast as objects
    # through an encoder.
    return head[:-1] + _sides(ladder, instrument).encode()


def _sides(ladder: Ladder, instrument: Instrument) -> str:
    """Write both sides, bids best first and asks worst first, as what follows the other fields of the message."""
    units = row_price_units(ladder, "bid") + row_price_units(ladder, "ask")[::-1]
    if not units:
        return ',"bids":[],"asks":[]}'
    lots = ladder.bid_lots + ladder.ask_lots[::-1]
    cumulative = ladder.bid_cumulative + ladder.ask_cumulative[::-1]
    scale, sizes, totals = instrument.size_scale, lots, cumulative
    if (lot_units := instrument.lot_units) != 1:
        sizes, totals = [count * lot_units for count in lots], [count * lot_units for count in cumulative]
    price, size = _decimals(units, ladder.price_digits), _decimals(sizes, instrument.size_digits)
    total = _decimals(totals, instrument.size_digits)
    # What people read is the number itself, but where it is tiny or has a unit.
    tiny = min(units) < MIN_PLAIN * 10**ladder.price_digits
    prices_read = format_prices(units, ladder.price_digits) if tiny else price
    tiny = min(sizes) < MIN_PLAIN * scale  # and no sum is smaller
    sizes_read = format_amounts(lots, instrument) if tiny or max(sizes) >= MAX_PLAIN * scale else size
    if not tiny and max(totals) < MAX_PLAIN * scale:
        totals_read = [f"{count / scale:.2f}" for count in totals]
    else:
        totals_read = format_volumes(cumulative, instrument)
    rows = [
        f'{{"price":{price},"amount":{size},"cumulative":{total},"price_formatted":"{price_read}",'
        f'"amount_formatted":"{size_read}","cumulative_formatted":"{total_read}"}}'
        for price, size, total, price_read, size_read, total_read in zip(
            price, size, total, prices_read, sizes_read, totals_read, strict=True
        )
    ]
    bids = len(ladder.bid_keys)
    return f',"bids":[{",".join(rows[:bids])}],"asks":[{",".join(rows[bids:])}]}}'


def _decimals(units: list[int], digits: int) -> list[str]:
    """Write exact decimals with all their digits."""
    if not digits:
        return encode(units)[1:-1].decode().split(",")
    scale = 10**digits
    if digits > _MAX_TABLE_DIGITS:
        return [f"{count // scale}.{count % scale:0{digits}d}" for count in units]
    tails = _tails(digits)
    return [f"{count // scale}{tails[count % scale]}" for count in units]


_MAX_TABLE_DIGITS = 3


@lru_cache(maxsize=_MAX_TABLE_DIGITS)
def _tails(digits: int) -> list[str]:
    """Return what stands behind the whole part of a number: looking it up takes half the time of formatting a float."""
    return [f".{part:0{digits}d}" for part in range(10**digits)]


@lru_cache(maxsize=256)
def _numbers_of(options: tuple[Decimal, ...]) -> list[float]:
    return [number(option) for option in options]
