"""Bars as columns of numbers: the ring that candles are kept in, and resampling."""

from __future__ import annotations

from collections.abc import Iterator
from math import fsum
from typing import Any, Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from orderfox_nb.core.events import Candle
from orderfox_nb.core.timeframes import TIMEFRAME_US, bar_open_us, nests, next_bar_us
from orderfox_nb.errors import BadValue

FloatColumn = NDArray[np.float64]
IntColumn = NDArray[np.int64]

_FLOATS: Final = ("open", "high", "low", "close", "volume", "quote_volume", "taker_buy_volume")
"""The rows of a ring's numbers."""


class BarColumns(msgspec.Struct, frozen=True, kw_only=True):
    """Bars as parallel columns, oldest first; copies, which their reader may change."""

    open_us: IntColumn
    open: FloatColumn
    high: FloatColumn
    low: FloatColumn
    close: FloatColumn
    volume: FloatColumn
    """Base quantity."""
    quote_volume: FloatColumn
    taker_buy_volume: FloatColumn
    trades: IntColumn
    closed: NDArray[np.bool_]
    """False if the venue's last kline of a bar has not come: it may still change, also when the next one moves."""

    def __len__(self) -> int:
        return len(self.open_us)


class BarRing:
    """Bars in ascending order of their start, the newest ``keep`` of them.

    The arrays are twice as long as what is kept: the bars move back to the front only once in ``keep`` bars, and are
    always one slice. Bars that are newer than all others are written together, by the first reader: a prelude costs a
    fifth.
    """

    def __init__(self, keep: int) -> None:
        self._keep = keep
        self._floats = np.zeros((len(_FLOATS), 2 * keep))
        # Rows: start, trades, time of the kline, closed.
        self._ints = np.zeros((4, 2 * keep), np.int64)
        self._begin = self._end = 0
        self._unwritten: list[Candle] = []
        self._newest_us = -1

    def put(self, candle: Candle) -> bool:
        """Write a bar: append, replace or insert; False if it is older than all of a full ring."""
        if candle.open_us > self._newest_us:
            self._newest_us = candle.open_us
            self._unwritten.append(candle)
            if len(self._unwritten) >= self._keep:
                self._write()
            return True
        self._write()
        starts = self._ints[0]
        if candle.open_us == starts[self._end - 1]:
            at = self._end - 1
        else:
            at = self._begin + int(np.searchsorted(starts[self._begin : self._end], candle.open_us))
            if starts[at] != candle.open_us:
                if at == self._begin and self._end - self._begin == self._keep:
                    return False
                at = self._insert(at)
        self._floats[:, at] = _floats(candle)
        self._ints[:, at] = (candle.open_us, candle.trades, candle.time_us, candle.closed)
        return True

    def _write(self) -> None:
        """Append the bars that no reader needed so far."""
        if not (new := self._unwritten):
            return
        self._unwritten = []
        self._make_room(len(new))
        written = slice(self._end, self._end + len(new))
        self._floats[:, written] = np.array([_floats(candle) for candle in new]).T
        numbers = [(candle.open_us, candle.trades, candle.time_us, candle.closed) for candle in new]
        self._ints[:, written] = np.array(numbers, np.int64).T
        self._end += len(new)
        self._begin = max(self._begin, self._end - self._keep)

    def _make_room(self, bars: int = 1) -> None:
        if self._end + bars <= self._ints.shape[1]:
            return
        kept = self._end - self._begin
        for table in (self._floats, self._ints):
            table[:, :kept] = table[:, self._begin : self._end].copy()
        self._begin, self._end = 0, kept

    def _insert(self, at: int) -> int:
        offset = at - self._begin
        self._make_room()
        at = self._begin + offset
        for table in (self._floats, self._ints):
            table[:, at + 1 : self._end + 1] = table[:, at : self._end].copy()
        self._end += 1
        self._begin = max(self._begin, self._end - self._keep)
        return at

    def columns(self, last: int) -> BarColumns:
        """Copy at most that many of the newest bars."""
        self._write()
        window = slice(max(self._begin, self._end - max(last, 0)), self._end)
        floats = self._floats[:, window].copy()
        ints = self._ints[:, window].copy()
        return BarColumns(
            open_us=ints[0],
            open=floats[0],
            high=floats[1],
            low=floats[2],
            close=floats[3],
            volume=floats[4],
            quote_volume=floats[5],
            taker_buy_volume=floats[6],
            trades=ints[1],
            closed=ints[3].astype(np.bool_),
        )

    def candle(self, open_us: int, symbol: str, interval: str) -> Candle | None:
        """Return one bar as it was written."""
        self._write()
        at = self._begin + int(np.searchsorted(self._ints[0, self._begin : self._end], open_us))
        return self._candle(at, symbol, interval) if at < self._end and self._ints[0, at] == open_us else None

    def candles(self, symbol: str, interval: str) -> Iterator[Candle]:
        """Yield all bars as they were written, oldest first."""
        self._write()
        # Columns to lists at once: a read from an array costs ten times as much as one from a list.
        kept = slice(self._begin, self._end)
        numbers = zip(*self._ints[:, kept].tolist(), *self._floats[:, kept].tolist(), strict=True)
        for one in numbers:
            yield _bar(one, symbol, interval)

    def _candle(self, at: int, symbol: str, interval: str) -> Candle:
        return _bar((*self._ints[:, at].tolist(), *self._floats[:, at].tolist()), symbol, interval)


def _floats(candle: Candle) -> tuple[float, ...]:
    return (
        candle.open,
        candle.high,
        candle.low,
        candle.close,
        candle.volume,
        candle.quote_volume,
        candle.taker_buy_volume,
    )


def _bar(numbers: tuple[Any, ...], symbol: str, interval: str) -> Candle:
    open_us, trades, time_us, closed, first, high, low, last, volume, quote_volume, taker_buy_volume = numbers
    return Candle(
        symbol=symbol,
        time_us=time_us,
        interval=interval,
        open_us=open_us,
        open=first,
        high=high,
        low=low,
        close=last,
        volume=volume,
        quote_volume=quote_volume,
        trades=trades,
        taker_buy_volume=taker_buy_volume,
        closed=bool(closed),
    )


def resample(columns: BarColumns, source: str, target: str) -> BarColumns:
    """Make bars of a longer timeframe; the first one is partial where the columns begin inside it.

    Volumes are exact to 15 digits: no noise of adding floats is left.

    Raises:
        BadValue: The target's bars are not made of whole bars of the source.
    """
    if source not in TIMEFRAME_US or target not in TIMEFRAME_US or not nests(source, target):
        raise BadValue("timeframe", target, f"a timeframe made of whole bars of {source}")
    starts = _bar_starts(columns.open_us, target)
    if not len(starts):
        return columns
    first = np.flatnonzero(np.concatenate(([True], starts[1:] != starts[:-1])))
    last = np.concatenate((first[1:], [len(starts)])) - 1
    closed = np.logical_and.reduceat(columns.closed, first)
    closed[-1] &= next_bar_us(int(columns.open_us[-1]), source) == next_bar_us(int(starts[-1]), target)

    def total(column: FloatColumn) -> FloatColumn:
        values = column.tolist()
        return np.array([_sum(values[begin : end + 1]) for begin, end in zip(first, last, strict=True)])

    return BarColumns(
        open_us=starts[first],
        open=columns.open[first],
        high=np.maximum.reduceat(columns.high, first),
        low=np.minimum.reduceat(columns.low, first),
        close=columns.close[last],
        volume=total(columns.volume),
        quote_volume=total(columns.quote_volume),
        taker_buy_volume=total(columns.taker_buy_volume),
        trades=np.add.reduceat(columns.trades, first),
        closed=closed,
    )


def _sum(values: list[float]) -> float:
    return float(f"{fsum(values):.15g}")


def _bar_starts(open_us: IntColumn, timeframe: str) -> IntColumn:
    if timeframe == "1M":
        return np.array([bar_open_us(start, timeframe) for start in open_us.tolist()], np.int64)
    # Any bar's start is an origin to count from: weeks keep their Monday.
    origin = bar_open_us(0, timeframe)
    return open_us - (open_us - origin) % TIMEFRAME_US[timeframe]
