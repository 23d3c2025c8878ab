"""Compares the streams of a symbol: a frozen stream is silent while its neighbours show trades."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from orderfox_nb.core.channels import channel_spec
from orderfox_nb.core.events import Candle, Channel, Event, Ticker, Topic, Trade

TICK_S: Final = 0.5
"""Interval of the checks for overdue streams. They are counted in checks: a paused process makes none."""

RENEW_CHECKS: Final = 20


_JITTER_US: Final = 1_000_000
"""Streams of one moment arrive in any order: what came so shortly before a proof answers it."""


class NeighbourStream:
    """When a stream last sent an event by our clock, and whether one is overdue.

    Args:
        topic: What it carries.
        allowed: For how many checks it may be overdue.
        symbol: All streams of its symbol, itself among them once it is open.
    """

    def __init__(self, topic: Topic, allowed: int, symbol: list[NeighbourStream]) -> None:
        self.topic = topic
        self.allowed = allowed
        self.overdue = False
        self.checks = 0
        self._symbol = symbol
        self._received_us = 0
        self._traded: float = -1.0
        """The count or volume of klines and tickers that grows with each trade."""

    def handle(self, event: Event) -> None:
        """Handle a live event of the stream."""
        before_us, self._received_us, self.overdue = self._received_us, event.received_us, False
        if len(self._symbol) == 1:
            return
        if type(event) is Trade:
            self._prove(event.received_us)
        elif type(event) is Candle:
            self._grown(event.open_us + event.trades if event.trades else 0, before_us)
        elif type(event) is Ticker:
            self._grown(event.volume, before_us)

    def _grown(self, traded: float, before_us: int) -> None:
        """Handle a sum that grows with each trade: growth proves a trade since the previous event."""
        before, self._traded = self._traded, traded
        if 0 <= before < traded and before_us:
            self._prove(before_us)

    def _prove(self, received_us: int) -> None:
        due_us = received_us - _JITTER_US
        for stream in self._symbol:
            # A stream without any event yet may still be starting.
            if 0 < stream._received_us < due_us and stream is not self and not stream.overdue and stream.allowed:
                stream.overdue, stream.checks = True, 0


class Neighbours:
    """Tracks when each stream of a symbol last sent an event, and which must because their neighbours show a trade.

    Times are those of receipt: the venue's clock may jump, and not all of its streams carry the same one.

    Args:
        checks: For how many checks a stream of a channel may be overdue, where that differs from the default.
    """

    def __init__(self, checks: Mapping[Channel, int]) -> None:
        self._allowed = checks
        self._symbols: dict[str, list[NeighbourStream]] = {}

    def open(self, topic: Topic) -> NeighbourStream:
        """Watch a stream: what is returned handles its events."""
        usual = channel_spec(topic.channel).neighbour_checks or 0
        streams = self._symbols.setdefault(topic.symbol, [])
        stream = NeighbourStream(topic, self._allowed.get(topic.channel, usual), streams)
        streams.append(stream)
        return stream

    def close(self, stream: NeighbourStream) -> None:
        """Stop watching a stream."""
        streams = self._symbols[stream.topic.symbol]
        streams.remove(stream)
        if not streams:
            del self._symbols[stream.topic.symbol]

    def check_silence(self) -> Iterator[Topic]:
        """Yield every stream that has been overdue for too long; called each ``TICK_S``."""
        for streams in self._symbols.values():
            for stream in streams:
                if stream.overdue:
                    stream.checks += 1
                    if stream.checks >= stream.allowed and (stream.checks - stream.allowed) % RENEW_CHECKS == 0:
                        yield stream.topic
