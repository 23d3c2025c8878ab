"""The newest liquidation orders of a symbol or of a whole market.

A venue gives liquidation orders no id, so two real orders can look the same, and the same order can come twice: in the
history and live, or again in the prelude that follows a gap. What decides is how often an order was *seen by one
source*: the orders of one key that are kept are as many as the most that the live stream has shown since the last
``Gap``, or the history since the last ``Gap`` or ``LiquidationVolume``. The key is the order as it was placed, without
its average price: that is computed, and a stream rounds it to the venue's digits while a history may give all of them.
Twins of one source therefore stay two, an order that both sources show is one, and a prelude that is sent again adds
nothing. An event with ``received_us`` zero is history, any other is live. A prelude shows each order once: a fold that
is built from it while one source has shown some twins, the other not all of them, may take the rest as repeats.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from typing import Final, TypeAlias

import msgspec

from orderfox_nb.core.digest import digest_of
from orderfox_nb.core.events import Event, Gap, Liquidation, LiquidationVolume, is_restart
from orderfox_nb.core.instrument import Instrument
from orderfox_nb.errors import EventError

MICRO: Final = 1_000_000
"""Sums of notional are whole millionths of the quote currency: exact, and equal however they are summed."""

OrderKey: TypeAlias = tuple[str, int, str, float, float]


def notional_micro(order: Liquidation) -> int:
    """Return an order's notional in millionths of the quote currency."""
    return round(order.size * order.price * MICRO)


def order_key(order: Liquidation) -> OrderKey:
    """Return what every source says alike of one order: symbol, time, side, size and limit price.

    Where the limit price is unknown the average price stands for it. Numbers are rounded, since a history's are
    computed floats.
    """
    return (order.symbol, order.time_us, order.side, round(order.size, 8), round(order.limit_price or order.price, 8))


class LiquidationOrders:
    """Fold of liquidation orders, in the order of their time.

    Args:
        instrument: Instrument of the orders, None for a whole market.
        keep: How many of the newest are kept. While that many are, an order as old as the oldest or older is refused,
            since it could be one that has left.
    """

    def __init__(self, instrument: Instrument | None, *, keep: int = 1000) -> None:
        self.instrument = instrument
        self.keep = keep
        self.version = 0
        self._orders: list[Liquidation] = []
        self._times: list[int] = []
        self._known: dict[OrderKey, int] = {}
        self._seen_live: dict[OrderKey, int] = {}
        self._seen_history: dict[OrderKey, int] = {}

    @property
    def oldest_first(self) -> Sequence[Liquidation]:
        """The kept orders; to be read at once, not to be kept."""
        return self._orders

    def apply(self, event: Event) -> None:
        """Apply an order; see the module for what is a repeat. Where the venue restarted all are forgotten.

        Raises:
            EventError: An order of another symbol.
        """
        if type(event) is Liquidation:
            self.add(event)
        elif type(event) is Gap:
            self._seen_live.clear()
            self._seen_history.clear()
            if is_restart(event):
                self._orders.clear()
                self._times.clear()
                self._known.clear()
                self.version += 1
        elif type(event) is LiquidationVolume:
            # The history is sent again.
            self._seen_history.clear()

    def add(self, order: Liquidation) -> tuple[Liquidation | None, Liquidation | None]:
        """Apply an order; return the order if it is new, and the one that left for it.

        Raises:
            EventError: An order of another symbol.
        """
        if self.instrument is not None and order.symbol != self.instrument.symbol:
            raise EventError(f"liquidation of {order.symbol} among those of {self.instrument.symbol}")
        if order.size <= 0:
            # A venue may report an order with no fill: it liquidated no position.
            return None, None
        if len(self._orders) >= self.keep and order.time_us <= self._times[0]:
            return None, None
        key = order_key(order)
        seen = self._seen_live if order.received_us else self._seen_history
        times_seen = seen[key] = seen.get(key, 0) + 1
        known = self._known.get(key, 0)
        if times_seen <= known:
            return None, None
        if known:
            # A twin takes the source of the first one, so that a prelude shows both as seen by one source.
            first = next(kept for kept in reversed(self._orders) if order_key(kept) == key)
            order = msgspec.structs.replace(order, received_us=first.received_us)
        at = bisect_right(self._times, order.time_us)
        self._orders.insert(at, order)
        self._times.insert(at, order.time_us)
        self._known[key] = known + 1
        self.version += 1
        return order, self._evict() if len(self._orders) > self.keep else None

    def _evict(self) -> Liquidation:
        oldest = self._orders.pop(0)
        self._times.pop(0)
        key = order_key(oldest)
        if self._known[key] > 1:
            self._known[key] -= 1
        else:
            del self._known[key]
            self._seen_live.pop(key, None)
            self._seen_history.pop(key, None)
        return oldest

    def view(self) -> tuple[Liquidation, ...]:
        """Return the kept orders, newest first."""
        return tuple(reversed(self._orders))

    def newest(self, count: int) -> list[Liquidation]:
        """Return at most that many of the newest orders, newest first."""
        return self._orders[: -count - 1 : -1] if count > 0 else []

    def since(self, time_us: int) -> list[Liquidation]:
        """Return the kept orders at or after a time, oldest first."""
        return self._orders[bisect_right(self._times, time_us - 1) :]

    def sum_since(self, time_us: int) -> tuple[float, float]:
        """Sum the notional of kept orders at or after a time: shorts (buy orders) and longs (sell orders), in quote."""
        buy = sell = 0
        for order in self.since(time_us):
            if order.side == "buy":
                buy += notional_micro(order)
            else:
                sell += notional_micro(order)
        return buy / MICRO, sell / MICRO

    def prelude(self) -> Sequence[Event]:
        return tuple(self._orders)

    def digest(self) -> str:
        # Equal times have no order of their own: sorted, so that history and live may come in either.
        rows = sorted((order.time_us, order.side == "buy", notional_micro(order)) for order in self._orders)
        return digest_of((row[0] for row in rows), (row[1] for row in rows), (row[2] for row in rows))


def each_once(events: Iterable[Event]) -> list[Liquidation]:
    """Return the orders among the events of a topic, each once, oldest first.

    Equal orders of one source are several, as in the fold; all are kept, also those from before a restart.
    """
    events = list(events)
    fold = LiquidationOrders(None, keep=len(events) + 1)
    for event in events:
        fold.apply(msgspec.structs.replace(event, restart=False) if type(event) is Gap else event)
    return list(fold.oldest_first)
