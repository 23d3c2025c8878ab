"""The book of a tape, as its diffs have left it."""

from __future__ import annotations

from typing import Final

import msgspec

from orderfox_nb.sim.listings import ListedContract
from orderfox_nb.sim.tape.records import RecordedFrame, Snapshot

_MAX_WAITING: Final = 256

_decode_levels = msgspec.json.Decoder(list[tuple[float, float]], strict=False).decode


class Units:
    """Converts the numbers of a recording to the ticks and lots of its symbol."""

    def __init__(self, listing: ListedContract) -> None:
        self.tick = float(listing.tick_size)
        self.lot = float(listing.lot_size)

    def ticks(self, price: float) -> int:
        """Convert a price to ticks."""
        return round(price / self.tick)

    def lots(self, size: float) -> int:
        """Convert a size to lots."""
        return round(size / self.lot)


class TapeBook:
    """Levels by price in ticks; diffs are applied when the book is read.

    Args:
        units: Tick and lot of the symbol.
        snapshot: The recorded book from which the diffs continue; without it the book grows from the diffs alone.
    """

    def __init__(self, units: Units, *, snapshot: Snapshot | None) -> None:
        self._units = units
        self._bids: dict[int, int] = {}
        self._asks: dict[int, int] = {}
        self._waiting: list[RecordedFrame] = []
        self.update_id = 0
        """Id of the last diff, or of the snapshot before it."""
        if snapshot is not None:
            self.update_id = snapshot.update_id
            for side, levels in ((self._bids, snapshot.bids), (self._asks, snapshot.asks)):
                side.update((units.ticks(float(price)), units.lots(float(size))) for price, size in levels)

    def apply(self, frame: RecordedFrame) -> None:
        """Apply a recorded diff; one from before the snapshot changes nothing."""
        if frame.u < self.update_id:
            return
        self.update_id = frame.u
        self._waiting.append(frame)
        if len(self._waiting) >= _MAX_WAITING:
            self._apply_waiting()

    def depth(self, limit: int) -> tuple[int, list[tuple[int, int]], list[tuple[int, int]]]:
        """Return the last diff's id and the best levels of both sides, best first."""
        self._apply_waiting()
        bids = sorted(self._bids.items(), reverse=True)[:limit]
        return self.update_id, bids, sorted(self._asks.items())[:limit]

    def best(self) -> tuple[int, int, int, int]:
        """Return the best bid's ticks and lots, then the best ask's; zeros where a side is empty."""
        self._apply_waiting()
        bid, ask = max(self._bids, default=0), min(self._asks, default=0)
        return bid, self._bids.get(bid, 0), ask, self._asks.get(ask, 0)

    def _apply_waiting(self) -> None:
        units = self._units
        for frame in self._waiting:
            for side, text in ((self._bids, frame.b), (self._asks, frame.a)):
                for price, size in _decode_levels(text):
                    ticks = units.ticks(price)
                    if size:
                        side[ticks] = units.lots(size)
                    else:
                        side.pop(ticks, None)
        self._waiting.clear()
