"""The stream of one order book: diffs joined to a snapshot, and joined again after every hole."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from orderfox_nb.core.book_sync import BUFFERED_DELTAS, BookSync
from orderfox_nb.core.events import BookDelta, BookSnapshot, Event, Gap
from orderfox_nb.feeds.binance.fetches import Fetches, Request
from orderfox_nb.feeds.binance.follower import Teller
from orderfox_nb.feeds.binance.items import Doubted, Failed, Fetched, Item, Live, Lost, Malformed, Overflowed

_SNAPSHOT: Final = "snapshot"
_STALE_PAUSE_S: Final = 0.1
"""Before another snapshot is asked for, since the last one was older than the stream."""


class BookFollower:
    """Checks the chain of update ids on every diff at once."""

    def __init__(self, teller: Teller, fetches: Fetches, snapshot: Request) -> None:
        self._teller = teller
        self._fetches = fetches
        self._snapshot = snapshot
        self._sync = BookSync("futures")

    @property
    def holding(self) -> bool:
        return self._sync.buffered * 2 > BUFFERED_DELTAS and self._fetches.soon(_SNAPSHOT)

    def start(self) -> None:
        """Wait for the subscription: a snapshot from before it could not be joined."""

    def take(self, item: Item) -> Iterator[Event]:  # noqa: PLR0912  (one branch an item)
        match item:
            case BookDelta():
                answer = self._sync.delta(item)
                if answer is not None:
                    yield answer
                if isinstance(answer, Gap):
                    self._teller.gaps += 1
                    self._ask()
            case Live():
                self._sync.reset()
                self._ask()
            case Lost(reason):
                self._fetches.cancel(_SNAPSHOT)
                yield self._teller.status("down", reason)
                yield from self._desync(reason)
            case Overflowed(lost):
                yield from self._desync("the reader did not keep up", lost=lost)
                self._ask()
            case Doubted(reason):
                if self._sync.synced:
                    yield from self._desync(reason)
                    self._ask()
            case Malformed(reason):
                # Whether a diff was in it, the next diff's previous id tells.
                yield self._teller.status("live" if self._sync.synced else "connecting", reason)
            case Fetched(events=events):
                yield from self._join(events[0])
            case Failed(error=error, final=final):
                if final:
                    raise error
                yield self._teller.status("connecting", str(error))
            case _:
                return

    def _join(self, snapshot: Event) -> Iterator[Event]:
        assert isinstance(snapshot, BookSnapshot)
        events = self._sync.snapshot(snapshot)
        if events is None:
            self._ask(after_s=_STALE_PAUSE_S)
            return
        self._teller.resyncs += 1
        yield self._teller.status("live")
        yield from events

    def _desync(self, reason: str, *, lost: int = -1) -> Iterator[Event]:
        if self._sync.synced:
            yield self._teller.gap(reason, lost=lost)
        self._sync.reset()

    def _ask(self, *, after_s: float = 0.0) -> None:
        self._fetches.ask(_SNAPSHOT, self._snapshot, after_s=after_s)
