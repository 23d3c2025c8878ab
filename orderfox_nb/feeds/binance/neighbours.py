"""What the streams of a symbol prove about each other: a frozen one is silent while its neighbours tell of trades."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from orderfox_nb.core.events import BookDelta, Candle, Channel, Event, Ticker, Topic, Trade

TICK_S: Final = 0.5
"""How often debts are looked at. They are counted in looks: a process that stands still makes none."""

PATIENCE_LOOKS: Final[dict[Channel, int]] = {
    "trades": 3,  # what a kline shows was traded, the tape has within 100 ms
    "candles": 3,  # a kline follows a trade within 250 ms
    "book": 10,  # a trade may be against an order that no book shows: only many of them prove anything
}
"""For how many looks a channel may owe what its neighbours have shown."""

RENEW_LOOKS: Final = 20


class _Stream:
    """What one stream has shown, and what it owes."""

    def __init__(self) -> None:
        self.newest_us = 0
        self.owed_us = 0
        self.looks = 0
        self.traded: float = -1.0
        """Of klines and tickers: the count or volume that grows with each trade."""


class Neighbours:
    """Keeps the newest time of every stream of trades, bars and books, and the trades that its neighbours prove."""

    def __init__(self) -> None:
        self._symbols: dict[str, dict[Topic, _Stream]] = {}

    def open(self, topic: Topic) -> None:
        """Watch a stream."""
        self._symbols.setdefault(topic.symbol, {}).setdefault(topic, _Stream())

    def close(self, topic: Topic) -> None:
        """Watch it no longer."""
        streams = self._symbols.get(topic.symbol, {})
        streams.pop(topic, None)
        if not streams:
            self._symbols.pop(topic.symbol, None)

    def hear(self, topic: Topic, event: Event) -> None:
        """Take a live event of a stream."""
        streams = self._symbols[topic.symbol]
        stream = streams[topic]
        before_us, stream.newest_us = stream.newest_us, max(stream.newest_us, event.time_us)
        if stream.owed_us and event.time_us >= stream.owed_us:
            stream.owed_us = 0
        if len(streams) == 1:
            return
        match event:
            case Trade(time_us=time_us):
                self._prove(streams, topic, time_us)
            case Candle(trades=trades, open_us=open_us):
                grown = open_us + trades if trades else 0
                self._grown(streams, topic, stream, grown, before_us)
            case Ticker(volume=volume):
                self._grown(streams, topic, stream, volume, before_us)
            case BookDelta() | _:
                return

    def forget(self) -> None:
        """Times can no longer be compared: the venue's clock has jumped."""
        for streams in self._symbols.values():
            for topic in streams:
                streams[topic] = _Stream()

    def look(self) -> Iterator[Topic]:
        """Yield every stream that has owed for too long; called each ``TICK_S``."""
        for streams in self._symbols.values():
            for topic, stream in streams.items():
                if stream.owed_us:
                    stream.looks += 1
                    patience = PATIENCE_LOOKS[topic.channel]
                    if stream.looks >= patience and (stream.looks - patience) % RENEW_LOOKS == 0:
                        yield topic

    def _grown(
        self, streams: dict[Topic, _Stream], topic: Topic, stream: _Stream, traded: float, before_us: int
    ) -> None:
        """Take a sum that grows with each trade: between its two last events there was one."""
        before, stream.traded = stream.traded, traded
        if 0 <= before < traded and before_us:
            self._prove(streams, topic, before_us)

    @staticmethod
    def _prove(streams: dict[Topic, _Stream], by: Topic, time_us: int) -> None:
        for topic, stream in streams.items():
            # What has shown nothing yet may still be on its way to its first event.
            behind = 0 < stream.newest_us < time_us and topic.channel in PATIENCE_LOOKS
            if behind and topic is not by and not stream.owed_us:
                stream.owed_us, stream.looks = time_us, 0
