"""One topic of an import: what is written of it, with every loss in band, by the rules that live data has."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, Protocol

import msgspec

from orderfox_nb.core.book import Book
from orderfox_nb.core.book_sync import BookSync
from orderfox_nb.core.events import BookDelta, BookSnapshot, Candle, Event, Gap, Liquidation, Status, Topic, Trade
from orderfox_nb.core.restart import proves_restart
from orderfox_nb.core.timeframes import next_bar_us
from orderfox_nb.feeds.venue.seen_orders import SeenOrders

_UNPROVEN: Final = "waits for a depth body that joins the updates"


class TopicReporter:
    """Makes the events that report the state of one topic.

    Args:
        topic: The topic.
        sampled: Why the data is not known to be complete; empty if it is.
    """

    def __init__(self, topic: Topic, sampled: str = "") -> None:
        self.topic = topic
        self.sampled = sampled
        self.gaps = 0

    def status(self, state: str, time_us: int, reason: str = "") -> Status:
        """Report a state of the stream."""
        return msgspec.structs.replace(
            Status(symbol=self.topic.symbol, time_us=time_us, state="live", reason=reason or self.sampled),
            state=state,
            coverage="sampled" if self.sampled else "complete",
        )

    def gap(self, time_us: int, reason: str, *, lost: int = -1) -> Gap:
        """Report a loss."""
        self.gaps += 1
        return Gap(symbol=self.topic.symbol, time_us=time_us, reason=reason, lost=lost)


class Track(Protocol):
    """Writes the items of one topic."""

    def event(self, event: Event, stamp_us: int) -> Iterator[Event]:
        """Yield what is written for an event."""
        ...

    def lost(self, reason: str, stamp_us: int, *, line: bool) -> Iterator[Event]:
        """Yield what is written for a loss.

        Args:
            reason: What was lost.
            stamp_us: When.
            line: One line of a file, which may have been of this topic; otherwise everything between two moments.
        """
        ...


class BookTrack:
    """Joins the updates to the bodies; live once an update has followed a body, and no more after a hole.

    Args:
        reporter: Reporter of the topic.
        numbered: Whether update ids show a loss.
    """

    def __init__(self, reporter: TopicReporter, *, numbered: bool) -> None:
        self._reporter = reporter
        self._numbered = numbered
        self._sync = BookSync()
        self._live = False
        self.refused = 0
        """Bodies that were older than the known updates."""

    def event(self, event: Event, stamp_us: int) -> Iterator[Event]:
        if isinstance(event, BookSnapshot):
            events = self._sync.snapshot(event)
            if events is None:
                self.refused += 1
                return
            yield from events
            if len(events) > 1 or not self._numbered:
                yield from self._joined(stamp_us)
        elif isinstance(event, BookDelta):
            answer = event if self._sync.follows(event) else self._sync.delta(event)
            if answer is not None:
                yield answer
            if isinstance(answer, BookDelta):
                yield from self._joined(stamp_us)
            elif answer is not None:
                yield from self._waits(stamp_us)

    def lost(self, reason: str, stamp_us: int, *, line: bool) -> Iterator[Event]:
        if line and self._numbered:
            # The next update's ids show whether the line was one.
            return
        if self._sync.synced:
            yield self._reporter.gap(stamp_us, reason)
            yield from self._waits(stamp_us)
        self._sync.reset()

    def check(self, book: Book, stamp_us: int) -> Iterator[Event]:
        """Yield what is written of a book that contradicts itself."""
        if not self._sync.synced:
            return
        if book.synced and not (book.may_be_crossed and book.crossed):
            return
        reason = "the book is crossed" if book.synced else "the book cannot be read"
        yield self._reporter.gap(stamp_us, reason)
        yield from self._waits(stamp_us)
        self._sync.reset()

    def _joined(self, stamp_us: int) -> Iterator[Event]:
        if not self._live:
            self._live = True
            yield self._reporter.status("live", stamp_us)

    def _waits(self, stamp_us: int) -> Iterator[Event]:
        # A snapshot alone ends a gap while the connection counts as live; here it must be joined first.
        self._live = False
        yield self._reporter.status("connecting", stamp_us, _UNPROVEN)


class TradesTrack:
    """Every trade once, in the order of their ids where these are known to be without holes.

    Args:
        reporter: Reporter of the topic.
        contiguous: Whether a hole in the ids is a loss.
    """

    def __init__(self, reporter: TopicReporter, *, contiguous: bool) -> None:
        self._reporter = reporter
        self._contiguous = contiguous
        self._last = -1
        self._newest_us = 0
        self._live = False
        self.repeated = 0
        """Trades that were there already."""

    def event(self, event: Event, stamp_us: int) -> Iterator[Event]:
        assert isinstance(event, Trade)
        if self._is_known(event):
            self.repeated += 1
            return
        yield from self.passed(event, stamp_us)
        yield event
        if not self._live:
            self._live = True
            yield self._reporter.status("live", stamp_us)

    def passed(self, trade: Trade, stamp_us: int) -> Iterator[Event]:
        """Yield the loss that the id of a trade shows; the trade itself may be one that is not written."""
        place = trade.sequence
        if place is None or self._is_known(trade):
            return
        if place <= self._last:
            self._live = False
            yield msgspec.structs.replace(
                self._reporter.gap(stamp_us, f"trade ids went back from {self._last} to {place}"), restart=True
            )
        elif self._contiguous and self._last >= 0 and (missing := place - self._last - 1) > 0:
            yield self._reporter.gap(stamp_us, f"{missing:,} trades are not in the file", lost=missing)
        self._last = place
        self._newest_us = max(self._newest_us, trade.time_us)

    def _is_known(self, trade: Trade) -> bool:
        place = trade.sequence
        return place is not None and place <= self._last and not proves_restart(trade.time_us, self._newest_us)

    def lost(self, reason: str, stamp_us: int, *, line: bool) -> Iterator[Event]:
        if not self._contiguous and self._live:
            yield self._reporter.gap(stamp_us, reason, lost=1 if line else -1)


class CandlesTrack:
    """Bars of one timeframe; one that is missing is a gap.

    Args:
        reporter: Reporter of the topic.
    """

    def __init__(self, reporter: TopicReporter) -> None:
        self._reporter = reporter
        self._newest: Candle | None = None

    def event(self, event: Event, stamp_us: int) -> Iterator[Event]:
        assert isinstance(event, Candle)
        newest = self._newest
        if newest is not None and event.open_us > newest.open_us:
            if event.open_us > next_bar_us(newest.open_us, newest.interval):
                yield self._reporter.gap(stamp_us, "bars are not in the file")
            elif not newest.closed:
                yield self._reporter.gap(stamp_us, "the end of a bar is not in the file")
        yield event
        if newest is None:
            yield self._reporter.status("live", stamp_us)
        if newest is None or event.open_us >= newest.open_us:
            self._newest = event

    def lost(self, reason: str, stamp_us: int, *, line: bool) -> Iterator[Event]:  # noqa: ARG002
        # Bars carry all of their minute: a missing one shows by itself.
        return iter(())


class LiquidationsTrack:
    """Orders, each once: a file may have one from two streams.

    Args:
        reporter: Reporter of the topic.
    """

    def __init__(self, reporter: TopicReporter) -> None:
        self._reporter = reporter
        self._seen = SeenOrders()
        self._live = False

    def event(self, event: Event, stamp_us: int) -> Iterator[Event]:
        assert isinstance(event, Liquidation)
        if not self._seen.streamed(event):
            return
        yield event
        if not self._live:
            self._live = True
            yield self._reporter.status("live", stamp_us)

    def lost(self, reason: str, stamp_us: int, *, line: bool) -> Iterator[Event]:
        if self._live:
            yield self._reporter.gap(stamp_us, reason, lost=1 if line else -1)


class LatestTrack:
    """Figures of which the newest counts: mark price, ticker, open interest.

    Args:
        reporter: Reporter of the topic.
    """

    def __init__(self, reporter: TopicReporter) -> None:
        self._reporter = reporter
        self._live = False

    def event(self, event: Event, stamp_us: int) -> Iterator[Event]:
        yield event
        if not self._live:
            self._live = True
            yield self._reporter.status("live", stamp_us)

    def lost(self, reason: str, stamp_us: int, *, line: bool) -> Iterator[Event]:
        # The next event replaces the lost one.
        if self._live and not line:
            yield self._reporter.gap(stamp_us, reason)
