"""One topic of another server as it is read: what its items mean for whoever folds the events."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from orderfox_nb.core.events import Event, Gap, Status, StreamState, Topic, Trade, is_restart
from orderfox_nb.errors import UnknownSymbol, VenueRefused
from orderfox_nb.feeds.remote_link import Dropped, Gone, Lost, RemoteItem, Serving


class RemoteReading:
    """Turns the items of one topic's inbox into its events.

    Trades join by id whatever was lost between: each comes once, and what is missing is told with its number. The
    other channels begin with a prelude after each loss, which is told as a gap.

    Args:
        now_us: The venue's time.
        resume: Asks for a fresh prelude.
    """

    def __init__(self, topic: Topic, *, now_us: Callable[[], int], resume: Callable[[], None]) -> None:
        self._topic = topic
        self._now_us = now_us
        self._resume = resume
        self._last_id = -1
        self._epoch: str | None = None
        """The run of the venue that is read: None before the first, empty where it has no name that is known."""

    def handle(self, item: RemoteItem) -> Iterator[Event]:
        """Take the next item and yield the events that follow from it.

        Raises:
            UnknownSymbol: The server does not know the symbol.
            VenueRefused: The server sends no more of the topic.
        """
        match item:
            case Gone(reason):
                symbol, venue = self._topic.symbol, self._topic.venue
                raise UnknownSymbol(symbol) if "not found" in reason else VenueRefused(venue, reason)
            case Lost(reason):
                yield self.status("down", reason)
                if self._topic.channel != "trades":
                    yield self._gap(reason)
            case Serving(epoch, prelude):
                yield from self._serve(epoch, prelude=prelude)
            case Dropped(lost):
                self._resume()
                if self._topic.channel != "trades":
                    yield self._gap("the reader did not keep up", lost=lost)
            case Trade():
                yield from self._join(item)
            case _:
                if is_restart(item):
                    self._last_id = -1
                    if not item.relisted:
                        # Its name comes with the server's next status, and is no news then.
                        self._epoch = ""
                yield item

    def status(self, state: StreamState, reason: str = "") -> Status:
        """Return a status of the topic, as of now."""
        return Status(symbol=self._topic.symbol, time_us=self._now_us(), state=state, reason=reason)

    def _serve(self, epoch: str, *, prelude: bool) -> Iterator[Event]:
        known, self._epoch = self._epoch, epoch
        if known is None or known == epoch or (not known and not prelude):
            return
        # After a run that has no name yet two outages may lie between: told once too often costs a fresh prelude.
        self._last_id = -1
        yield self._gap("the venue restarted while it was not heard", restart=True)
        if not prelude:
            self._resume()

    def _join(self, trade: Trade) -> Iterator[Event]:
        if trade.id <= self._last_id:
            return
        if self._last_id >= 0 and trade.id > self._last_id + 1:
            yield self._gap("trades were missed", lost=trade.id - self._last_id - 1)
        self._last_id = trade.id
        yield trade

    def _gap(self, reason: str, *, lost: int = -1, restart: bool = False) -> Gap:
        return Gap(symbol=self._topic.symbol, time_us=self._now_us(), reason=reason, lost=lost, restart=restart)
