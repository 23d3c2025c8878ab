"""The open streams of a feed, and notices to several of them at once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from typing import Final

from orderfox_nb.core.events import Topic
from orderfox_nb.feeds.inbox import Inbox
from orderfox_nb.feeds.venue.follower import StatusReporter
from orderfox_nb.feeds.venue.items import Item, Overflowed, Restarted

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

    def notify(self, topic: Topic, notice: Item) -> None:
        """Notify the readers of a topic, ahead of all waiting items."""
        for reporter, inbox in self._inboxes.items():
            if reporter.topic == topic:
                inbox.put_first(notice)

    def notify_symbol(self, symbol: str, notice: Item) -> None:
        """Notify the readers of a symbol's topics, ahead of all waiting items."""
        for reporter, inbox in self._inboxes.items():
            if reporter.topic.symbol == symbol:
                inbox.put_first(notice)

    def notify_all(self, notice: Item) -> None:
        """Notify every reader, in order with its events."""
        for inbox in self._inboxes.values():
            inbox.put(notice)

    def restarted(self, reason: str, *, by: StatusReporter | None = None) -> None:
        """Notify streams that may not detect it themselves that the venue restarted.

        Each stream gets the notice ahead of its waiting items and resets its own detection, so that it does not report
        the same restart twice.

        Args:
            reason: How it was noticed.
            by: The stream that detected it: the other streams of its symbol are notified; without one, all streams.
        """
        for reporter, inbox in self._inboxes.items():
            if by is None or (reporter is not by and reporter.topic.symbol == by.topic.symbol):
                inbox.put_first(Restarted(reason))

    def statistics(self) -> Mapping[str, int]:
        """Return the number of open streams, and the counts of all notices so far."""
        counts = self._past.copy()
        for reporter, inbox in self._inboxes.items():
            counts.update(_counts(reporter, inbox))
        return {"readers": len(self._inboxes), **{name: counts[name] for name in _COUNTED}}


_COUNTED: Final = ("gaps", "resyncs", "frozen_streams", "dropped")


def _counts(reporter: StatusReporter, inbox: Inbox[Item]) -> dict[str, int]:
    counts = (reporter.gaps, reporter.resyncs, reporter.frozen, inbox.dropped)
    return dict(zip(_COUNTED, counts, strict=True))
