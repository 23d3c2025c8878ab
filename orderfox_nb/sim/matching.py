"""A limit order book with price-time priority.

A level is a dict of order id to lots, which keeps its insertion order: the oldest order is filled first, and any order
can be withdrawn in constant time. The best prices come from heaps; entries of removed levels are dropped at the top.
"""

from __future__ import annotations

from heapq import heapify, heappop, heappush
from typing import Final

BID: Final = 0
ASK: Final = 1
NO_BID: Final = 0
"""Best bid of an empty side: below every price."""
NO_ASK: Final = 1 << 60
"""Best ask of an empty side: above every price."""

Fills = list[tuple[int, list[int]]]
"""Price level and the lots of each fill there, best price first."""


class MatchingBook:
    """Resting orders of one symbol. Sides are ``BID`` and ``ASK``, prices in ticks, sizes in lots."""

    def __init__(self) -> None:
        self.best_bid = NO_BID
        self.best_ask = NO_ASK
        self.sizes: tuple[dict[int, int], dict[int, int]] = ({}, {})
        """Lots by price level, bids and asks."""
        self.changed: tuple[dict[int, None], dict[int, None]] = ({}, {})
        """Levels changed since the reader last cleared this, in the order of their first change."""
        self._queues: tuple[dict[int, dict[int, int]], dict[int, dict[int, int]]] = ({}, {})
        self._heaps: tuple[list[int], list[int]] = ([], [])
        self._orders: dict[int, int] = {}
        self._last_id = 0

    def __len__(self) -> int:
        """Count the resting orders."""
        return len(self._orders)

    def place(self, side: int, ticks: int, lots: int) -> int:
        """Rest an order behind the others of its level and return its id; it must not cross."""
        sizes = self.sizes[side]
        self._last_id = order_id = self._last_id + 1
        if ticks in sizes:
            sizes[ticks] += lots
            self._queues[side][ticks][order_id] = lots
        else:
            sizes[ticks] = lots
            self._queues[side][ticks] = {order_id: lots}
            heap = self._heaps[side]
            if side == BID:
                heappush(heap, -ticks)
                self.best_bid = max(self.best_bid, ticks)
            else:
                heappush(heap, ticks)
                self.best_ask = min(self.best_ask, ticks)
            if len(heap) > 4 * len(sizes) + 256:
                heap[:] = [-level for level in sizes] if side == BID else list(sizes)
                heapify(heap)
        self._orders[order_id] = ticks * 2 + side
        self.changed[side][ticks] = None
        return order_id

    def submit(self, side: int, ticks: int, lots: int) -> tuple[Fills, int]:
        """Trade what a limit order can and rest the remainder.

        Returns:
            The fills, and the id of the resting order (0 where nothing was left).
        """
        fills = self.match(side, lots, ticks)
        left = lots - sum(sum(level) for _, level in fills)
        return fills, self.place(side, ticks, left) if left else 0

    def match(self, side: int, lots: int, limit: int) -> Fills:
        """Trade at once against the other side, no worse than a limit; the remainder is discarded.

        Args:
            side: Side of the taker.
            lots: Size of the order.
            limit: Worst price; ``NO_ASK`` or ``NO_BID`` for a market order.
        """
        other = 1 - side
        sizes, queues, orders = self.sizes[other], self._queues[other], self._orders
        fills: Fills = []
        while lots > 0:
            ticks = self.best_ask if side == BID else self.best_bid
            if ticks not in sizes or (ticks > limit if side == BID else ticks < limit):
                break
            queue = queues[ticks]
            level: list[int] = []
            taken = 0
            while lots and queue:
                order_id = next(iter(queue))
                resting = queue[order_id]
                if resting <= lots:
                    del queue[order_id], orders[order_id]
                    fill = resting
                else:
                    queue[order_id] = resting - lots
                    fill = lots
                lots -= fill
                taken += fill
                level.append(fill)
            fills.append((ticks, level))
            self.changed[other][ticks] = None
            if queue:
                sizes[ticks] -= taken
            else:
                self._drop(other, ticks)
        return fills

    def cancel(self, order_id: int) -> bool:
        """Withdraw an order; False where it is no longer there."""
        key = self._orders.pop(order_id, -1)
        if key < 0:
            return False
        side, ticks = key & 1, key >> 1
        queue = self._queues[side][ticks]
        lots = queue.pop(order_id)
        self.changed[side][ticks] = None
        if queue:
            self.sizes[side][ticks] -= lots
        else:
            self._drop(side, ticks)
        return True

    def front(self, side: int) -> tuple[int, int]:
        """Return id and lots of the order that trades next; zeros where the side is empty."""
        queue = self._queues[side].get(self.best_bid if side == BID else self.best_ask)
        return next(iter(queue.items())) if queue else (0, 0)

    def clear_level(self, side: int, ticks: int) -> None:
        """Withdraw every order of a level."""
        queue = self._queues[side].get(ticks)
        if queue is None:
            return
        for order_id in queue:
            del self._orders[order_id]
        self.changed[side][ticks] = None
        self._drop(side, ticks)

    def levels(self, side: int, limit: int) -> list[tuple[int, int]]:
        """Return price and lots of the best levels, best first."""
        best = sorted(self.sizes[side].items(), reverse=side == BID)
        return best[:limit]

    def _drop(self, side: int, ticks: int) -> None:
        sizes, heap = self.sizes[side], self._heaps[side]
        del sizes[ticks], self._queues[side][ticks]
        if side == BID:
            if ticks == self.best_bid:
                while heap and -heap[0] not in sizes:
                    heappop(heap)
                self.best_bid = -heap[0] if heap else NO_BID
        elif ticks == self.best_ask:
            while heap and heap[0] not in sizes:
                heappop(heap)
            self.best_ask = heap[0] if heap else NO_ASK
