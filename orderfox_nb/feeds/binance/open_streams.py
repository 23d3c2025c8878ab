"""The open streams of a feed, and what is told to several of them at once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from typing import Final

from orderfox_nb.core.events import Topic
from orderfox_nb.feeds.binance.follower import StatusReporter
from orderfox_nb.feeds.binance.items import Item, Overflowed, Restarted
from orderfox_nb.feeds.inbox import Inbox

INBOX_BOUND: Final = 4_096


class OpenStreams:
    """The inbox of every open stream."""

    def __init__(self) -> None:
        self._inboxes: dict[StatusReporter, Inbox[Item]] = {}
        self._past: Counter[str] = Counter()

    @contextmanager
    def read(self, reporter: StatusReporter) -> Generator[Inbox[Item]]:
        """Give a stream its inbox for as long as it is open."""
        inbox: Inbox[Item] = Inbox(INBOX_BOUND, overflow=Overflowed)
        self._inboxes[reporter] = inbox
        try:
            yield inbox
        finally:
            del self._inboxes[reporter]
            self._past.update(_counts(reporter, inbox))

    def tell(self, topic: Topic, notice: Item) -> None:
        """Tell the readers of a topic something that they should know before all that waits."""
        for reporter, inbox in self._inboxes.items():
            if reporter.topic == topic:
                inbox.put_first(notice)

    def tell_symbol(self, symbol: str, notice: Item) -> None:
        """Tell the readers of a symbol's topics something that they should know before all that waits."""
        for reporter, inbox in self._inboxes.items():
            if reporter.topic.symbol == symbol:
                inbox.put_first(notice)

    def tell_all(self, notice: Item) -> None:
        """Tell every reader something, in order with its events."""
        for inbox in self._inboxes.values():
            inbox.put(notice)

    def restarted(self, reason: str, *, by: StatusReporter | None = None) -> None:
        """Tell that the venue restarted, to whoever may have no way to notice.

        Each is told before it reads on, and forgets what it would have noticed by: nobody notices the same twice.

        Args:
            reason: How it was noticed.
            by: The stream that has noticed it: the others of its symbol are told, all streams without one.
        """
        for reporter, inbox in self._inboxes.items():
            if by is None or (reporter is not by and reporter.topic.symbol == by.topic.symbol):
                inbox.put_first(Restarted(reason))

    def statistics(self) -> Mapping[str, int]:
        """Return how many there are, and what all of them were told so far."""
        told = self._past.copy()
        for reporter, inbox in self._inboxes.items():
            told.update(_counts(reporter, inbox))
        return {"readers": len(self._inboxes), **{name: told[name] for name in _COUNTED}}


_COUNTED: Final = ("gaps", "resyncs", "frozen_streams", "dropped")


def _counts(reporter: StatusReporter, inbox: Inbox[Item]) -> dict[str, int]:
    counts = (reporter.gaps, reporter.resyncs, reporter.frozen, inbox.dropped)
    return dict(zip(_COUNTED, counts, strict=True))
