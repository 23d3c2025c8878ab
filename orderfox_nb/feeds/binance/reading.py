"""One stream as it is read: what is said of its silence and of its clock, and what its follower makes of the rest."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from orderfox_nb.core.events import Channel, Event, Status, is_restart
from orderfox_nb.errors import VenueRefused
from orderfox_nb.feeds.binance.fetches import INVALID_SYMBOL, SYMBOL_CLOSED, Fetches
from orderfox_nb.feeds.binance.follower import Follower, StatusReporter
from orderfox_nb.feeds.binance.items import (
    Doubted,
    Failed,
    Fetched,
    Frozen,
    Item,
    Jumped,
    Lost,
    Market,
    Restarted,
    Silent,
    Speaking,
)
from orderfox_nb.feeds.binance.markets import Markets
from orderfox_nb.feeds.binance.open_streams import OpenStreams
from orderfox_nb.feeds.binance.sockets import StreamSockets
from orderfox_nb.feeds.binance.watch import Watch

_SILENCE: Final = "silence"
_QUIET_S: Final[dict[Channel, float]] = {"book": 15.0, "mark": 3.0, "ticker": 60.0}
"""Channels that are never silent for so long: a stream that is was forgotten by the venue."""


class Reading:
    """Turns the items of one stream's inbox into its events.

    Args:
        stream: Its name at the venue, empty where it is asked for over REST.
        sockets: Those that carry it.
        recorded: The venue is a recording, which has its pauses, and not every stream.
    """

    def __init__(
        self,
        reporter: StatusReporter,
        fetches: Fetches,
        follower: Follower,
        *,
        stream: str,
        sockets: StreamSockets,
        watch: Watch,
        markets: Markets,
        open_streams: OpenStreams,
        recorded: bool,
    ) -> None:
        self._reporter = reporter
        self._fetches = fetches
        self._follower = follower
        self._stream = stream
        self._sockets = sockets
        self._watch = watch
        self._markets = markets
        self._open_streams = open_streams
        self._quiet_s = None if recorded else _QUIET_S.get(reporter.topic.channel)
        self._heard = False
        self._silent = ""
        """Why nothing of the stream can be trusted to be of now, while nothing comes on its whole socket."""
        self._owes_live = False
        """Whether the stream's own data is still to come since the socket was silent."""

    @property
    def holding(self) -> bool:
        """Whether only what is urgent should be read."""
        return self._follower.holding

    def start(self) -> None:
        """Begin; called once, before the first item."""
        self._follower.start()
        self._listen()

    def handle(self, item: Item) -> Iterator[Event]:
        """Handle the next item and yield the events that follow from it.

        Raises:
            OrderFoxError: The stream cannot go on.
        """
        match item:
            case Fetched(request=request) if request == _SILENCE:
                yield from self._silence()
            case Jumped(reason):
                yield self._reporter.status("skewed", reason)
            case Market():
                yield from self._changed(item)
            case Frozen(reason):
                if not self._reporter.market.state and self._sockets.live(self._stream):
                    self._reporter.frozen += 1
                    yield from self._renewed(reason)
            case Silent(reason):
                self._silent = reason
                yield self._reporter.status("stale", reason)
            case Speaking():
                self._silent = ""
                if self._reporter.prelude_over:
                    # What has a rhythm of its own says so itself.
                    self._owes_live = self._quiet_s is not None
                    if not self._owes_live:
                        yield self._reporter.status("live")
            case _:
                if isinstance(item, Lost):
                    self._silent, self._owes_live = "", False
                if isinstance(item, Failed) and isinstance(item.error, VenueRefused):
                    self._refused(item.error)
                self._heard = self._heard or not isinstance(item, Fetched | Failed)
                self._watch.hear(self._reporter.topic, item)
                yield from self._followed(item)

    def _changed(self, market: Market) -> Iterator[Event]:
        """The symbol is traded no longer, or again."""
        before, self._reporter.market = self._reporter.market.state, market
        if market.state == "halted":
            yield self._reporter.status("stale")
            return
        if before == "halted" and self._reporter.topic.channel == "book":
            # It may have been emptied while nobody traded: only a snapshot tells.
            yield from self._follower.handle(Doubted("the symbol is traded again"))
        if self._reporter.prelude_over:
            yield self._reporter.status("live")

    def _followed(self, item: Item) -> Iterator[Event]:
        for event in self._follower.handle(item):
            if self._silent and isinstance(event, Status) and event.state == "live":
                # An answer of REST, or to a command, is no data of the stream.
                yield self._reporter.status("stale", self._silent)
                continue
            # Who was told of it tells nobody.
            if is_restart(event) and not isinstance(item, Restarted):
                self._open_streams.restarted(event.reason, by=self._reporter)
            yield event
        if self._owes_live and getattr(item, "received_us", 0):
            self._owes_live = False
            yield self._reporter.status("live")

    def _refused(self, error: VenueRefused) -> None:
        if error.code in (SYMBOL_CLOSED, INVALID_SYMBOL):
            self._markets.doubt()

    def _listen(self) -> None:
        if self._quiet_s is not None:
            self._heard = False
            self._fetches.ask(_SILENCE, _no_events, after_s=self._quiet_s)

    def _silence(self) -> Iterator[Event]:
        if not self._heard and not self._reporter.market.state and self._sockets.live(self._stream):
            yield from self._renewed(f"no message for {self._quiet_s:g} s, subscribing once more")
        self._listen()

    def _renewed(self, reason: str) -> Iterator[Event]:
        self._markets.doubt()
        yield self._reporter.status("stale", reason)
        self._sockets.renew(self._stream)


async def _no_events() -> Sequence[Event]:
    return ()
