"""One stream as it is read: what is said of its silence and of its clock, and what its follower makes of the rest."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from orderfox_nb.core.events import Channel, Event, Status, is_restart
from orderfox_nb.feeds.binance.fetches import Fetches
from orderfox_nb.feeds.binance.follower import Follower, Teller
from orderfox_nb.feeds.binance.items import Fetched, Frozen, Item, Jumped, Restarted, Silent, Speaking
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
        teller: Teller,
        fetches: Fetches,
        follower: Follower,
        *,
        stream: str,
        sockets: StreamSockets,
        watch: Watch,
        open_streams: OpenStreams,
        recorded: bool,
    ) -> None:
        self._teller = teller
        self._fetches = fetches
        self._follower = follower
        self._stream = stream
        self._sockets = sockets
        self._watch = watch
        self._open_streams = open_streams
        self._quiet_s = None if recorded else _QUIET_S.get(teller.topic.channel)
        self._heard = False
        self._live = False
        """Whether the follower's last word was ``live``: only it knows when its prelude is over."""

    @property
    def holding(self) -> bool:
        """Whether only what is urgent should be read."""
        return self._follower.holding

    def start(self) -> None:
        """Begin; called once, before the first item."""
        self._follower.start()
        self._listen()

    def take(self, item: Item) -> Iterator[Event]:
        """Take the next item and yield the events that follow from it.

        Raises:
            OrderFoxError: The stream cannot go on.
        """
        match item:
            case Fetched(request=request) if request == _SILENCE:
                yield from self._silence()
            case Jumped(reason):
                yield self._teller.status("skewed", reason)
            case Frozen(reason):
                if self._sockets.live(self._stream):
                    self._teller.frozen += 1
                    yield from self._renewed(reason)
            case Silent(reason):
                yield self._teller.status("stale", reason)
            case Speaking():
                if self._live:
                    yield self._teller.status("live")
            case _:
                self._heard = True
                self._watch.hear(self._teller.topic, item)
                yield from self._followed(item)

    def _followed(self, item: Item) -> Iterator[Event]:
        for event in self._follower.take(item):
            # Who was told of it tells nobody.
            if is_restart(event) and not isinstance(item, Restarted):
                self._open_streams.restarted(event.reason, by=self._teller)
            if isinstance(event, Status) and event.state in {"live", "down", "connecting"}:
                self._live = event.state == "live"
            elif is_restart(event):
                self._live = False
            yield event

    def _listen(self) -> None:
        if self._quiet_s is not None:
            self._heard = False
            self._fetches.ask(_SILENCE, _no_events, after_s=self._quiet_s)

    def _silence(self) -> Iterator[Event]:
        if not self._heard and self._sockets.live(self._stream):
            yield from self._renewed(f"no message for {self._quiet_s:g} s, subscribing once more")
        self._listen()

    def _renewed(self, reason: str) -> Iterator[Event]:
        yield self._teller.status("stale", reason)
        self._sockets.renew(self._stream)


async def _no_events() -> Sequence[Event]:
    return ()
