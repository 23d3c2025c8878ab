"""Sums of liquidated notional by the start of their bucket."""

from __future__ import annotations

from orderfox_nb.core.events import Liquidation
from orderfox_nb.core.liquidations import notional_micro
from orderfox_nb.core.timeframes import bar_open_us


def add_order(sums: dict[int, list[int]], start_us: int, order: Liquidation) -> None:
    """Add an order to its side of a bucket and count it."""
    held = sums.get(start_us)
    if held is None:
        held = sums[start_us] = [0, 0, 0]
    held[0 if order.side == "buy" else 1] += notional_micro(order)
    held[2] += 1


class BucketSums:
    """Sparse sums ``[buy, sell, count]`` by bucket start; at most ``keep`` buckets."""

    def __init__(self, interval: str, keep: int) -> None:
        self.interval = interval
        self.keep = keep
        self.until_us = 0
        self.sums: dict[int, list[int]] = {}

    def start_us(self, time_us: int) -> int:
        """Return the start of the bucket that holds a time."""
        return bar_open_us(time_us, self.interval)

    def add(self, order: Liquidation) -> None:
        """Add an order; beyond the bound the oldest tenth of the buckets leaves."""
        add_order(self.sums, self.start_us(order.time_us), order)
        if len(self.sums) > self.keep:
            for start in sorted(self.sums)[: max(1, self.keep // 10)]:
                del self.sums[start]

    def remove(self, order: Liquidation) -> None:
        """Take an order out of the history that holds it; what the history does not hold it cannot lose."""
        start = self.start_us(order.time_us)
        held = self.sums.get(start)
        if held is None:
            return
        side = 0 if order.side == "buy" else 1
        held[side] = max(0, held[side] - notional_micro(order))
        held[2] = max(0, held[2] - 1)
        if not any(held):
            del self.sums[start]

    def copy(self) -> BucketSums:
        """Return sums of their own."""
        copied = BucketSums(self.interval, self.keep)
        copied.until_us = self.until_us
        copied.sums = {start: list(held) for start, held in self.sums.items()}
        return copied
