"""A limit order book with price-time priority.

A level is a dict of order id to lots, which keeps its insertion order: the oldest order is filled first, and any order
can be withdrawn in constant time. The best prices come from heaps; entries of removed levels are dropped at the top.
"""

from __future__ import annotations

from collections.abc import Container, Iterable
from heapq import heapify, heappop, heappush
from typing import Final

BID: Final = 0
ASK: Final = 1
NO_BID: Final = 0
"""Best bid of an empty side: below every price."""
NO_ASK: Final = 1 << 60
"""Best ask of an empty side: above every price."""

_SPARSE: Final = 3
"""Ticks to look at for each level that is requested: nearly always enough levels are within them."""

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
            The fills, and the id of the resting order (0 if nothing was left).
        """
        fills = self.match(side, lots, ticks)
        left = lots - sum(sum(level) for _, level in fills)
        return fills, self.place(side, ticks, left) if left else 0

    def match(self, side: int, lots: int, limit: int, *, before: Container[int] = ()) -> Fills:
        """Trade at once against the other side, no worse than a limit; the remainder is discarded.

        Args:
            side: Side of the taker.
            lots: Size of the order.
            limit: Worst price; ``NO_ASK`` or ``NO_BID`` for a market order.
            before: Orders to stop in front of.
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
                if order_id in before:
                    break
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
            if not level:
                break
            fills.append((ticks, level))
            self.changed[other][ticks] = None
            if queue:
                sizes[ticks] -= taken
            else:
                self._drop(other, ticks)
        return fills

    def lots_of(self, order_id: int) -> int:
        """Return what rests of an order; 0 if it is no longer there."""
        key = self._orders.get(order_id, -1)
        return self._queues[key & 1][key >> 1][order_id] if key >= 0 else 0

    def lots_ahead(self, order_id: int) -> int:
        """Return the lots of the orders of its level that trade before an order."""
        key = self._orders[order_id]
        ahead = 0
        for other_id, lots in self._queues[key & 1][key >> 1].items():
            if other_id == order_id:
                break
            ahead += lots
        return ahead

    def reduce(self, order_id: int, lots: int) -> None:
        """Take lots from an order, which keeps its place in the queue; it is withdrawn where nothing is left."""
        key = self._orders[order_id]
        side, ticks = key & 1, key >> 1
        queue = self._queues[side][ticks]
        if queue[order_id] <= lots:
            self.cancel(order_id)
            return
        queue[order_id] -= lots
        self.sizes[side][ticks] -= lots
        self.changed[side][ticks] = None

    def available(self, side: int, lots: int, limit: int) -> int:
        """Return how much of an order the other side could fill at once, no worse than a limit."""
        found = 0
        for ticks, size in self.sizes[1 - side].items():
            if ticks <= limit if side == BID else ticks >= limit:
                found += size
        return min(found, lots)

    def cancel(self, order_id: int) -> bool:
        """Withdraw an order; False if it is no longer there."""
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

    def clear_level(self, side: int, ticks: int, *, but: Container[int] = ()) -> None:
        """Withdraw every order of a level, but those named."""
        queue = self._queues[side].get(ticks)
        if queue is None:
            return
        if but and any(order_id in but for order_id in queue):
            for order_id in [order_id for order_id in queue if order_id not in but]:
                self.cancel(order_id)
            return
        for order_id in queue:
            del self._orders[order_id]
        self.changed[side][ticks] = None
        self._drop(side, ticks)

    def levels(self, side: int, limit: int) -> list[tuple[int, int]]:
        """Return price and lots of the best levels, best first."""
        sizes: Iterable[tuple[int, int]] = self.sizes[side].items()
        if limit * _SPARSE < len(self.sizes[side]):
            # Sorting thousands of levels for a few hundred takes most of the time of a frame.
            edge = self.best_bid - limit * _SPARSE if side == BID else self.best_ask + limit * _SPARSE
            near = [row for row in sizes if (row[0] >= edge if side == BID else row[0] <= edge)]
            if len(near) >= limit:
                sizes = near
        return sorted(sizes, reverse=side == BID)[:limit]

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
