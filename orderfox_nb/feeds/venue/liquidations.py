"""The stream of liquidation orders: past orders and sums where a history API is configured, then live ones."""

from __future__ import annotations

from collections import deque
from collections.abc import Awaitable, Callable, Iterator, Sequence
from typing import Final

import msgspec

from orderfox_nb.core.events import WHOLE_MARKET, Event, Gap, Liquidation, LiquidationVolume
from orderfox_nb.core.liquidations import OrderKey, order_key
from orderfox_nb.errors import UnknownSymbol
from orderfox_nb.feeds.venue.fetches import Fetches
from orderfox_nb.feeds.venue.follower import StatusReporter
from orderfox_nb.feeds.venue.items import (
    Failed,
    Fetched,
    Item,
    Live,
    Lost,
    Malformed,
    Overflowed,
    Renewed,
    Restarted,
)
from orderfox_nb.feeds.venue.seen_orders import SeenOrders

PRELUDE_ORDERS: Final = 50
PRELUDE_MINUTES: Final = 1_500
"""How far back the sums by minute reach: the longest window of one-minute bars."""

_HISTORY: Final = "liquidation history"
_HOLE: Final = "liquidations of the hole"
_CHECK: Final = "symbol"
_RECONCILED: Final = "reconciliation"
_RETRY_S: Final = 30.0
RECONCILE_S: Final = 30.0
"""How often the stream is compared with the history: silence alone does not show that the stream is frozen."""

_GRACE_S: Final = 5.0
"""How long after it was found absent an order may still arrive on the stream."""

_LAG_US: Final = 30_000_000
"""How far the history may lag behind: orders this young are compared again."""

_MAX_WAITING: Final = 10_000
"""Limit on orders that arrive before the first answer of the history, which contains any that are dropped."""

CLOCK_TOLERANCE_US: Final = 3_600_000_000
"""Maximum clock error: the range requested before and after now where no order gives a better estimate."""


class LiquidationsFollower:
    """Yields each order once; reports failed history requests in ``Status.history`` and retries them.

    A history, where there is one, is authoritative: orders that it shows and the stream did not, in two answers or
    after a gap, are reported as lost and delivered late. Comparisons use the times of the orders themselves, because
    the venue's clock may jump.

    Args:
        history: Asks for the sums and the newest orders; ``None`` without a history API.
        since: Asks for the orders from a time on.
        check: Asks the venue for anything about the symbol: its stream would be silent for an unknown one.
        renew: Subscribes again.
        sampled: The stream shows one order of a symbol a second at most, so that an equal one is a repeat.
    """

    def __init__(
        self,
        reporter: StatusReporter,
        fetches: Fetches,
        *,
        history: Callable[[], Awaitable[Sequence[Event]]] | None,
        since: Callable[[int], Awaitable[Sequence[Event]]] | None,
        check: Callable[[], Awaitable[Sequence[Event]]],
        renew: Callable[[], None],
        sampled: bool = True,
    ) -> None:
        self._reporter = reporter
        self._fetches = fetches
        self._history = history
        self._since = since
        self._check = check
        self._renew = renew
        self._sampled = sampled
        self._opened = False
        self._compare_us = 0
        """Start of the history that has yet to be compared with the delivered orders."""
        self._suspects: frozenset[OrderKey] = frozenset()
        """Orders that were in the last answer of the history but not on the stream."""
        self._arrived = 0
        self._gapped = False
        self._live = False
        self._waiting: deque[Liquidation] = deque(maxlen=_MAX_WAITING)
        self._seen = SeenOrders(sampled=sampled)

    @property
    def holding(self) -> bool:
        return False

    def start(self) -> None:
        if self._reporter.topic.symbol != WHOLE_MARKET:
            self._fetches.ask(_CHECK, self._check)

    def follows(self, event: Event) -> bool:  # noqa: ARG002 - there is more to say about each
        return False

    def handle(self, item: Item) -> Iterator[Event]:  # noqa: PLR0912  (one branch an item)
        match item:
            case Liquidation():
                if self._opened:
                    yield from self._handle_live(item)
                else:
                    self._waiting.append(item)
            case Live():
                self._live = True
                yield from self._connected()
            case Lost(reason):
                self._live = False
                yield self._reporter.status("down", reason)
            case Malformed(reason):
                if self._since is not None and self._opened:
                    self._gapped = True
                    yield self._reporter.status("gap", reason, lost=1)
                    self._reconcile(after_s=_GRACE_S)
                else:
                    yield self._reporter.status("live" if self._opened else "connecting", reason)
                    yield self._reporter.gap(reason, lost=1)
            case Gap(time_us=time_us, reason=reason) if self._opened:
                yield from self._missed(reason, since_us=time_us)
            case Renewed(reason) if self._opened:
                yield from self._missed(reason)
            case Restarted(reason):
                yield from self._forget(reason)
            case Overflowed(lost):
                yield self._reporter.gap("the reader did not keep up", lost=lost)
            case Fetched(request, events):
                yield from self._fetched(request, events)
            case Failed(request, error, final):
                yield from self._failed(request, error, final=final)
            case _:
                return

    def _missed(self, reason: str, *, since_us: int = 0) -> Iterator[Event]:
        """Report that the stream has a hole, in which there may have been orders.

        Args:
            reason: How it was noticed.
            since_us: When the last event before it was, 0 where that is not known.
        """
        self._reporter.gaps += 1
        status = self._reporter.status("gap", reason)
        yield msgspec.structs.replace(status, time_us=since_us or status.time_us)
        if self._since is not None:
            self._gapped = True
            self._reconcile(after_s=_GRACE_S)
        elif self._live:
            yield self._reporter.status("live")

    def _connected(self) -> Iterator[Event]:
        if not self._opened:
            self._compare_us = self._compare_us or self._reporter.now_us() - _LAG_US
            if self._history is None:
                yield from self._open()
            else:
                self._fetches.ask(_HISTORY, self._history, attempts=1)
            return
        yield self._reporter.status("live")
        if self._since is None:
            yield self._reporter.gap("liquidations while the connection was down are not known")
        else:
            since = self._since
            self._fetches.ask(_HOLE, lambda: since(self._compare_us), attempts=3)

    def _fetched(self, request: str, events: Sequence[Event]) -> Iterator[Event]:
        if request == _CHECK or (request != _HISTORY and not self._opened):
            return
        if request == _RECONCILED:
            yield from self._compare(events)
            return
        if request == _HISTORY:
            # Without its sums the history does not know this time, and what it shows is not all that there was.
            known = any(isinstance(event, LiquidationVolume) for event in events)
            self._reporter.history = "complete" if known else "missing"
        orders = [event for event in events if isinstance(event, Liquidation)]
        yield from (event for event in events if isinstance(event, LiquidationVolume))
        for order in self._seen.absent(orders):
            yield self._seen.record(order)
        # An answer of the newest orders is not a comparison: what was lost before them has yet to be found.
        if not self._opened or (request == _HOLE and orders):
            self._compare_us = self._newest_us(orders) - _LAG_US
        if not self._opened:
            yield from self._open()
        elif request == _HISTORY and self._live:
            yield self._reporter.status("live")

    def _compare(self, events: Sequence[Event]) -> Iterator[Event]:
        """Handle the history's orders since the last comparison: those that were not on the stream are late."""
        orders = [event for event in events if isinstance(event, Liquidation)]
        absent = self._seen.absent(orders)
        # After a reported gap the stream is known to have lost orders.
        missed = [order for order in absent if self._gapped or order_key(order) in self._suspects]
        if missed:
            first_us = missed[0].time_us
            record = self._reporter.status("gap", f"the history has orders that did not come: {len(missed)}")
            yield msgspec.structs.replace(record, time_us=first_us, lost=len(missed))
            for order in missed:
                yield self._seen.record(order)
            self._gapped = True
        self._suspects = frozenset(map(order_key, absent)) if len(missed) < len(absent) else frozenset()
        if self._live and missed and not self._arrived:
            yield self._reporter.status("stale", "the stream shows nothing while the history does")
            self._renew()
        elif self._live and self._gapped:
            yield self._reporter.status("live")
        self._gapped = False
        if missed or not self._suspects:
            self._arrived = 0
        if self._suspects:
            self._reconcile(after_s=_GRACE_S)
            return
        if orders:
            self._compare_us = self._newest_us(orders) - _LAG_US
        self._reconcile(after_s=RECONCILE_S)

    def _newest_us(self, orders: Sequence[Liquidation]) -> int:
        """Return the time of an answer's newest order: what time it is may be known wrong, and an order's be wild."""
        now_us = self._reporter.now_us()
        return min(now_us, max((order.time_us for order in orders), default=now_us - CLOCK_TOLERANCE_US))

    def _reconcile(self, *, after_s: float) -> None:
        """Ask the history for what was liquidated since the last comparison."""
        since = self._since
        if since is None:
            return
        self._fetches.ask(_RECONCILED, lambda: since(self._compare_us), after_s=after_s)

    def _failed(self, request: str, error: Exception, *, final: bool) -> Iterator[Event]:
        if request == _CHECK:
            if isinstance(error, UnknownSymbol):
                raise error
        elif request == _HISTORY and self._history is not None:
            self._reporter.history = "missing"
            if not self._opened:
                yield from self._open(str(error))
            self._fetches.ask(_HISTORY, self._history, attempts=1, after_s=_RETRY_S)
        elif request == _RECONCILED:
            if final:
                self._reconcile(after_s=RECONCILE_S)
        elif final:
            yield self._reporter.gap(f"liquidations while the connection was down are not known ({error})")

    def _forget(self, reason: str) -> Iterator[Event]:
        """Start again from the history's current orders; orders that arrive before its answer wait."""
        for request in (_HISTORY, _HOLE, _RECONCILED):
            self._fetches.cancel(request)
        known, self._opened, self._gapped = self._opened, False, False
        self._waiting.clear()
        self._seen, self._suspects = SeenOrders(sampled=self._sampled), frozenset()
        self._arrived = self._compare_us = 0
        if known:
            yield self._reporter.restart(reason)
        if self._live:
            yield from self._connected()

    def _open(self, reason: str = "") -> Iterator[Event]:
        self._opened = True
        self._reconcile(after_s=RECONCILE_S)
        if self._live:
            yield self._reporter.status("live", reason)
        while self._waiting:
            yield from self._handle_live(self._waiting.popleft())

    def _handle_live(self, order: Liquidation) -> Iterator[Event]:
        # Where times have gone back comparisons follow, but no wild one.
        if order.time_us > self._reporter.now_us() - CLOCK_TOLERANCE_US:
            self._compare_us = min(self._compare_us, order.time_us - _LAG_US)
        if self._seen.streamed(order):
            self._arrived += 1
            yield order
