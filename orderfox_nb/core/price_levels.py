"""One side of an order book: sizes by price, dense near the best price and sparse far from it."""

from __future__ import annotations

from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

Integers: TypeAlias = NDArray[np.int64]

_MIN_WINDOW: Final = 1_024
_MAX_WINDOW: Final = 65_536
_INT64_ROOM: Final = 2**62
_FAR_KEPT: Final = 256
_MAX_FAR: Final = 16_384
"""A book grows by levels far outside its snapshot: beyond this number the farther half is dropped."""


def _frozen(array: Integers) -> Integers:
    array.flags.writeable = False
    return array


class PriceLevels:
    """Sizes in lots by key, where a smaller key is a better price: ticks for asks, negated ticks for bids.

    A window of an array holds the levels around the best one, a dict those beyond its end; no level is before its
    start. It moves and grows as the price does.
    """

    def __init__(self) -> None:
        self._window: Integers = np.zeros(_MIN_WINDOW, np.int64)
        # Where the window holds a level: eight times less to read than the sizes when levels are looked for.
        self._live: NDArray[np.bool_] = np.zeros(_MIN_WINDOW, np.bool_)
        self._view_window()
        self._start = 0
        # No level of the window is before this index; the search for the best one starts here.
        self._bound = _MIN_WINDOW
        self._far: dict[int, int] = {}
        self._max_far = _FAR_KEPT
        self._sorted_far: tuple[Integers, Integers] | None = None
        self._levels: tuple[Integers, Integers] | None = None
        self._all_levels = False
        self._count = 0

    def replace(self, keys: Integers, lots: Integers) -> None:
        """Forget all levels and hold these; of a key given twice the last counts, sizes of zero are left out."""
        levels = {key: size for key, size in zip(keys.tolist(), lots.tolist(), strict=True) if size}
        self._rebuild(levels)

    def update(self, keys: Integers, lots: Integers) -> None:
        """Set the absolute size of levels; zero removes, removing an unknown level is nothing."""
        if not len(keys):
            return
        self._levels = None
        self._count = -1
        self._bound = 0
        index = keys - self._start
        # Read as unsigned, an index before the window is a huge one: a single look finds those on either side of it.
        unsigned = index.view(np.uint64)
        if unsigned[unsigned.argmax()] < len(self._window):
            # Of a key given twice the last one stays.
            self._window[index] = lots
            self._live[index] = lots.astype(np.bool_)
        else:
            self._update_far(keys, lots, index)

    def update_few(self, prices: memoryview, sizes: memoryview, sign: int) -> bool:
        """Set the absolute size of some levels one by one, a key being the price times the sign (1 or -1).

        Faster than ``update`` for some tens of levels, as no arrays are made.

        Returns:
            Whether all were set: False if one is negative, too large or before the window: ``update`` is needed.
        """
        window, live, start, bound = self._window_view, self._live_view, self._start, self._bound
        far = self._far
        end = len(window)
        self._levels = None
        self._count = -1
        for price, lots in zip(prices, sizes, strict=True):
            at = sign * price - start
            # Also a number of more than 53 bits is not set, so that ``update`` decides about it.
            if (price | lots) >> 53 or (at < 0 and lots):
                self._bound = bound
                return False
            if at >= end:
                # Hardly a delta of a busy market has no level far from the best price.
                if lots:
                    far[at + start] = lots
                    self._sorted_far = None
                elif far.pop(at + start, None) is not None:
                    self._sorted_far = None
            elif at >= 0:
                window[at] = lots
                live[at] = lots > 0
                if lots and at < bound:
                    bound = at
        self._bound = bound
        if len(far) > self._max_far:
            self._rebuild(self._all())
        return True

    def update_many(self, prices: bytes, sizes: bytes, sign: int) -> bool:
        """Set the absolute size of levels as ``update_few`` does, from packed 64-bit integers and with arrays.

        Faster from some thirty levels on.

        Returns:
            Whether all were set: False if one is negative, too large or before the window: ``update`` is needed.
        """
        start, end = self._start, len(self._window)
        keys, lots = np.frombuffer(prices, np.int64), np.frombuffer(sizes, np.int64)
        index = keys - start if sign > 0 else -start - keys
        # Read as unsigned, a negative number is a huge one. In a window on one side of zero every price is possible.
        unsigned = lots.view(np.uint64)
        if len(keys) != len(lots) or unsigned[unsigned.argmax()] >> 53 or (start if sign > 0 else -start - end) < 0:
            return False
        inside = index.view(np.uint64) < end
        outside = (~inside).nonzero()[0]
        if len(outside):
            far = self._far
            for price, size in zip(keys[outside].tolist(), lots[outside].tolist(), strict=True):
                key = sign * price
                if price >> 53 or (key < start and size):
                    return False
                if key < start:
                    continue
                if size:
                    far[key] = size
                    self._sorted_far = None
                elif far.pop(key, None) is not None:
                    self._sorted_far = None
            index, lots = index[inside], lots[inside]
        self._levels = None
        self._count = -1
        if len(index):
            self._bound = min(self._bound, int(index[index.argmin()]))
        self._window[index] = lots
        self._live[index] = lots.astype(np.bool_)
        if len(self._far) > self._max_far:
            self._rebuild(self._all())
        return True

    @property
    def best(self) -> int | None:
        """Key of the best level, None if there is no level."""
        at = self._bound
        if at <= len(self._live_view) // 2 and self._live_view[at]:
            return self._start + at
        self._find_best()
        return self._start + self._bound if self._bound < len(self._window) else None

    @property
    def bound(self) -> int:
        """A key that no level is better than: that of the best one, or of a better one where it is to be looked for."""
        return self._start + self._bound

    def lots_at(self, key: int) -> int:
        """Return the size of one level, 0 if there is none."""
        at = key - self._start
        if 0 <= at < len(self._window_view):
            return self._window_view[at]
        return self._far.get(key, 0)

    @property
    def count(self) -> int:
        """How many levels there are."""
        if self._count < 0:
            self._count = int(np.count_nonzero(self._live)) + len(self._far)
        return self._count

    def levels(self, limit: int | None = None) -> tuple[Integers, Integers]:
        """Return keys and lots, best first, at most ``limit``; the arrays are read-only and never change."""
        held = self._levels
        if held is None or not (self._all_levels or (limit is not None and len(held[0]) >= limit)):
            held = self._levels = self._read(limit)
        if limit is None or limit >= len(held[0]):
            return held
        return held[0][:limit], held[1][:limit]

    def rows(self, *, tick: int, row: int, limit: int) -> tuple[Integers, Integers]:
        """Sum lots by row, best first: the key times ``tick``, over ``row``, rounded up. Empty rows are left out.

        Args:
            tick: Height of a tick in the unit that it has in common with the row.
            row: Height of a row in that unit, at least a tick.
            limit: How many rows, the best ones.

        Returns:
            Row keys and lots.
        """
        best = self.best
        if row == tick or best is None:
            return self.levels(limit)
        if row >= _INT64_ROOM or (abs(best) + _MAX_WINDOW) * tick >= _INT64_ROOM:
            return self._rows_beyond_int64(tick=tick, row=row, limit=limit)
        # Row r ends with key floor(r * row / tick), the next begins after it: rows that end in the window are summed
        # where they lie. Near the best price hardly a row is empty, so as many as asked for are nearly always enough.
        first = -(-best * tick // row)
        whole = ((self._start + len(self._window)) * tick - 1) // row - first + 1
        scanned = limit
        while scanned <= whole:
            if tick == 1:
                low = (first - 1) * row + 1 - self._start
                edges = np.arange(low, low + scanned * row + 1, row)
            else:
                edges = np.arange(first - 1, first + scanned) * row // tick + (1 - self._start)
            edges[0] = self._bound
            sums = np.add.reduceat(self._window[: edges[-1]], edges[:-1])
            if scanned == limit == np.count_nonzero(sums):
                return np.arange(first, first + limit), sums
            found = sums.nonzero()[0]
            if len(found) >= limit:
                found = found[:limit]
                return found + first, sums[found]
            if scanned == whole:
                break
            scanned = min(4 * scanned, whole)
        # No row holds more levels than ticks, so these fill the rows asked for and no more is read.
        keys, lots = self.levels(limit * -(-row // tick))
        if abs(int(keys[-1])) * tick >= _INT64_ROOM:
            return self._rows_beyond_int64(tick=tick, row=row, limit=limit)
        keys = -(keys * -tick // row)
        begins = np.empty(len(keys), np.bool_)
        begins[0] = True
        np.not_equal(keys[1:], keys[:-1], begins[1:])
        starts = begins.nonzero()[0]
        return keys[starts[:limit]], np.add.reduceat(lots, starts)[:limit]

    def _rows_beyond_int64(self, *, tick: int, row: int, limit: int) -> tuple[Integers, Integers]:
        sums: dict[int, int] = {}
        for key, lots in zip(*(column.tolist() for column in self.levels()), strict=True):
            place = -(-key * tick // row)
            sums[place] = sums.get(place, 0) + lots
        return np.array(list(sums)[:limit], np.int64), np.array(list(sums.values())[:limit], np.int64)

    def _read(self, limit: int | None) -> tuple[Integers, Integers]:
        self._find_best()
        if limit is not None:
            # Near the best price most ticks hold a level: a stretch a few times the limit nearly always has enough.
            found = self._live[self._bound : self._bound + max(256, 4 * limit)].nonzero()[0]
            if len(found) >= limit:
                self._all_levels = False
                found += self._bound
                return _frozen(found + self._start), _frozen(self._window.take(found))
        self._all_levels = True
        found = self._live[self._bound :].nonzero()[0]
        found += self._bound
        keys, lots = found + self._start, self._window.take(found)
        if self._far:
            if self._sorted_far is None:
                count = len(self._far)
                far = np.fromiter(self._far, np.int64, count)
                order = far.argsort()
                self._sorted_far = far[order], np.fromiter(self._far.values(), np.int64, count)[order]
            far_keys, far_lots = self._sorted_far
            keys, lots = np.concatenate((keys, far_keys)), np.concatenate((lots, far_lots))
        return _frozen(keys), _frozen(lots)

    def _view_window(self) -> None:
        # Single items are set through these in half the time.
        self._window_view, self._live_view = self._window.data, self._live.data

    def _find_best(self) -> None:
        live, at = self._live, self._bound
        if at < len(live) and not self._live_view[at]:
            ahead = int(live[at:].argmax())
            self._bound = at + ahead if live[at + ahead] else len(live)
        if self._far and self._bound > len(live) // 2:
            self._rebuild(self._all())

    def _update_far(self, keys: Integers, lots: Integers, index: Integers) -> None:
        inside = (index >= 0) & (index < len(self._window))
        if inside.any():
            near, near_lots = index[inside], lots[inside]
            self._window[near] = near_lots
            self._live[near] = near_lots.astype(np.bool_)
        better: dict[int, int] = {}
        outside = ~inside
        for key, size in zip(keys[outside].tolist(), lots[outside].tolist(), strict=True):
            if key < self._start:
                better[key] = size
            elif size:
                self._far[key] = size
                self._sorted_far = None
            elif self._far.pop(key, None) is not None:
                self._sorted_far = None
        better = {key: size for key, size in better.items() if size}
        if better or len(self._far) > self._max_far:
            self._rebuild(better | self._all())

    def _all(self) -> dict[int, int]:
        found = np.flatnonzero(self._live)
        near = dict(zip((found + self._start).tolist(), self._window[found].tolist(), strict=True))
        return near | self._far

    def _rebuild(self, levels: dict[int, int]) -> None:
        keys = np.array(sorted(levels), np.int64)
        # The smallest window that holds seven of eight levels, a quarter of it free before the best.
        size = _MIN_WINDOW
        wanted = int(keys[len(keys) * 7 // 8] - keys[0]) if len(keys) else 0
        while size < _MAX_WINDOW and size * 3 // 4 <= wanted:
            size *= 2
        self._start = int(keys[0]) - size // 4 if len(keys) else 0
        self._window, self._live = np.zeros(size, np.int64), np.zeros(size, np.bool_)
        self._view_window()
        near = keys[: int(np.searchsorted(keys, self._start + size))]
        far = keys[len(near) :].tolist()
        if len(far) > _MAX_FAR:
            far = far[: _MAX_FAR // 2]
        self._window[near - self._start] = [levels[key] for key in near.tolist()]
        self._live[near - self._start] = True
        self._bound = size // 4 if len(near) else size
        self._far = {key: levels[key] for key in far}
        self._max_far = min(_MAX_FAR, max(_FAR_KEPT, 2 * len(far)))
        self._sorted_far = self._levels = None
        self._count = -1
