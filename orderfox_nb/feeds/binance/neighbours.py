"""What the streams of a symbol prove about each other: a frozen one is silent while its neighbours tell of trades."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from orderfox_nb.core.events import Candle, Channel, Event, Ticker, Topic, Trade

TICK_S: Final = 0.5
"""How often debts are looked at. They are counted in looks: a process that stands still makes none."""

PATIENCE_LOOKS: Final[dict[Channel, int]] = {
    "trades": 2,  # what a kline shows was traded, the tape has within 100 ms
    "candles": 2,  # a kline follows a trade within 250 ms
    "ticker": 6,  # each second or two while there are trades
    "book": 10,  # a trade may be against an order that no book shows: only many of them prove anything
}
"""For how many looks a channel may owe what its neighbours have shown."""

RENEW_LOOKS: Final = 20


_JITTER_US: Final = 1_000_000
"""Streams of one moment arrive in any order: what came so shortly before a proof answers it."""


class _Stream:
    """When a stream has spoken by our clock, and whether it owes something."""

    def __init__(self) -> None:
        self.heard_us = 0
        self.owes = False
        self.looks = 0
        self.traded: float = -1.0
        """Of klines and tickers: the count or volume that grows with each trade."""


class Neighbours:
    """Keeps when every stream of a symbol has spoken, and which ones must because their neighbours show a trade.

    Times are those of receipt: the venue's clock may jump, and not all of its streams carry the same one.
    """

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
        streams = self._symbols.get(topic.symbol, {})
        stream = streams.get(topic)
        if stream is None:
            return
        before_us, stream.heard_us, stream.owes = stream.heard_us, event.received_us, False
        if len(streams) == 1:
            return
        match event:
            case Trade():
                self._prove(streams, topic, event.received_us)
            case Candle(trades=trades, open_us=open_us):
                self._grown(streams, topic, open_us + trades if trades else 0, before_us)
            case Ticker(volume=volume):
                self._grown(streams, topic, volume, before_us)
            case _:
                return

    def check_silence(self) -> Iterator[Topic]:
        """Yield every stream that has owed for too long; called each ``TICK_S``."""
        for streams in self._symbols.values():
            for topic, stream in streams.items():
                if stream.owes:
                    stream.looks += 1
                    patience = PATIENCE_LOOKS[topic.channel]
                    if stream.looks >= patience and (stream.looks - patience) % RENEW_LOOKS == 0:
                        yield topic

    def _grown(self, streams: dict[Topic, _Stream], topic: Topic, traded: float, before_us: int) -> None:
        """Take a sum that grows with each trade: there was one since the event before."""
        stream = streams[topic]
        before, stream.traded = stream.traded, traded
        if 0 <= before < traded and before_us:
            self._prove(streams, topic, before_us)

    @staticmethod
    def _prove(streams: dict[Topic, _Stream], by: Topic, received_us: int) -> None:
        for topic, stream in streams.items():
            # What has shown nothing yet may still be on its way to its first event.
            behind = 0 < stream.heard_us < received_us - _JITTER_US
            if behind and topic is not by and not stream.owes and topic.channel in PATIENCE_LOOKS:
                stream.owes, stream.looks = True, 0
