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
    return head[:-1] + _rows(ladder, instrument).encode()


def _rows(ladder: Ladder, instrument: Instrument) -> str:
    """Write both sides, bids best first and asks worst first, as what follows the other fields of the message."""
    prices = row_price_units(ladder, "bid") + row_price_units(ladder, "ask")[::-1]
    if not prices:
        return ',"bids":[],"asks":[]}'
    lots = ladder.bid_lots + ladder.ask_lots[::-1]
    cumulative = ladder.bid_cumulative + ladder.ask_cumulative[::-1]
    price_digits, size_digits, lot_units = ladder.price_digits, instrument.size_digits, instrument.lot_units
    sizes, totals = lots, cumulative
    if lot_units != 1:
        sizes, totals = [count * lot_units for count in lots], [count * lot_units for count in cumulative]
    price, size, total = _numbers(prices, price_digits), _numbers(sizes, size_digits), _numbers(totals, size_digits)
    # What people read is the number with all its digits, but where it is tiny or has a unit.
    price_text, size_text, total_text = f"%.{price_digits}f" if price_digits else "%d", f"%.{size_digits}f", "%.2f"
    prices_read, sizes_read, totals_read = price, size, total
    if min(price) < MIN_PLAIN:
        price_text, prices_read = "%s", format_prices(prices, price_digits)
    if not (min(size) >= MIN_PLAIN and max(size) < MAX_PLAIN):
        size_text, sizes_read = "%s", format_amounts(lots, instrument)
    if not (min(total) >= MIN_PLAIN and max(total) < MAX_PLAIN):
        total_text, totals_read = "%s", format_volumes(cumulative, instrument)
    count = len(prices)
    written = encode(price + size + total)[1:-1].decode().split(",")
    columns = (written[:count], written[count:-count], written[-count:], prices_read, sizes_read, totals_read)
    cells: list[float | str] = [""] * (len(columns) * count)
    for place, column in enumerate(columns):
        cells[place :: len(columns)] = column
    form = _form(price_text, size_text, total_text, len(ladder.bid_keys), len(ladder.ask_keys))
    return form % tuple(cells)


@lru_cache(maxsize=256)
def _form(price: str, size: str, total: str, bids: int, asks: int) -> str:
    row = (
        '{"price":%s,"amount":%s,"cumulative":%s,'
        f'"price_formatted":"{price}","amount_formatted":"{size}","cumulative_formatted":"{total}"}}'
    )
    return f',"bids":[{",".join([row] * bids)}],"asks":[{",".join([row] * asks)}]}}'


@lru_cache(maxsize=256)
def _numbers_of(options: tuple[Decimal, ...]) -> list[float]:
    return [number(option) for option in options]


def _numbers(units: list[int], digits: int) -> list[float]:
    """Return exact decimals as the nearest floats: their shortest text is the decimal again, without binary noise."""
    if not digits:
        return units  # type: ignore[return-value]
    scale = 10**digits
    return [count / scale for count in units]
