"""Folds that keep the latest event of a symbol: mark price, ticker, open interest."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Generic, TypeVar

from orderfox_nb.core.digest import digest_of
from orderfox_nb.core.events import Event, MarkPrice, OpenInterest, Ticker, is_restart
from orderfox_nb.core.instrument import Instrument
from orderfox_nb.errors import EventError

LatestT = TypeVar("LatestT", MarkPrice, Ticker, OpenInterest)


class Latest(Generic[LatestT]):
    """Fold of one kind of event, of which only the newest counts.

    Args:
        instrument: Instrument of the events.
        kind: The event's class.
    """

    def __init__(self, instrument: Instrument, kind: type[LatestT]) -> None:
        self.instrument = instrument
        self.kind = kind
        self.version = 0
        self.last: LatestT | None = None
        self._older: LatestT | None = None

    def apply(self, event: Event) -> None:
        """Apply an event; one that is older than the last changes nothing, unless the venue restarted in between.

        Two in a row that came live and are older mean that the venue's clock has gone back: it is followed. Open
        interest is requested, one answer after the other, so that the first one says it.

        Raises:
            EventError: An event of another symbol.
        """
        if not isinstance(event, self.kind):
            if is_restart(event) and self.last is not None:
                self.last = self._older = None
                self.version += 1
            return
        if event.symbol != self.instrument.symbol:
            raise EventError(f"{self.kind.__name__} of {event.symbol} for {self.instrument.symbol}")
        if self.last is not None and event.time_us < self.last.time_us and not isinstance(event, OpenInterest):
            older, self._older = self._older, event if event.received_us else None
            if older is None or not event.received_us or event.time_us < older.time_us:
                return
        self.last, self._older = event, None
        self.version += 1

    def view(self) -> LatestT | None:
        """Return the newest event, None before the first."""
        return self.last

    def prelude(self) -> Sequence[Event]:
        return () if self.last is None else (self.last,)

    def digest(self) -> str:
        last = self.last
        if last is None:
            return digest_of(())
        if isinstance(last, MarkPrice):
            return digest_of((last.time_us, self.instrument.ticks(last.mark_price), last.next_funding_us))
        if isinstance(last, Ticker):
            return digest_of((last.time_us, self.instrument.ticks(last.last)))
        return digest_of((last.time_us, self.instrument.lots(last.open_interest)))
