"""One side of an order book: sizes by price, dense near the best price and sparse far from it."""

from __future__ import annotations

from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

Integers: TypeAlias = NDArray[np.int64]

_SMALLEST: Final = 1_024
_LARGEST: Final = 65_536
_FAR_KEPT: Final = 256
_FAR_MOST: Final = 16_384
"""A book grows by levels far outside its snapshot: beyond so many the farther half is dropped."""


def _frozen(array: Integers) -> Integers:
    array.flags.writeable = False
    return array


class PriceLevels:
    """Sizes in lots by key, where a smaller key is a better price: ticks for asks, negated ticks for bids.

    A window of an array holds the levels around the best one, a dict those beyond its end; no level is before its
    start. It moves and grows as the price does.
    """

    def __init__(self) -> None:
        self._window: Integers = np.zeros(_SMALLEST, np.int64)
        self._start = 0
        # No level of the window is before this index; the best one is looked for from here.
        self._bound = _SMALLEST
        self._far: dict[int, int] = {}
        self._far_most = _FAR_KEPT
        self._sorted_far: tuple[Integers, Integers] | None = None
        self._levels: tuple[Integers, Integers] | None = None
        self._all_levels = False

    def replace(self, keys: Integers, lots: Integers) -> None:
        """Forget all levels and hold these; of a key given twice the last counts, sizes of zero are left out."""
        levels = {key: size for key, size in zip(keys.tolist(), lots.tolist(), strict=True) if size}
        self._rebuild(levels)

    def update(self, keys: Integers, lots: Integers) -> None:
        """Set the absolute size of levels; zero removes, removing an unknown level is nothing."""
        if not len(keys):
            return
        self._levels = None
        index = keys - self._start
        low = int(index.min())
        if low >= 0 and int(index.max()) < len(self._window):
            self._window[index] = lots
            self._bound = min(self._bound, low)
        else:
            self._update_far(keys, lots, index)
        self._recentre_if_drifted()

    @property
    def best(self) -> int | None:
        """Key of the best level, None where there is no level."""
        self._find_best()
        return self._start + self._bound if self._bound < len(self._window) else None

    @property
    def count(self) -> int:
        """How many levels there are."""
        if self._levels is not None and self._all_levels:
            return len(self._levels[0])
        return int(np.count_nonzero(self._window)) + len(self._far)

    def levels(self, limit: int | None = None) -> tuple[Integers, Integers]:
        """Return keys and lots, best first, at most ``limit``; the arrays are read-only and never change."""
        held = self._levels
        if held is None or not (self._all_levels or (limit is not None and len(held[0]) >= limit)):
            held = self._levels = self._read(limit)
        if limit is None or limit >= len(held[0]):
            return held
        return held[0][:limit], held[1][:limit]

    def _read(self, limit: int | None) -> tuple[Integers, Integers]:
        self._find_best()
        if limit is not None:
            # Near the best price most ticks hold a level: a stretch a few times the limit nearly always has enough.
            stretch = self._window[self._bound : self._bound + max(256, 4 * limit)]
            found = np.flatnonzero(stretch != 0)
            if len(found) >= limit:
                self._all_levels = False
                return _frozen(found + (self._start + self._bound)), _frozen(stretch.take(found))
        self._all_levels = True
        rest = self._window[self._bound :]
        found = np.flatnonzero(rest != 0)
        keys, lots = found + (self._start + self._bound), rest.take(found)
        if self._far:
            if self._sorted_far is None:
                items = np.array(sorted(self._far.items()), np.int64)
                self._sorted_far = items[:, 0], items[:, 1]
            far_keys, far_lots = self._sorted_far
            keys, lots = np.concatenate((keys, far_keys)), np.concatenate((lots, far_lots))
        return _frozen(keys), _frozen(lots)

    def _find_best(self) -> None:
        window, at, stretch = self._window, self._bound, 64
        while at < len(window):
            live = window[at : at + stretch] != 0
            first = int(live.argmax())
            if live[first]:
                self._bound = at + first
                return
            at += stretch
            stretch *= 4
        self._bound = len(window)

    def _update_far(self, keys: Integers, lots: Integers, index: Integers) -> None:
        inside = (index >= 0) & (index < len(self._window))
        if inside.any():
            near = index[inside]
            self._window[near] = lots[inside]
            self._bound = min(self._bound, int(near.min()))
        before: dict[int, int] = {}
        for key, size in zip(keys[~inside].tolist(), lots[~inside].tolist(), strict=True):
            if key < self._start:
                before[key] = size
            elif size:
                self._far[key] = size
                self._sorted_far = None
            elif self._far.pop(key, None) is not None:
                self._sorted_far = None
        better = {key: size for key, size in before.items() if size}
        if better or len(self._far) > self._far_most:
            self._rebuild({**better, **self._all()})

    def _recentre_if_drifted(self) -> None:
        self._find_best()
        if self._far and self._bound > len(self._window) // 2:
            self._rebuild(self._all())

    def _all(self) -> dict[int, int]:
        found = np.flatnonzero(self._window)
        near = dict(zip((found + self._start).tolist(), self._window[found].tolist(), strict=True))
        return near | self._far

    def _rebuild(self, levels: dict[int, int]) -> None:
        keys = np.array(sorted(levels), np.int64)
        # The smallest window that holds three quarters of the levels, a quarter of it free before the best.
        size = _SMALLEST
        wanted = int(keys[len(keys) * 3 // 4] - keys[0]) if len(keys) else 0
        while size < _LARGEST and size * 3 // 4 <= wanted:
            size *= 2
        self._start = int(keys[0]) - size // 4 if len(keys) else 0
        if len(self._window) == size:
            self._window.fill(0)
        else:
            self._window = np.zeros(size, np.int64)
        near = keys[: int(np.searchsorted(keys, self._start + size))]
        far = keys[len(near) :].tolist()
        if len(far) > _FAR_MOST:
            far = far[: _FAR_MOST // 2]
        if len(near):
            self._window[near - self._start] = [levels[key] for key in near.tolist()]
        self._bound = size // 4 if len(near) else size
        self._far = {key: levels[key] for key in far}
        self._far_most = min(_FAR_MOST, max(_FAR_KEPT, 2 * len(far)))
        self._sorted_far = self._levels = None
