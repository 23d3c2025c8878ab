"""The public order book message, ``orderbook_update``."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import tzinfo
from decimal import Decimal
from functools import lru_cache

from orderfox_nb.core.formatting import MAX_PLAIN, MIN_PLAIN, format_amounts, format_prices, format_time
from orderfox_nb.core.instrument import Instrument
from orderfox_nb.core.ladder import Ladder, row_price_units
from orderfox_nb.core.number_columns import decimals, sums
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
    texts: RowTexts | None = None,
) -> bytes:
    """Encode grouped rows as the contract's message: bids best first, asks worst first, sums outward from the best.

    Args:
        ladder: The rows.
        stamp: Number and quality.
        instrument: Gives the digits of sizes.
        options: Roundings to choose from.
        time_us: The venue's time of the book's last change.
        zone: Time zone of the formatted time.
        texts: Texts of a ladder of the same book that begins with these rows; made here if omitted.
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
    texts = RowTexts(ladder, instrument) if texts is None else texts
    return head[:-1] + texts.sides(bids=len(ladder.bid_keys), asks=len(ladder.ask_keys)).encode()


class RowTexts:
    """The texts of a ladder's rows, written once for all messages, however many of the rows each one shows.

    Each row is a ``contract.BookRow``, written as text: numbers of a known form, several times as fast as objects
    through an encoder.

    Args:
        ladder: The rows.
        instrument: Gives the digits of sizes.
    """

    def __init__(self, ladder: Ladder, instrument: Instrument) -> None:
        self.ladder = ladder
        self._instrument = instrument
        self._rows: list[str] | None = None
        """Bids before asks, the best bid first and the best ask last."""

    def sides(self, *, bids: int, asks: int) -> str:
        """Write both sides, bids best first and asks worst first, as what follows the other fields of the message.

        Args:
            bids: Number of bid rows, the best ones.
            asks: Number of ask rows, the best ones.
        """
        if self._rows is None:
            self._rows = self._written()
        rows = self._rows
        bid_rows, ask_rows = ",".join(rows[:bids]), ",".join(rows[len(rows) - asks :])
        return f',"bids":[{bid_rows}],"asks":[{ask_rows}]}}'

    def _written(self) -> list[str]:
        """Write all rows, bids before asks."""
        ladder, instrument = self.ladder, self._instrument
        bid_units, ask_units = row_price_units(ladder, "bid"), row_price_units(ladder, "ask")
        units = bid_units + ask_units[::-1]
        if not units:
            return []
        lots = ladder.bid_lots + ladder.ask_lots[::-1]
        cumulative = ladder.bid_cumulative + ladder.ask_cumulative[::-1]
        size_digits, sizes, totals = instrument.size_digits, lots, cumulative
        if (lot_units := instrument.lot_units) != 1:
            sizes, totals = [count * lot_units for count in lots], [count * lot_units for count in cumulative]
        most = max(totals)  # and no size is larger than its sum
        prices = decimals(units, ladder.price_digits, most=max(bid_units[:1] + ask_units[-1:]))
        written_sizes = decimals(sizes, size_digits, most=most)
        written_totals, totals_read = sums(totals, size_digits, most=most)
        # What people read is the number itself, but where it is tiny or has a unit.
        tiny = _any_tiny(units, ladder.price_digits)
        prices_read = format_prices(units, ladder.price_digits) if tiny else prices
        plain_end = int(MAX_PLAIN) * 10**size_digits
        other = _any_tiny(sizes, size_digits) or (most >= plain_end and max(sizes) >= plain_end)
        sizes_read = format_amounts(sizes, size_digits) if other else written_sizes
        return [
            f'{{"price":{price},"amount":{size},"cumulative":{total},"price_formatted":"{price_read}",'
            f'"amount_formatted":"{size_read}","cumulative_formatted":"{total_read}"}}'
            for price, size, total, price_read, size_read, total_read in zip(
                prices, written_sizes, written_totals, prices_read, sizes_read, totals_read, strict=True
            )
        ]


def _any_tiny(units: list[int], digits: int) -> bool:
    """Return whether one of some positive numbers, in units of 10^-digits, is written with an exponent."""
    least = MIN_PLAIN * 10**digits
    return least > 1 and min(units) < least


@lru_cache(maxsize=256)
def _numbers_of(options: tuple[Decimal, ...]) -> list[float]:
    return [number(option) for option in options]
