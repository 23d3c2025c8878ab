"""The open streams of a feed, and what is told to several of them at once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from typing import Final

from orderfox_nb.core.events import Topic
from orderfox_nb.feeds.binance.follower import Teller
from orderfox_nb.feeds.binance.items import Item, Overflowed, Restarted
from orderfox_nb.feeds.inbox import Inbox

INBOX_BOUND: Final = 4_096


class OpenStreams:
    """The inbox of every open stream."""

    def __init__(self) -> None:
        self._inboxes: dict[Teller, Inbox[Item]] = {}
        self._past: Counter[str] = Counter()

    @contextmanager
    def read(self, teller: Teller) -> Generator[Inbox[Item]]:
        """Give a stream its inbox for as long as it is open."""
        inbox: Inbox[Item] = Inbox(INBOX_BOUND, overflow=Overflowed)
        self._inboxes[teller] = inbox
        try:
            yield inbox
        finally:
            del self._inboxes[teller]
            self._past.update(_counts(teller, inbox))

    def tell(self, topic: Topic, notice: Item) -> None:
        """Tell the readers of a topic something that they should know before all that waits."""
        for teller, inbox in self._inboxes.items():
            if teller.topic == topic:
                inbox.put_first(notice)

    def tell_symbol(self, symbol: str, notice: Item) -> None:
        """Tell the readers of a symbol's topics something that they should know before all that waits."""
        for teller, inbox in self._inboxes.items():
            if teller.topic.symbol == symbol:
                inbox.put_first(notice)

    def tell_all(self, notice: Item) -> None:
        """Tell every reader something, in order with its events."""
        for inbox in self._inboxes.values():
            inbox.put(notice)

    def restarted(self, reason: str, *, by: Teller | None = None) -> None:
        """Tell that the venue began anew, to whoever may have no way to notice.

        Each is told before it reads on, and forgets what it would have noticed by: nobody notices the same twice.

        Args:
            reason: How it was noticed.
            by: The stream that has noticed it: the others of its symbol are told, all streams without one.
        """
        for teller, inbox in self._inboxes.items():
            if by is None or (teller is not by and teller.topic.symbol == by.topic.symbol):
                inbox.put_first(Restarted(reason))

    def statistics(self) -> Mapping[str, int]:
        """Return how many there are, and what all of them were told so far."""
        told = self._past.copy()
        for teller, inbox in self._inboxes.items():
            told.update(_counts(teller, inbox))
        return {"readers": len(self._inboxes), **{name: told[name] for name in _COUNTED}}


_COUNTED: Final = ("gaps", "resyncs", "frozen_streams", "dropped")


def _counts(teller: Teller, inbox: Inbox[Item]) -> dict[str, int]:
    counts = (teller.gaps, teller.resyncs, teller.frozen, inbox.dropped)
    return dict(zip(_COUNTED, counts, strict=True))
