"""The streams of which only the newest event counts: mark price, ticker, open interest."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from orderfox_nb.core.events import Event, MarkPrice, OpenInterest, Ticker
from orderfox_nb.errors import UnknownSymbol
from orderfox_nb.feeds.venue.fetches import Fetches, Request
from orderfox_nb.feeds.venue.follower import StatusReporter
from orderfox_nb.feeds.venue.items import Failed, Fetched, Item, Live, Lost, Malformed, Restarted

_NOW: Final = "present value"
POLL_S: Final = 10.0


class LatestFollower:
    """Yields the present value from REST once, then what the stream says.

    Args:
        now: Asks for the present value.
        poll_s: Ask again so often instead of waiting for a stream; 0 if there is a stream.
    """

    def __init__(self, reporter: StatusReporter, fetches: Fetches, now: Request, *, poll_s: float = 0.0) -> None:
        self._reporter = reporter
        self._fetches = fetches
        self._now = now
        self._poll_s = poll_s
        self._newest_us = 0
        self._live = False
        self._live_pending = True
        """Whether ``live`` is still to be reported: not before the present value."""

    @property
    def holding(self) -> bool:
        return False

    def start(self) -> None:
        if self._poll_s:
            self._fetches.ask(_NOW, self._now)

    def follows(self, event: Event) -> bool:  # noqa: ARG002 - there is more to say about each
        return False

    def handle(self, item: Item) -> Iterator[Event]:  # noqa: PLR0912  (one branch an item)
        match item:
            case MarkPrice() | Ticker() | OpenInterest():
                yield from self._emit(item)
                yield from self._whole()
            case Live():
                self._live = self._live_pending = True
                if self._newest_us:
                    yield from self._whole()
                else:
                    self._fetches.ask(_NOW, self._now, attempts=3)
            case Lost(reason):
                self._live = False
                yield self._reporter.status("down", reason)
            case Malformed(reason):
                yield self._reporter.status("gap" if self._live else "connecting", reason)
            case Restarted(reason):
                self._newest_us = 0
                if self._live:
                    self._live_pending = True
                    yield self._reporter.restart(reason)
                    self._fetches.ask(_NOW, self._now, attempts=None if self._poll_s else 3)
            case Fetched(events=events):
                for event in events:
                    yield from self._emit(event)
                if self._poll_s:
                    self._live = True
                    self._fetches.ask(_NOW, self._now, after_s=self._poll_s)
                yield from self._whole()
            case Failed(error=error, final=final):
                if isinstance(error, UnknownSymbol) or (final and self._poll_s):
                    raise error
                if self._poll_s and self._live:
                    self._live, self._live_pending = False, True
                    yield self._reporter.status("down", str(error))
                elif final:
                    # The venue does not say what it is now; the stream will.
                    yield from self._whole()
            case _:
                return

    def _whole(self) -> Iterator[Event]:
        if self._live and self._live_pending:
            self._live_pending = False
            yield self._reporter.status("live")

    def _emit(self, event: Event) -> Iterator[Event]:
        if event.time_us >= self._newest_us or event.received_us or self._poll_s:
            self._newest_us = event.time_us
            yield event
