"""Reads one stream: reports silence and clock jumps, and passes everything else to its follower."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Final

import msgspec

from orderfox_nb.core.channels import channel_spec
from orderfox_nb.core.events import Event, Status, is_restart
from orderfox_nb.errors import SymbolRefused
from orderfox_nb.feeds.venue.dialect import Carrier
from orderfox_nb.feeds.venue.fetches import Fetches
from orderfox_nb.feeds.venue.follower import Follower, StatusReporter
from orderfox_nb.feeds.venue.items import (
    Failed,
    Fetched,
    Frozen,
    Inconsistent,
    Item,
    Jumped,
    Lost,
    MarketChange,
    Renewed,
    Restarted,
    Resumed,
    Silent,
    is_event,
)
from orderfox_nb.feeds.venue.markets import Markets
from orderfox_nb.feeds.venue.open_streams import OpenStreams
from orderfox_nb.feeds.venue.watch import WatchedStream

_SILENCE: Final = "silence"


class Reading:
    """Turns the items of one stream's inbox into its events.

    Args:
        stream: Its name at the venue, empty if it is requested over REST.
        sockets: Those that carry it.
        renew_s: After how long a silence it is subscribed to again; None: never.
        recorded: The venue is a recording, which has its pauses, and not every stream.
    """

    def __init__(
        self,
        reporter: StatusReporter,
        fetches: Fetches,
        follower: Follower,
        *,
        stream: str,
        sockets: Carrier,
        watched: WatchedStream,
        markets: Markets,
        open_streams: OpenStreams,
        renew_s: float | None,
        recorded: bool,
    ) -> None:
        self._reporter = reporter
        self._fetches = fetches
        self._follower = follower
        self._stream = stream
        self._sockets = sockets
        self._watched = watched
        self._markets = markets
        self._open_streams = open_streams
        self._quiet_s = None if recorded else renew_s
        self._heard = False
        self._silent = ""
        """Why the stream's data may be outdated, while nothing arrives on its whole socket."""
        self._live_pending = False
        """Whether the stream's own data is still to come since the socket was silent."""

    @property
    def holding(self) -> bool:
        """Whether only urgent items should be read."""
        return self._follower.holding

    def start(self) -> Status:
        """Begin; called once, before the first item. Returns the stream's first event."""
        status = self._reporter.status("connecting")
        self._follower.start()
        self._listen()
        return status

    def deliver(self, item: Item, sink: Callable[[Event], object]) -> bool:
        """Do what ``handle`` does and pass its events to a sink; False, and nothing is done, while ``holding``.

        Raises:
            OrderFoxError: The stream cannot continue.
            Exception: What the sink has raised.
        """
        # As nearly all are; a follower that is holding follows nothing.
        if is_event(item) and not (self._silent or self._live_pending) and self._follower.follows(item):
            self._heard = True
            self._watched.handle(item)
            sink(item)
            return True
        if self._follower.holding:
            return False
        for event in self.handle(item):
            sink(event)
        return True

    def handle(self, item: Item) -> Iterable[Event]:
        """Handle the next item: the events that follow from it must be read to the end.

        Raises:
            OrderFoxError: The stream cannot continue.
        """
        if not is_event(item):
            return self._noticed(item)
        self._heard = True
        self._watched.handle(item)
        if not (self._silent or self._live_pending) and self._follower.follows(item):
            return (item,)
        return self._followed(item)

    def _noticed(self, item: Item) -> Iterator[Event]:  # noqa: PLR0912  (one branch an item)
        match item:
            case Fetched(request=request) if request == _SILENCE:
                yield from self._silence()
            case Jumped(reason):
                yield self._reporter.status("skewed", reason)
            case MarketChange():
                yield from self._changed(item)
            case Renewed():
                yield from self._followed(item)
            case Frozen(reason):
                if not self._reporter.market.state and self._sockets.live(self._stream):
                    self._reporter.frozen += 1
                    yield from self._renewed(reason)
            case Silent(reason):
                self._silent = reason
                yield self._since(self._reporter.status("stale", reason), item.silent_us)
            case Resumed():
                self._silent = ""
                if self._reporter.prelude_over:
                    # A stream with a regular interval is live again once its own data arrives.
                    self._live_pending = self._quiet_s is not None
                    if not self._live_pending:
                        yield self._reporter.status("live")
            case _:
                silent_us = 0
                if isinstance(item, Lost):
                    silent_us = 0 if self._silent else item.silent_us
                    self._silent, self._live_pending = "", False
                    if item.refused:
                        self._markets.check_soon()
                if isinstance(item, Failed) and isinstance(item.error, SymbolRefused):
                    self._markets.check_soon()
                self._heard = self._heard or not isinstance(item, Fetched | Failed)
                for event in self._followed(item):
                    yield self._since(event, silent_us) if isinstance(event, Status) else event

    def _changed(self, market: MarketChange) -> Iterator[Event]:
        """The symbol stopped trading or resumed it."""
        before, self._reporter.market = self._reporter.market.state, market
        if market.state == "halted":
            yield self._reporter.status("stale")
            return
        if before == "halted" and channel_spec(self._reporter.topic.channel).snapshot is not None:
            # The state may have been cleared while trading was halted: only a snapshot shows this.
            yield from self._follower.handle(Inconsistent("the symbol is traded again"))
        if self._reporter.prelude_over:
            yield self._reporter.status("live")

    def _followed(self, item: Item) -> Iterator[Event]:
        for event in self._follower.handle(item):
            if self._silent and isinstance(event, Status) and event.state == "live":
                # An answer from REST, or to a command, is not data of the stream.
                yield self._reporter.status("stale", self._silent)
                continue
            # A stream that was notified of a restart does not forward the notice.
            if is_restart(event) and not isinstance(item, Restarted):
                self._open_streams.restarted(event.reason, by=self._reporter)
            yield event
        if self._live_pending and getattr(item, "received_us", 0):
            self._live_pending = False
            yield self._reporter.status("live")

    def _since(self, status: Status, silent_us: int) -> Status:
        """Return a status as of the start of a silence: of rare events no other shows when they were last complete."""
        if not silent_us or not channel_spec(self._reporter.topic.channel).sparse or status.state == "live":
            return status
        return msgspec.structs.replace(status, time_us=status.time_us - silent_us)

    def _listen(self) -> None:
        if self._quiet_s is not None:
            self._heard = False
            self._fetches.ask(_SILENCE, _no_events, after_s=self._quiet_s)

    def _silence(self) -> Iterator[Event]:
        if not self._heard and not self._reporter.market.state and self._sockets.live(self._stream):
            yield from self._renewed(f"no message for {self._quiet_s:g} s, subscribing once more")
        self._listen()

    def _renewed(self, reason: str) -> Iterator[Event]:
        self._markets.check_soon()
        yield self._reporter.status("stale", reason)
        self._sockets.renew(self._stream)


async def _no_events() -> Sequence[Event]:
    return ()
