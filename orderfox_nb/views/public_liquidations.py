"""The public messages about liquidations: orders, and volume by bucket."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
from msgspec import UNSET
from numpy.typing import NDArray

from orderfox_nb.core.events import Liquidation
from orderfox_nb.core.formatting import (
    decimal_text,
    format_amount,
    format_iso,
    format_notional,
    format_time,
    format_volume,
)
from orderfox_nb.core.instrument import Instrument
from orderfox_nb.core.liquidations import MICRO, notional_micro
from orderfox_nb.core.quality import History
from orderfox_nb.core.volume_columns import UNKNOWN_AVERAGE, VolumeColumns
from orderfox_nb.views.contract import LiquidationOrder, LiquidationRow, LiquidationVolumeUpdate, VolumeBucket
from orderfox_nb.views.stamp import Stamp, encode

_AVERAGE_DIGITS: Final = 6
"""An average price has more digits than the tick size; beyond these is the noise of binary fractions."""


def public_order(order: Liquidation, instrument: Instrument) -> LiquidationRow:
    """Return a liquidation order as the contract's object."""
    return LiquidationRow(
        symbol=order.symbol,
        side="BUY" if order.side == "buy" else "SELL",
        quantity=decimal_text(instrument.exact_size(instrument.lots(order.size))),
        quantity_formatted=format_amount(order.size, instrument.size_digits),
        price_usdt=micro_text(notional_micro(order)),
        price_usdt_formatted=format_notional(order.notional),
        timestamp=order.time_us // 1000,
        display_time=format_time(order.time_us),
        avg_price=decimal_text(round(order.price, instrument.price_digits + _AVERAGE_DIGITS)),
        base_asset=instrument.base,
    )


def liquidation_orders(orders: Sequence[Liquidation], stamp: Stamp, *, instrument: Instrument) -> bytes:
    """Encode a reader's first message: the orders so far, given oldest first and sent newest first."""
    return _message([public_order(order, instrument) for order in reversed(orders)], stamp, instrument, initial=True)


def liquidation_order(order: Liquidation, stamp: Stamp, *, instrument: Instrument) -> bytes:
    """Encode one live order."""
    return _message(public_order(order, instrument), stamp, instrument)


def _message(
    data: LiquidationRow | list[LiquidationRow], stamp: Stamp, instrument: Instrument, *, initial: bool = False
) -> bytes:
    return encode(
        LiquidationOrder(
            symbol=instrument.symbol,
            data=data,
            timestamp=format_iso(stamp.time_us),
            quality=stamp.quality,
            sequence=stamp.sequence,
            initial=initial or UNSET,
        )
    )


def micro_text(micro: int) -> str:
    """Write millionths as a decimal number, exactly."""
    whole, part = divmod(abs(micro), MICRO)
    text = f"{whole}.{part:06d}".rstrip("0") if part else str(whole)
    return f"-{text}" if micro < 0 else text


def public_volume(volume: VolumeColumns, rows: NDArray[np.intp] | None = None) -> list[VolumeBucket]:
    """Return buckets as the contract's objects, oldest first; only some of them by their ``rows``."""
    chosen: Any = slice(None) if rows is None else rows
    columns = (volume.start_us, volume.buy_micro, volume.sell_micro, volume.count, volume.average_micro)
    lists: list[list[int]] = [column[chosen].tolist() for column in columns]
    return [_bucket(*row) for row in zip(*lists, strict=True)]


def _bucket(start_us: int, buy: int, sell: int, count: int, average: int) -> VolumeBucket:
    known = average != UNKNOWN_AVERAGE
    return VolumeBucket(
        time=start_us // 1_000_000,
        timestamp_ms=start_us // 1000,
        buy_volume=micro_text(buy),
        sell_volume=micro_text(sell),
        total_volume=micro_text(buy + sell),
        delta_volume=micro_text(buy - sell),
        buy_volume_formatted=format_volume(buy / MICRO),
        sell_volume_formatted=format_volume(sell / MICRO),
        total_volume_formatted=format_volume((buy + sell) / MICRO),
        delta_volume_formatted=format_volume((buy - sell) / MICRO),
        count=count,
        ma_value=micro_text(average) if known else None,
        ma_value_formatted=format_volume(average / MICRO) if known else None,
    )


def liquidation_volume(
    volume: VolumeColumns,
    stamp: Stamp,
    *,
    symbol: str,
    interval: str,
    history: History,
    rows: NDArray[np.intp] | None = None,
) -> bytes:
    """Encode totals of buckets as the contract's message.

    Args:
        volume: The whole range.
        stamp: Number, time and quality.
        symbol: Symbol of the liquidations.
        interval: Timeframe of the buckets.
        history: Whether the past is among the sums; where it is not, zeros mean nothing.
        rows: The buckets that changed; the message is then an update.
    """
    return encode(
        LiquidationVolumeUpdate(
            symbol=symbol,
            timeframe=interval,
            data=public_volume(volume, rows),
            is_update=rows is not None,
            timestamp=format_iso(stamp.time_us),
            quality=stamp.quality,
            history=history,
            sequence=stamp.sequence,
        )
    )


def changed_buckets(before: VolumeColumns, volume: VolumeColumns) -> NDArray[np.intp] | None:
    """Return which buckets differ from those of an earlier range, the newest where only the quality changed.

    None if one of the ranges is empty.
    """
    if not len(before.start_us) or not len(volume.start_us):
        return None
    at = np.minimum(np.searchsorted(before.start_us, volume.start_us), len(before.start_us) - 1)
    same = before.start_us[at] == volume.start_us
    for name in ("buy_micro", "sell_micro", "count", "average_micro"):
        same &= getattr(before, name)[at] == getattr(volume, name)
    rows = np.flatnonzero(~same)
    return rows if len(rows) else np.array([len(same) - 1], np.intp)
