"""The stream of one symbol's trades whose ids have no order: each once, and what a loss left out from the newest."""

from __future__ import annotations

from collections import deque
from collections.abc import Awaitable, Callable, Iterator, Sequence
from typing import Final

from orderfox_nb.core.events import Event, Trade
from orderfox_nb.feeds.venue.fetches import Fetches
from orderfox_nb.feeds.venue.follower import StatusReporter
from orderfox_nb.feeds.venue.items import Failed, Fetched, Item, Live, Lost, Malformed, Overflowed, Restarted

_PAST: Final = "newest trades"
_WAITING_TRADES: Final = 20_000
_SEEN_IDS: Final = 10_000
"""Several times as many as an answer has: what is in one and not among them was not delivered."""


class UnorderedTradesFollower:
    """Yields every trade once, in the order of arrival; by time what came while the newest were requested.

    A missing trade cannot be noticed by its id. After a lost connection, an overflow or a frame that could not be read
    the newest trades are requested; where they do not reach back to one that was delivered, a loss is reported.

    Args:
        newest: Asks for the newest trades.
    """

    def __init__(
        self, reporter: StatusReporter, fetches: Fetches, newest: Callable[[], Awaitable[Sequence[Event]]]
    ) -> None:
        self._reporter = reporter
        self._fetches = fetches
        self._newest = newest
        self._connected = False
        self._live_pending = True
        self._opened = False
        self._seen: dict[str, None] = {}
        self._waiting: deque[Trade] = deque(maxlen=_WAITING_TRADES)

    @property
    def holding(self) -> bool:
        return False

    def start(self) -> None:
        """Wait for the subscription, so that nothing lies between the past and the live trades."""

    def follows(self, event: Event) -> bool:
        if type(event) is not Trade or not self._opened or event.id in self._seen or self._fetches.pending(_PAST):
            return False
        self._remember(event)
        return True

    def handle(self, item: Item) -> Iterator[Event]:  # noqa: PLR0912  (one branch an item)
        match item:
            case Trade():
                if not self._opened or self._fetches.pending(_PAST):
                    self._waiting.append(item)
                else:
                    yield from self._emit(item)
            case Live():
                self._connected = True
                self._ask()
            case Lost(reason):
                self._connected = False
                yield self._reporter.status("down", reason)
            case Malformed(reason) if self._opened:
                yield self._reporter.status("gap", reason)
                self._ask()
            case Malformed(reason):
                yield self._reporter.status("connecting", reason)
            case Overflowed(lost) if self._opened:
                yield self._reporter.status("gap", "the reader did not keep up", lost=lost)
                self._ask()
            case Restarted(reason):
                if self._opened:
                    yield self._reporter.restart(reason)
                self._opened = False
                self._seen.clear()
                self._waiting.clear()
                self._ask()
            case Fetched(events=events):
                yield from self._join([event for event in events if isinstance(event, Trade)])
            case Failed(error=error, final=final):
                if final:
                    raise error
                yield self._reporter.status("gap" if self._opened else "connecting", str(error))
            case _:
                return

    def _ask(self) -> None:
        if self._connected:
            self._live_pending = True
            self._fetches.ask(_PAST, self._newest)

    def _join(self, trades: Sequence[Trade]) -> Iterator[Event]:
        if self._opened and self._seen and not any(trade.id in self._seen for trade in trades):
            yield self._reporter.gap("the newest trades do not reach back to those before the loss")
        self._opened = True
        # An answer that took long is newer than the first of those that waited for it.
        for trade in sorted((*trades, *self._waiting), key=_time_us):
            yield from self._emit(trade)
        self._waiting.clear()
        if self._live_pending and self._connected:
            self._live_pending = False
            yield self._reporter.status("live")

    def _emit(self, trade: Trade) -> Iterator[Event]:
        if trade.id not in self._seen:
            self._remember(trade)
            yield trade

    def _remember(self, trade: Trade) -> None:
        self._seen[trade.id] = None
        if len(self._seen) > _SEEN_IDS:
            del self._seen[next(iter(self._seen))]


def _time_us(trade: Trade) -> int:
    return trade.time_us
