"""The stream of one order book that opens with a snapshot: after a hole it is subscribed to again."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, Sequence
from typing import Final

from orderfox_nb.core.events import BookDelta, BookSnapshot, Event, Gap
from orderfox_nb.core.restart import LATE_IN_A_ROW
from orderfox_nb.errors import UnknownSymbol
from orderfox_nb.feeds.venue.fetches import Fetches, Request
from orderfox_nb.feeds.venue.follower import StatusReporter
from orderfox_nb.feeds.venue.items import (
    Failed,
    Fetched,
    Inconsistent,
    Item,
    Live,
    Lost,
    Malformed,
    Overflowed,
    Restarted,
)
from orderfox_nb.feeds.venue.pace import ResyncPace

_CHECK: Final = "symbol"
_SNAPSHOT: Final = "snapshot"
SNAPSHOT_S: Final = 10.0
"""How long after a subscription its snapshot may take; then the stream is subscribed to again."""


class StreamedBookFollower:
    """Checks that each delta follows the previous one; otherwise it reports a gap, which the next snapshot ends.

    A snapshot at any time replaces the book: the venue sends one after each subscription, and one after its service
    was restarted.

    Args:
        renew: Subscribes to the stream again.
        pace: Limits how often that may be done.
        check: Requests something about the symbol from the venue: the stream of an unknown symbol would be silent.
    """

    def __init__(
        self,
        reporter: StatusReporter,
        fetches: Fetches,
        *,
        renew: Callable[[], None],
        pace: ResyncPace,
        check: Callable[[], Awaitable[Sequence[Event]]],
    ) -> None:
        self._reporter = reporter
        self._fetches = fetches
        self._renew = renew
        self._pace = pace
        self._check: Request = check
        self._connected = False
        self._last_id: int | None = None
        """Update id of the book, None while it is unknown."""
        self._newest_us = 0
        self._late = 0

    @property
    def holding(self) -> bool:
        return False

    def start(self) -> None:
        self._fetches.ask(_CHECK, self._check)

    def follows(self, event: Event) -> bool:
        # Ids that continue from a lower one were restarted: a book cannot distinguish that from an old update.
        if type(event) is not BookDelta or event.previous_id != self._last_id or event.last_id <= event.previous_id:
            return False
        self._last_id = event.last_id
        self._newest_us = max(self._newest_us, event.time_us)
        self._late = 0
        return True

    def handle(self, item: Item) -> Iterator[Event]:  # noqa: PLR0912  (one branch an item)
        match item:
            case BookSnapshot():
                yield from self._start_with(item)
            case BookDelta():
                yield from self._delta(item)
            case Live(fresh=fresh):
                self._connected = True
                self._last_id = None
                self._await_snapshot() if fresh else self._ask()
            case Lost(reason):
                self._connected = False
                self._fetches.cancel(_SNAPSHOT)
                yield self._reporter.status("down", reason)
                yield from self._lose(reason)
            case Overflowed(lost):
                yield from self._lose("the reader did not keep up", lost=lost)
                self._ask()
            case Inconsistent(reason):
                if self._last_id is not None:
                    yield from self._lose(reason)
                    self._ask()
            case Restarted(reason):
                if self._last_id is not None:
                    yield self._reporter.restart(reason)
                self._last_id = None
                self._ask()
            case Malformed(reason):
                # The next delta's previous id shows whether the frame contained one.
                yield self._reporter.status("connecting" if self._last_id is None else "live", reason)
            case Fetched(request=request) if request == _SNAPSHOT:
                if self._last_id is None:
                    self._await_snapshot()
            case Failed(_, error):
                if isinstance(error, UnknownSymbol):
                    raise error
            case _:
                return

    def _start_with(self, snapshot: BookSnapshot) -> Iterator[Event]:
        known = self._last_id is not None
        self._fetches.cancel(_SNAPSHOT)
        self._last_id, self._newest_us, self._late = snapshot.update_id, snapshot.time_us, 0
        self._pace.whole()
        self._reporter.resyncs += 1
        yield snapshot
        if not known or not self._reporter.prelude_over:
            yield self._reporter.status("live")

    def _delta(self, delta: BookDelta) -> Iterator[Event]:
        if self.follows(delta):
            yield delta
            return
        last_id = self._last_id
        if last_id is None:
            return
        if delta.previous_id == delta.last_id == last_id:
            # The venue says that nothing has changed.
            yield delta
            return
        if delta.previous_id < last_id and delta.last_id <= last_id and not self._restarted_ids(delta):
            # Late, or sent twice.
            return
        reason = f"expected the update after {last_id}, got {delta.last_id} after {delta.previous_id}"
        yield Gap(symbol=delta.symbol, time_us=delta.time_us, received_us=delta.received_us, reason=reason)
        self._reporter.gaps += 1
        self._last_id = None
        self._ask()

    def _restarted_ids(self, delta: BookDelta) -> bool:
        # An old update is older than the book, also one that is sent again.
        self._late += 1
        return self._late >= LATE_IN_A_ROW or delta.time_us > self._newest_us

    def _lose(self, reason: str, *, lost: int = -1) -> Iterator[Event]:
        if self._last_id is not None:
            yield self._reporter.gap(reason, lost=lost)
        self._last_id = None

    def _ask(self) -> None:
        if self._connected:
            self._fetches.ask(_SNAPSHOT, self._subscribe_again, after_s=self._pace.delay_s())

    def _await_snapshot(self) -> None:
        self._fetches.ask(_SNAPSHOT, self._subscribe_again, after_s=SNAPSHOT_S)

    async def _subscribe_again(self) -> Sequence[Event]:
        await self._pace.turn()
        self._renew()
        return ()
