# pandas has no stubs.
# pyright: reportMissingTypeStubs=false
"""The newest trades of a symbol as columns, so that a DataFrame of many costs little more than their copy."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Final, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from orderfox_nb.core.events import Event, Trade, is_restart
from orderfox_nb.core.restart import proves_restart

Array: TypeAlias = NDArray[Any]

MAX_KEPT: Final = 1_000_000
"""Largest number of trades that are kept: 100 MB, most of it ids."""
_UNORDERED: Final = -1


class TradeColumns(NamedTuple):
    """Trades by time, oldest first; those of one time in the order in which the venue matched them."""

    time_us: Array
    id: Any
    """The venue's own texts: objects, or a pandas array that has checked them."""
    price: Array
    size: Array
    sell: Array
    """Whether the taker sold."""

    def copies(self) -> TradeColumns:
        """Return the same in memory of its own."""
        return TradeColumns(*(column.copy() for column in self))

    def since(self, start_us: int) -> TradeColumns:
        """Return those that happened then or later."""
        return TradeColumns(*(column[self.time_us >= start_us] for column in self))


def trade_columns(trades: Iterable[Trade]) -> TradeColumns:
    """Return trades that are in the venue's order as columns by time."""
    return in_order_of_receipt(sorted(trades, key=lambda trade: trade.time_us))


def joined(parts: Sequence[TradeColumns]) -> TradeColumns:
    """Return trades in order of receipt as columns by time, each id once: at its first place, with its last values."""
    found = TradeColumns(*(np.concatenate(columns) for columns in zip(*parts, strict=True)))
    ids = found.id.tolist()
    last = dict(zip(ids, range(len(ids)), strict=True))
    if len(last) < len(ids):
        found = TradeColumns(*(column[list(last.values())] for column in found))
    if (found.time_us[1:] >= found.time_us[:-1]).all():
        return found
    order = np.argsort(found.time_us, kind="stable")
    return TradeColumns(*(column[order] for column in found))


def in_order_of_receipt(trades: Sequence[Trade]) -> TradeColumns:
    """Return trades as columns in the order in which they are given."""
    return TradeColumns(
        np.array([trade.time_us for trade in trades], np.int64),
        np.array([trade.id for trade in trades], np.object_),
        np.array([trade.price for trade in trades], np.float64),
        np.array([trade.size for trade in trades], np.float64),
        np.array([trade.aggressor == "sell" for trade in trades], np.bool_),
    )


def text_array(texts: Any) -> Any:
    """Return Python's own texts as an array of pandas, without a copy; an array that pandas has checked as it is.

    To copy 100,000 of them into Arrow would cost more than the rest of a DataFrame. To check that they are texts costs
    half of that rest: parts and copies of this array are not checked again.
    """
    import pandas as pd  # noqa: PLC0415 - paid for when it is asked

    if isinstance(texts, pd.api.extensions.ExtensionArray):
        return texts
    return pd.array(texts, dtype=pd.StringDtype("python", na_value=np.nan), copy=False)


class TradeLog:
    """Keeps the newest trades of a symbol, each once and in the venue's order.

    Args:
        keep: Number of trades to keep, 1 to ``MAX_KEPT``.
    """

    def __init__(self, keep: int) -> None:
        self.keep = keep
        # Twice as long as what is kept, so that a trade costs one write and not a move of all.
        kinds = (np.int64, np.object_, np.float64, np.float64, np.bool_)
        self._columns = TradeColumns(*(np.zeros(2 * keep, kind) for kind in kinds))
        self._columns.id[:] = ""
        self._texts: Any = None
        """The ids as an array of pandas, over the same memory."""
        self._places = np.zeros(2 * keep, np.int64)
        """Place of each trade in the venue's order."""
        self._end = 0
        self._last_decrease = 0
        """Index of the last trade that is earlier than the one before it, so that no DataFrame has to search for it."""
        self._last = _UNORDERED
        self._ids: set[str] = set()
        """Ids of the trades that are kept, if the venue gives no order."""

    def __len__(self) -> int:
        return min(self._end, self.keep)

    def apply(self, event: Event) -> None:
        """Add a trade; one that is known already, or older than all that are kept, changes nothing."""
        if type(event) is not Trade:
            if is_restart(event):
                self._forget()
            return
        place = event.sequence
        if place is None:
            if event.id in self._ids:
                return
            self._ids.add(event.id)
            place = self._last + 1
        if place <= self._last and self._end and proves_restart(event.time_us, self._newest_us):
            # The stream was opened again, and its venue had restarted meanwhile: no gap says so.
            self._forget()
        if place > self._last:
            at, self._last = self._end, place
        else:
            at = int(np.searchsorted(self._places[: self._end], place))
            if self._places[at] == place or at <= self._end - self.keep:
                return
        self._insert(at, place, event)
        if self._end == 2 * self.keep:
            self._trim()

    def extend(self, other: TradeLog) -> None:
        """Begin with the trades of another log of the same symbol; this one is empty."""
        window = slice(other._end - min(len(other), self.keep), other._end)
        self._end = window.stop - window.start
        for column, source in zip((*self._columns, self._places), (*other._columns, other._places), strict=True):
            column[: self._end] = source[window]
        self._last_decrease = max(0, other._last_decrease - window.start)
        self._last = other._last
        self._ids = set(self._columns.id[: self._end].tolist()) if other._ids else set()

    def columns(self) -> TradeColumns:
        """Return copies of the kept trades, by time."""
        if self._texts is None:
            self._texts = text_array(self._columns.id)
        window = slice(max(0, self._end - self.keep), self._end)
        kept = TradeColumns(*(column[window] for column in self._columns._replace(id=self._texts)))
        if self._last_decrease <= window.start:
            return kept.copies()
        order = np.argsort(kept.time_us, kind="stable")
        return TradeColumns(*(column[order] for column in kept))

    @property
    def _newest_us(self) -> int:
        return int(self._columns.time_us[self._end - 1])

    def _forget(self) -> None:
        self._end, self._last_decrease, self._last = 0, 0, _UNORDERED
        self._ids.clear()
        # References to old ids would keep them in memory.
        self._columns.id[:] = ""

    def _insert(self, at: int, place: int, trade: Trade) -> None:
        values = (trade.time_us, trade.id, trade.price, trade.size, trade.aggressor == "sell", place)
        for column, value in zip((*self._columns, self._places), values, strict=True):
            if at < self._end:
                column[at + 1 : self._end + 1] = column[at : self._end].copy()
            column[at] = value
        times_us = self._columns.time_us
        if at < self._end:
            self._last_decrease += self._last_decrease >= at
            if times_us[at + 1] < trade.time_us:
                self._last_decrease = max(self._last_decrease, at + 1)
        if at and trade.time_us < times_us[at - 1]:
            self._last_decrease = max(self._last_decrease, at)
        self._end += 1

    def _trim(self) -> None:
        for column in (*self._columns, self._places):
            column[: self.keep] = column[self.keep :]
        self._columns.id[self.keep :] = ""
        self._end = self.keep
        self._last_decrease = max(0, self._last_decrease - self.keep)
        if self._ids:
            self._ids = set(self._columns.id[: self.keep].tolist())
