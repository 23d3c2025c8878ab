"""Tracks which liquidation orders were delivered, from either source. No I/O."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

import msgspec

from orderfox_nb.core.events import Liquidation
from orderfox_nb.core.liquidations import OrderKey, order_key

_KEPT: Final = 1_000


@dataclass(slots=True)
class _Seen:
    received_us: int
    """Receipt time of the first delivery, 0 if that was from the history."""
    delivered: int = 0
    ahead: int = 0
    """How many came from the history and are not yet shown by the stream."""
    streamed: bool = False


class SeenOrders:
    """Lets each order through once. Orders have no id: equal ones of the two sources are the same one.

    A sampled stream shows at most one order of a symbol a second: an equal one is the same frame again. In a
    complete one equal orders are several. An answer of the history shows each order once: equal ones in it are several.
    """

    def __init__(self, *, keep: int = _KEPT, sampled: bool = True) -> None:
        self._keep = keep
        self._sampled = sampled
        self._seen: dict[OrderKey, _Seen] = {}
        self._forgotten_us = -1
        """Time of the newest order that was dropped: for older orders no comparison is possible."""

    def streamed(self, order: Liquidation) -> bool:
        """Record an order of the stream; returns whether it is new."""
        seen = self._of(order)
        if seen.streamed and self._sampled:
            return False
        seen.streamed = True
        if seen.ahead:
            seen.ahead -= 1
            return False
        seen.delivered += 1
        return True

    def absent(self, orders: Iterable[Liquidation]) -> list[Liquidation]:
        """Return those of an answer of the history that were not delivered, in its order."""
        shown: Counter[OrderKey] = Counter()
        absent: list[Liquidation] = []
        for order in orders:
            key = order_key(order)
            shown[key] += 1
            seen = self._seen.get(key)
            if order.time_us > self._forgotten_us and shown[key] > (seen.delivered if seen is not None else 0):
                absent.append(order)
        return absent

    def record(self, order: Liquidation) -> Liquidation:
        """Record an order of the history that was absent and is delivered now; returns the order to deliver."""
        seen = self._of(order)
        seen.delivered += 1
        seen.ahead += 1
        # A fold counts equal orders by their source: one more of the stream's is another one, not the same.
        return msgspec.structs.replace(order, received_us=seen.received_us)

    def _of(self, order: Liquidation) -> _Seen:
        key = order_key(order)
        seen = self._seen.get(key)
        if seen is None:
            seen = self._seen[key] = _Seen(order.received_us)
            if len(self._seen) > self._keep:
                oldest = next(iter(self._seen))
                del self._seen[oldest]
                self._forgotten_us = max(self._forgotten_us, oldest[1])
        return seen
