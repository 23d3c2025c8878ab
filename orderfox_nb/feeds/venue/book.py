"""The stream of one order book: diffs joined to a snapshot, and joined again after every hole."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from orderfox_nb.core.book_sync import BUFFERED_DELTAS, BookSync
from orderfox_nb.core.events import BookDelta, BookSnapshot, Event, Gap
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

_SNAPSHOT: Final = "snapshot"
_NO_DIFF: Final = "no diff"
_STALE_PAUSE_S: Final = 0.1
"""Before another snapshot is requested, since the last one was older than the stream; doubled each time."""

_MAX_STALE_PAUSE_S: Final = 5.0
_PROOF_S: Final = 0.5
"""How long a snapshot waits for the diff that proves its age; a quiet book has none."""


class BookFollower:
    """Checks the chain of update ids on every diff at once.

    Only a diff can show that a snapshot is older than the stream: a snapshot that arrives before any diff waits.

    Args:
        snapshot: Asks for a snapshot.
        pace: When it may be asked for again.
    """

    def __init__(self, reporter: StatusReporter, fetches: Fetches, snapshot: Request, pace: ResyncPace) -> None:
        self._reporter = reporter
        self._fetches = fetches
        self._snapshot = snapshot
        self._pace = pace
        self._sync = BookSync()
        self._connected = False
        self._unproven: BookSnapshot | None = None
        self._stale_pause_s = _STALE_PAUSE_S

    @property
    def holding(self) -> bool:
        return self._sync.buffered * 2 > BUFFERED_DELTAS and self._fetches.soon(_SNAPSHOT)

    def start(self) -> None:
        """Wait for the subscription: a snapshot from before it could not be joined."""

    def follows(self, event: Event) -> bool:
        return type(event) is BookDelta and self._unproven is None and self._sync.follows(event)

    def handle(self, item: Item) -> Iterator[Event]:  # noqa: PLR0912  (one branch an item)
        match item:
            case BookDelta():
                answer = self._sync.delta(item)
                if answer is not None:
                    yield answer
                if isinstance(answer, Gap):
                    self._reporter.gaps += 1
                    self._unproven = None
                    self._ask()
                if self._unproven is not None:
                    yield from self._join(self._unproven)
            case Live():
                self._connected = True
                self._reset()
                self._ask()
            case Lost(reason):
                self._connected = False
                self._fetches.cancel(_SNAPSHOT)
                yield self._reporter.status("down", reason)
                yield from self._desync(reason)
            case Overflowed(lost):
                yield from self._desync("the reader did not keep up", lost=lost)
                self._ask()
            case Inconsistent(reason):
                if self._sync.synced:
                    yield from self._desync(reason)
                    self._ask()
            case Restarted(reason):
                yield from self._forget(reason)
            case Malformed(reason):
                # The next diff's previous id shows whether the frame held a diff.
                yield self._reporter.status("live" if self._sync.synced else "connecting", reason)
            case Fetched(request, events) if request == _SNAPSHOT:
                (snapshot,) = events
                assert isinstance(snapshot, BookSnapshot)
                if self._sync.buffered:
                    yield from self._join(snapshot)
                else:
                    self._unproven = snapshot
                    self._fetches.ask(_NO_DIFF, _no_events, after_s=_PROOF_S)
            case Fetched():
                if self._unproven is not None:
                    yield from self._join(self._unproven)
            case Failed(error=error, final=final):
                if final:
                    raise error
                yield self._reporter.status("connecting", str(error))
            case _:
                return

    def _join(self, snapshot: BookSnapshot) -> Iterator[Event]:
        self._unproven = None
        self._fetches.cancel(_NO_DIFF)
        events = self._sync.snapshot(snapshot)
        if events is None:
            self._fetches.ask(_SNAPSHOT, self._next_snapshot, after_s=self._stale_pause_s)
            self._stale_pause_s = min(self._stale_pause_s * 2, _MAX_STALE_PAUSE_S)
            return
        self._stale_pause_s = _STALE_PAUSE_S
        self._pace.whole()
        self._reporter.resyncs += 1
        yield from events
        yield self._reporter.status("live")

    def _desync(self, reason: str, *, lost: int = -1) -> Iterator[Event]:
        if self._sync.synced:
            yield self._reporter.gap(reason, lost=lost)
        self._reset()

    def _forget(self, reason: str) -> Iterator[Event]:
        known = self._sync.synced
        self._sync.restart()
        self._unproven = None
        self._fetches.cancel(_SNAPSHOT)
        if known:
            yield self._reporter.restart(reason)
        if self._connected:
            self._ask()

    def _reset(self) -> None:
        self._sync.reset()
        self._unproven = None

    def _ask(self) -> None:
        self._fetches.ask(_SNAPSHOT, self._next_snapshot, after_s=self._pace.delay_s())

    async def _next_snapshot(self) -> Sequence[Event]:
        await self._pace.turn()
        return await self._snapshot()


async def _no_events() -> Sequence[Event]:
    return ()
