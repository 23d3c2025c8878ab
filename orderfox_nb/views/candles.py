"""Candles with their liquidations: the public messages and the columns of a ``candles`` frame (docs/live.md)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from orderfox_nb.core.bars import BarColumns
from orderfox_nb.core.instrument import Instrument
from orderfox_nb.core.lapses import Lapse
from orderfox_nb.core.quality import History, QualityView
from orderfox_nb.core.timeframes import next_bar_us
from orderfox_nb.core.volume_columns import VolumeColumns
from orderfox_nb.views.contract import CandleRow, CandleUpdate, HistoricalCandles, PriceFormat, SymbolData, TimeRange
from orderfox_nb.views.quality import lapse_rows
from orderfox_nb.views.stamp import Stamp, encode, number

MAX_UPDATES: Final = 20
"""As many bars change one by one; more are sent as a whole window."""
_PRICES = ("open", "high", "low", "close", "volume")


class CandleView(msgspec.Struct, frozen=True, kw_only=True):
    """Contents of a frame of candles."""

    bars: BarColumns
    volume: VolumeColumns | None = None
    """Liquidated volume, one bucket a bar; None if a frame does not show it."""
    liquidation_quality: QualityView | None = None
    liquidation_history: History = "none"
    """Whether what was liquidated before this process looked is among the volume."""
    lapses: Sequence[Lapse] | None = None
    """When the bars could not be trusted; None if sent before, or not shown."""
    liquidation_lapses: Sequence[Lapse] | None = None


def aligned(volume: VolumeColumns, bars: BarColumns) -> VolumeColumns:
    """Return the bucket in which each bar opens, in the bars' order; the buckets must cover all bars."""
    # A venue's bars need not begin where ours do (its weeks and three-day bars are its own).
    at = np.maximum(np.searchsorted(volume.start_us, bars.open_us, side="right") - 1, 0)
    return VolumeColumns(
        start_us=volume.start_us[at],
        buy_micro=volume.buy_micro[at],
        sell_micro=volume.sell_micro[at],
        count=volume.count[at],
        average_micro=volume.average_micro[at],
    )


def changed_rows(before: CandleView, view: CandleView) -> NDArray[np.intp] | None:
    """Return which bars differ from an earlier view; None if a bar came in between the earlier ones."""
    old, new = before.bars, view.bars
    if not len(old) or (before.volume is None) != (view.volume is None):
        return None
    at = np.minimum(np.searchsorted(old.open_us, new.open_us), len(old) - 1)
    known = old.open_us[at] == new.open_us
    if np.any(~known & (new.open_us < old.open_us[-1])):
        return None
    same = known.copy()
    for name in (*_PRICES, "closed"):
        same &= getattr(old, name)[at] == getattr(new, name)
    if before.volume is not None and view.volume is not None:
        for name in ("buy_micro", "sell_micro", "count", "average_micro"):
            same &= getattr(before.volume, name)[at] == getattr(view.volume, name)
    return np.flatnonzero(~same)


def candle_columns(
    view: CandleView, *, instrument: Instrument, interval: str, rows: NDArray[np.intp] | None = None
) -> dict[str, Any]:
    """Return bars and liquidations as columns, oldest first.

    Args:
        view: What is shown.
        instrument: Gives the digits.
        interval: Timeframe of the bars.
        rows: Only these bars; all when not given.
    """
    bars, volume = view.bars, view.volume
    chosen: Any = slice(None) if rows is None else rows
    times: list[int] = (bars.open_us[chosen] // 1_000_000).tolist()
    columns: dict[str, Any] = {
        "symbol": instrument.symbol,
        "interval": interval,
        "price_digits": instrument.price_digits,
        "size_digits": instrument.size_digits,
        "bars": [times, *(getattr(bars, name)[chosen].tolist() for name in _PRICES)],
        "closes": next_bar_us(int(bars.open_us[-1]), interval) // 1000 if len(bars) else None,
    }
    if volume is not None:
        columns["liquidations"] = [
            times,
            volume.buy[chosen].tolist(),
            volume.sell[chosen].tolist(),
            volume.average[chosen].tolist(),
            volume.count[chosen].tolist(),
        ]
        columns["liquidation_quality"] = view.liquidation_quality
        columns["liquidation_history"] = view.liquidation_history
    if view.lapses is not None:
        columns["lapses"] = lapse_rows(view.lapses)
    if view.liquidation_lapses is not None:
        columns["liquidation_lapses"] = lapse_rows(view.liquidation_lapses)
    return columns


def public_candles(bars: BarColumns) -> list[CandleRow]:
    """Return bars as the contract's objects, oldest first."""
    return [CandleRow(*row) for row in _bar_rows(bars)]


def _bar_rows(bars: BarColumns) -> Iterable[tuple[int, int, float, float, float, float, float]]:
    opens: list[int] = bars.open_us.tolist()
    milliseconds, seconds = ([open_us // unit for open_us in opens] for unit in (1000, 1_000_000))
    return zip(milliseconds, seconds, *(getattr(bars, name).tolist() for name in _PRICES), strict=True)


def price_format(instrument: Instrument) -> PriceFormat:
    """Return how a chart shows the instrument's prices."""
    return PriceFormat(precision=instrument.price_digits, min_move=number(instrument.tick_size))


def historical_candles(view: CandleView, stamp: Stamp, *, instrument: Instrument, interval: str) -> bytes:
    """Encode a window of bars as the contract's message."""
    bars = view.bars
    start_us = int(bars.open_us[0]) if len(bars) else stamp.time_us
    end_us = int(bars.open_us[-1]) if len(bars) else stamp.time_us
    return encode(
        HistoricalCandles(
            symbol=instrument.symbol,
            timeframe=interval,
            data=public_candles(bars),
            count=len(bars),
            time_range=TimeRange(start_us // 1000, end_us // 1000, start_us // 1_000_000, end_us // 1_000_000),
            symbol_data=SymbolData(price_format(instrument)),
            quality=stamp.quality,
            sequence=stamp.sequence,
        )
    )


def candle_updates(
    before: CandleView, view: CandleView, stamp: Stamp, *, instrument: Instrument, interval: str
) -> tuple[bytes, ...] | None:
    """Encode each changed bar as the contract's message, the newest one where only the quality changed.

    Returns None where single bars cannot show the change, or would be a flood: after a restart of the venue
    or a gap. The reader then gets the whole window once.
    """
    rows = changed_rows(before, view)
    if rows is None or not len(view.bars) or len(rows) > MAX_UPDATES:
        return None
    bars = view.bars
    chosen: list[int] = rows.tolist() or [len(bars) - 1]
    candles = _bar_rows(
        msgspec.structs.replace(bars, **{name: getattr(bars, name)[chosen] for name in bars.__struct_fields__})
    )
    return tuple(
        encode(
            CandleUpdate(
                *candle,
                symbol=instrument.symbol,
                timeframe=interval,
                closed=bool(bars.closed[row]),
                stream_timestamp=stamp.time,
                quality=stamp.quality,
                sequence=stamp.sequence,
            )
        )
        for row, candle in zip(chosen, candles, strict=True)
    )
