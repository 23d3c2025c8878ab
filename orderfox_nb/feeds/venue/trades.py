"""The stream of one symbol's trades: past and live by their sequence, holes filled from REST."""

from __future__ import annotations

from collections import deque
from collections.abc import Awaitable, Callable, Iterator, Sequence
from functools import partial
from typing import Final

from orderfox_nb.core.events import Event, Trade
from orderfox_nb.core.restart import LATE_IN_A_ROW, proves_restart
from orderfox_nb.feeds.venue.fetches import Fetches
from orderfox_nb.feeds.venue.follower import StatusReporter
from orderfox_nb.feeds.venue.items import Failed, Fetched, Item, Live, Lost, Malformed, Overflowed, Restarted

_PAST: Final = "past trades"
_WAITING_TRADES: Final = 20_000
_FILL_ATTEMPTS: Final = 4
_RESTART_PAUSE_S: Final = 5.0
"""REST and stream may switch to a restarted venue at different moments; until both have, they contradict each other."""

MAX_FILLED: Final = 10_000
"""A larger hole is not worth its request weight: it is reported as a Gap."""


class TradesFollower:
    """Yields every trade once, in the venue's order.

    Lower places with current timestamps mean that the venue restarted (``core/restart.py``): the restart is reported,
    and the tape starts again with the trades that the venue has.

    Args:
        newest: Asks for the newest trades.
        between: Asks for the trades from one place up to and including another.
        unbroken: The sequence has no holes. If it has, a lost connection is filled in from the newest trades, and the
            number of missing trades is unknown where these do not reach back far enough.
    """

    def __init__(
        self,
        reporter: StatusReporter,
        fetches: Fetches,
        *,
        newest: Callable[[], Awaitable[Sequence[Event]]],
        between: Callable[[int, int], Awaitable[Sequence[Event]]],
        unbroken: bool = True,
    ) -> None:
        self._reporter = reporter
        self._fetches = fetches
        self._newest = newest
        self._between = between
        self._unbroken = unbroken
        self._reaches_back = True
        self._waiting: deque[Trade] = deque(maxlen=_WAITING_TRADES)
        self._opened = False
        self._last_id = -1
        self._newest_us = 0
        self._late = 0
        self._live_pending = True
        """Whether ``live`` is still to be reported: not before everything that was requested has been yielded."""
        self._connected = False
        self._abandoned_id = -1
        """The last id of the venue before it restarted."""
        self._asked_us = 0
        """When the newest trades were requested because the venue restarted."""

    @property
    def holding(self) -> bool:
        return len(self._waiting) * 2 > _WAITING_TRADES and self._fetches.soon(_PAST)

    def start(self) -> None:
        """Wait for the subscription, so that nothing lies between the past and the live trades."""

    def follows(self, event: Event) -> bool:
        if type(event) is not Trade or self._waiting or not self._opened or self._last_id < 0:
            return False
        if _place(event) != self._last_id + 1 or self._fetches.pending(_PAST):
            return False
        self._last_id += 1
        self._newest_us = max(self._newest_us, event.time_us)
        self._late = 0
        return True

    def handle(self, item: Item) -> Iterator[Event]:  # noqa: PLR0912  (one branch an item)
        match item:
            case Trade():
                yield from self._live(item)
            case Live():
                self._connected = self._live_pending = True
                if self._last_id < 0 or not self._unbroken:
                    self._reaches_back = self._last_id < 0
                    self._fetches.ask(_PAST, self._newest)
                else:
                    yield from self._filled()
            case Lost(reason):
                self._connected = False
                yield self._reporter.status("down", reason)
            case Malformed() | Overflowed() if self._opened and not self._unbroken:
                reason = item.reason if isinstance(item, Malformed) else "the reader did not keep up"
                yield self._reporter.status("gap", reason)
                self._reaches_back, self._live_pending = False, True
                self._fetches.ask(_PAST, self._newest)
            case Malformed(reason):
                # The next trade's id shows which trade the frame held.
                yield self._reporter.status("gap" if self._opened else "connecting", reason)
            case Fetched(events=events):
                yield from self._fetched([event for event in events if isinstance(event, Trade)])
            case Failed(error=error, final=final):
                if not self._opened:
                    if final:
                        raise error
                    yield self._reporter.status("connecting", str(error))
                elif final:
                    yield from self._go_on(filled=True)
                    yield from self._filled()
            case Restarted(reason):
                self._waiting.clear()
                yield from self._forget(reason)
            case Overflowed():
                # The next trade's id shows how many are missing; they are fetched.
                return
            case _:
                return

    def _fetched(self, trades: Sequence[Trade]) -> Iterator[Event]:
        if self._is_of_before(trades):
            self._fetches.ask(_PAST, self._newest, after_s=_RESTART_PAUSE_S)
            return
        self._opened = True
        if not self._reaches_back:
            self._reaches_back = True
            if not trades or _place(trades[0]) > self._last_id:
                yield self._reporter.gap("the newest trades do not reach back to those before the loss")
        for trade in trades:
            yield from self._emit(trade)
        yield from self._go_on(filled=True)
        yield from self._filled()

    def _is_of_before(self, trades: Sequence[Trade]) -> bool:
        """Return whether an answer predates the venue's restart: the stream has not reached these places yet."""
        reached = max((_place(trade) for trade in trades), default=-1) >= self._abandoned_id
        return reached and bool(self._waiting) and _place(self._waiting[-1]) < self._abandoned_id

    def _live(self, trade: Trade) -> Iterator[Event]:
        self._waiting.append(trade)
        if not self._opened or self._fetches.pending(_PAST):
            return
        self._late = self._late + 1 if _place(trade) <= self._last_id else 0
        if self._late >= LATE_IN_A_ROW:
            yield from self._restart(trade)
        else:
            yield from self._go_on(filled=False)

    def _restart(self, trade: Trade) -> Iterator[Event]:
        yield from self._forget(f"trade ids went back from {self._last_id} to {_place(trade)}: the venue restarted")

    def _forget(self, reason: str) -> Iterator[Event]:
        """Begin with the newest trades that the venue has; trades that arrive before them wait."""
        self._abandoned_id = max(self._abandoned_id, self._last_id)
        self._last_id, self._newest_us, self._late = -1, 0, 0
        if self._opened:
            self._live_pending = True
            yield self._reporter.restart(reason)
            self._fetches.cancel(_PAST)
            if self._connected:
                self._ask_again()

    def _ask_again(self) -> None:
        now_us = self._reporter.now_us()
        again = now_us < self._asked_us + 2 * _RESTART_PAUSE_S * 1e6
        self._asked_us = now_us
        self._fetches.ask(_PAST, self._newest, after_s=_RESTART_PAUSE_S if again else 0.0)

    def _go_on(self, *, filled: bool) -> Iterator[Event]:
        """Yield the waiting trades, up to the first hole that can still be filled."""
        while self._waiting:
            trade = self._waiting[0]
            if _place(trade) <= self._last_id and proves_restart(trade.time_us, self._newest_us):
                yield from self._restart(trade)
                return
            missing = _place(trade) - self._last_id - 1 if self._last_id >= 0 and self._unbroken else 0
            if 0 < missing <= MAX_FILLED and not filled:
                first, last = self._last_id + 1, _place(trade) - 1
                self._live_pending = True
                yield self._reporter.status("gap", f"trades {first} to {last} are missing, asked for", lost=missing)
                self._fetches.ask(_PAST, partial(self._between, first, last), attempts=_FILL_ATTEMPTS)
                return
            self._waiting.popleft()
            yield from self._emit(trade)
            filled = False

    def _filled(self) -> Iterator[Event]:
        if self._live_pending and self._connected and not self._fetches.pending(_PAST):
            self._live_pending = False
            yield self._reporter.status("live")

    def _emit(self, trade: Trade) -> Iterator[Event]:
        if _place(trade) <= self._last_id:
            return
        if self._unbroken and self._last_id >= 0 and (missing := _place(trade) - self._last_id - 1) > 0:
            yield self._reporter.gap("the venue no longer has these trades", lost=missing)
        self._last_id = _place(trade)
        self._newest_us = max(self._newest_us, trade.time_us)
        yield trade


def _place(trade: Trade) -> int:
    """Return a trade's place in the venue's order: a venue with sockets gives one."""
    assert trade.sequence is not None
    return trade.sequence
