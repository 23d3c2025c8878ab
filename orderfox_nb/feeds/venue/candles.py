"""The stream of one symbol's bars: past ones from REST, then the venue's klines, holes filled from REST."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, Sequence
from typing import Final

from orderfox_nb.core.events import Candle, Event
from orderfox_nb.core.restart import proves_restart
from orderfox_nb.core.timeframes import next_bar_us
from orderfox_nb.feeds.venue.fetches import Fetches
from orderfox_nb.feeds.venue.follower import StatusReporter
from orderfox_nb.feeds.venue.items import Failed, Fetched, Item, Live, Lost, Malformed, Overflowed, Restarted

_PAST: Final = "past bars"
_RETRY_S: Final = 1.0


class CandlesFollower:
    """Yields bars so that each is complete in the end, even if klines were missed.

    A bar of the stream that has fewer trades than it had a while ago, or a bar that was over and is another one in two
    answers of REST, is that of a venue that restarted (``core/restart.py``): all bars are then asked for again.

    Args:
        since: Asks for bars that open at or after a time; for the newest 1,500 with ``None``.
    """

    def __init__(
        self, reporter: StatusReporter, fetches: Fetches, since: Callable[[int | None], Awaitable[Sequence[Event]]]
    ) -> None:
        self._reporter = reporter
        self._fetches = fetches
        self._since = since
        self._newest: Candle | None = None
        self._closed: Candle | None = None
        """The newest closed bar: later requests return it unchanged."""
        self._heard: Candle | None = None
        """The kline with the most trades for the newest bar that the stream itself has delivered."""
        self._heard_us = 0
        self._contradicted = False
        """Whether the last answer had a different bar in place of a closed one."""
        self._opened = False
        self._connected = False
        self._waiting: dict[int, Candle] = {}

    @property
    def holding(self) -> bool:
        return False

    def start(self) -> None:
        """Wait for the subscription, so that nothing lies between the past and the live bars."""

    def follows(self, event: Event) -> bool:  # noqa: ARG002 - there is more to say about each
        return False

    def handle(self, item: Item) -> Iterator[Event]:
        match item:
            case Candle():
                yield from self._live(item)
            case Live():
                self._connected = True
                self._ask()
            case Overflowed(lost):
                if self._opened:
                    yield self._reporter.status("gap", "the reader did not keep up", lost=lost)
                self._ask()
            case Lost(reason):
                self._connected = False
                yield self._reporter.status("down", reason)
            case Malformed(reason):
                yield self._reporter.status("gap" if self._opened else "connecting", reason)
                if self._opened:
                    self._ask()
            case Restarted(reason):
                yield from self._forget(reason)
            case Fetched(events=events):
                yield from self._join(events)
            case Failed(error=error, final=final):
                if final:
                    raise error
                yield self._reporter.status("connecting", str(error))
            case _:
                return

    def _live(self, candle: Candle) -> Iterator[Event]:
        if self._went_back(candle):
            yield from self._forget("a bar has fewer trades than before: the venue restarted")
        self._remember(candle)
        if not self._opened or self._fetches.pending(_PAST):
            self._wait(candle)
        elif self._follows_hole(candle):
            self._wait(candle)
            yield self._reporter.status("gap", "the end of a bar was missed, asked for")
            self._ask()
        elif not self._late(candle):
            yield from self._emit(candle)

    def _went_back(self, candle: Candle) -> bool:
        # Bars from REST do not count: they may have been ahead of the stream.
        heard = self._heard
        return (
            heard is not None
            and candle.open_us == heard.open_us
            and candle.trades < heard.trades
            and proves_restart(candle.time_us, self._heard_us)
        )

    def _remember(self, candle: Candle) -> None:
        heard = self._heard
        if heard is None or (candle.open_us, candle.trades) > (heard.open_us, heard.trades):
            self._heard = candle
        self._heard_us = max(self._heard_us, candle.time_us)

    def _forget(self, reason: str) -> Iterator[Event]:
        self._newest = self._closed = self._heard = None
        self._heard_us = 0
        self._contradicted = False
        self._waiting.clear()
        if self._opened:
            yield self._reporter.restart(reason)
            self._fetches.cancel(_PAST)
            if self._connected:
                self._ask()

    def _follows_hole(self, candle: Candle) -> bool:
        newest = self._newest
        if newest is None or candle.open_us <= newest.open_us:
            return False
        return not newest.closed or candle.open_us > next_bar_us(newest.open_us, newest.interval)

    def _late(self, candle: Candle) -> bool:
        """Return whether a newer state of the bar is known already; of a past bar, only the closed state counts."""
        newest = self._newest
        if newest is None or candle.open_us > newest.open_us:
            return False
        if candle.open_us < newest.open_us:
            return not candle.closed
        return (*_progress(candle), candle.closed) < (*_progress(newest), newest.closed)

    def _wait(self, candle: Candle) -> None:
        held = self._waiting.get(candle.open_us)
        if held is None or (*_progress(candle), candle.closed) >= (*_progress(held), held.closed):
            self._waiting[candle.open_us] = candle

    def _join(self, events: Sequence[Event]) -> Iterator[Event]:
        bars = [event for event in events if isinstance(event, Candle)]
        newest, closed = self._newest, self._closed
        if newest is not None and bars and bars[0].open_us > next_bar_us(newest.open_us, newest.interval):
            yield self._reporter.gap("more bars were missed than the venue sends at once")
        another = closed is not None and any(_is_another(bar, closed) for bar in bars)
        if another and self._contradicted:
            yield from self._forget("a bar that was over is another one now: the venue restarted")
            return
        self._contradicted = another
        if another:
            # Bars that are dropped may not be available again, and the answer may be wrong.
            self._ask(after_s=_RETRY_S)
            return
        self._opened = True
        for bar in bars:
            # As much was traded: nothing to correct.
            known = closed is not None and bar.open_us == closed.open_us and _progress(bar) == _progress(closed)
            if not known and not self._late(bar):
                yield from self._emit(bar)
        waiting, self._waiting = self._waiting, {}
        for open_us in sorted(waiting):
            candle = waiting[open_us]
            if self._waiting or self._follows_hole(candle):
                self._wait(candle)
            elif not self._late(candle):
                yield from self._emit(candle)
        if self._waiting:
            yield self._reporter.status("gap", "the end of a bar was missed while others were asked for")
            self._ask(after_s=_RETRY_S)
        elif self._connected:
            yield self._reporter.status("live")

    def _emit(self, candle: Candle) -> Iterator[Event]:
        if self._newest is None or candle.open_us >= self._newest.open_us:
            self._newest = candle
        if candle.closed and (self._closed is None or candle.open_us >= self._closed.open_us):
            self._closed = candle
        yield candle

    def _ask(self, *, after_s: float = 0.0) -> None:
        first = self._closed or self._newest
        self._fetches.ask(_PAST, lambda: self._since(None if first is None else first.open_us), after_s=after_s)


def _is_another(bar: Candle, closed: Candle) -> bool:
    """Return whether a closed bar was replaced: late trades add to a bar but do not change its open price.

    Valid only if the answer has a later bar: its newest bar may lag behind the stream.
    """
    if bar.open_us != closed.open_us or not bar.closed or not closed.trades:
        return False
    return bar.trades < closed.trades or bar.open != closed.open


def _progress(bar: Candle) -> tuple[int, float]:
    """Return what grows with each trade of a bar: their number, or the volume where a venue does not count them."""
    return (bar.trades, 0.0) if bar.trades else (0, bar.volume)
