"""Reads one topic of another server and turns its items into events to fold."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from orderfox_nb.core.channels import channel_spec
from orderfox_nb.core.events import Event, Gap, Status, StreamState, Topic, Trade, is_restart
from orderfox_nb.core.trade_order import TradeOrder
from orderfox_nb.errors import UnknownSymbol, VenueRefused
from orderfox_nb.feeds.remote_link import Dropped, Gone, LinkLost, RemoteItem, Serving


class RemoteReading:
    """Turns the items of one topic's inbox into its events.

    Trades are joined by their sequence after any loss: each is yielded once, and a gap reports how many are missing.
    Where the sequence may have holes, a prelude that does not reach back to the trades before the loss is a gap. The
    other channels start with a prelude after each loss, which is reported as a gap.

    Args:
        now_us: The venue's time.
        resume: Asks for a fresh prelude.
        unbroken: Returns whether the sequence of the venue's trades has no holes.
    """

    def __init__(
        self, topic: Topic, *, now_us: Callable[[], int], resume: Callable[[], None], unbroken: Callable[[], bool]
    ) -> None:
        self._topic = topic
        self._joins = channel_spec(topic.channel).joins
        self._now_us = now_us
        self._resume = resume
        self._unbroken = unbroken
        self._order = TradeOrder()
        self._joined = False
        """Whether there was a trade since the venue last restarted."""
        self._rejoins = False
        """Whether the next trade is the first one after a loss."""
        self._epoch: str | None = None
        """The run of the venue that is read: None before the first, empty if it has no name that is known."""

    def handle(self, item: RemoteItem) -> Iterator[Event]:
        """Handle the next item and yield the events that follow from it.

        Raises:
            UnknownSymbol: The server does not know the symbol.
            VenueRefused: The server sends no more of the topic.
        """
        match item:
            case Gone(reason):
                symbol, venue = self._topic.symbol, self._topic.venue
                raise UnknownSymbol(symbol) if "not found" in reason else VenueRefused(venue, reason)
            case LinkLost(reason):
                yield self.status("down", reason)
                self._rejoins = self._joined
                if not self._joins:
                    yield self._gap(reason)
            case Serving(epoch, prelude):
                yield from self._serve(epoch, prelude=prelude)
            case Dropped(lost):
                self._resume()
                self._rejoins = self._joined
                if not self._joins:
                    yield self._gap("the reader did not keep up", lost=lost)
            case Trade():
                yield from self._join(item)
            case _:
                if is_restart(item):
                    self._forget()
                    if not item.relisted:
                        # The server's next status names the new run, which then needs no second report.
                        self._epoch = ""
                yield item

    def status(self, state: StreamState, reason: str = "") -> Status:
        """Return a status of the topic at the current time."""
        return Status(symbol=self._topic.symbol, time_us=self._now_us(), state=state, reason=reason)

    def _serve(self, epoch: str, *, prelude: bool) -> Iterator[Event]:
        known, self._epoch = self._epoch, epoch
        if known is None or known == epoch or (not known and not prelude):
            return
        # Two outages may lie between a run without a name and this one: an unneeded report costs only a fresh prelude.
        self._forget()
        yield self._gap("the venue restarted while it was not heard", restart=True)
        if not prelude:
            self._resume()

    def _forget(self) -> None:
        self._order.clear()
        self._joined = self._rejoins = False

    def _join(self, trade: Trade) -> Iterator[Event]:
        rejoins, self._rejoins, self._joined = self._rejoins, False, True
        last = self._order.last
        if not self._order.is_new(trade):
            return
        if self._unbroken():
            if 0 <= last < self._order.last - 1:
                yield self._gap("trades were missed", lost=self._order.last - last - 1)
        elif rejoins:
            yield self._gap("the newest trades do not reach back to those before the loss")
        yield trade

    def _gap(self, reason: str, *, lost: int = -1, restart: bool = False) -> Gap:
        return Gap(symbol=self._topic.symbol, time_us=self._now_us(), reason=reason, lost=lost, restart=restart)
