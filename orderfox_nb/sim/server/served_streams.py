"""The open streams of a source, those of each symbol and those over the whole market."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Final, NamedTuple, TypeAlias

from orderfox_nb.core.timeframes import SECOND_US
from orderfox_nb.sim.served_market import ServedMarket
from orderfox_nb.sim.server.names import WHOLE_MARKET, ServedStream
from orderfox_nb.sim.server.source import Publish
from orderfox_nb.sim.server.symbol_streams import SymbolStreams

Whole: TypeAlias = dict[str, list[ServedStream]]
"""Open streams over the whole market by kind."""

STEP_US: Final = 50_000
"""Frames come on a grid of the source's time, so that they do not depend on how often the server wakes up."""


class StreamFamily(NamedTuple):
    """The streams of one protocol.

    Args:
        of_symbol: Makes the streams of one market.
        publish_arrays: Publishes, at a whole second, the streams that carry all symbols in one frame.
    """

    of_symbol: Callable[[ServedMarket, Whole], SymbolStreams]
    publish_arrays: Callable[[Sequence[SymbolStreams], Whole, int, int, Publish], None] | None = None


class ServedStreams:
    """Opens, closes and publishes the streams of a source.

    Args:
        markets: Every market of the source.
        family: The streams of the protocol.
        start_us: Time of the source at the start.
    """

    def __init__(self, markets: Iterable[ServedMarket], family: StreamFamily, *, start_us: int) -> None:
        self.whole: Whole = {}
        """Streams over the whole market by kind."""
        self.markets: Mapping[str, SymbolStreams] = {
            market.listing.symbol: family.of_symbol(market, self.whole) for market in markets
        }
        """The streams of each symbol."""
        self._publish_arrays = family.publish_arrays
        self.stepped_us = start_us - start_us % STEP_US
        """Time up to which everything is published."""
        self.offset_us = 0
        """Added to the event times of frames."""

    def open(self, name: ServedStream) -> None:
        """Publish a stream from now on; a symbol that is not listed has none."""
        if name.symbol == WHOLE_MARKET:
            self.whole.setdefault(name.kind, []).append(name)
        elif name.symbol in self.markets:
            self.markets[name.symbol].add(name)

    def close(self, name: ServedStream) -> None:
        """Stop publishing a stream."""
        if name.symbol == WHOLE_MARKET:
            self.whole[name.kind].remove(name)
            if not self.whole[name.kind]:
                del self.whole[name.kind]
        elif name.symbol in self.markets:
            self.markets[name.symbol].remove(name)

    def first_frame(self, name: ServedStream) -> bytes:
        """Return what a new subscriber of an open stream is sent before anything else, empty if nothing is."""
        streams = self.markets.get(name.symbol)
        event_ms = (self.stepped_us + self.offset_us) // 1000
        return streams.first_frame(name, event_ms) if streams is not None and not streams.halted else b""

    def step(self, publish: Publish, *, unwatched: bool) -> None:
        """Publish one step of the grid.

        Args:
            publish: Receives each frame.
            unwatched: Also advance the symbols without an open stream.
        """
        self.stepped_us += STEP_US
        for streams in self.markets.values():
            if unwatched or streams.watched:
                streams.step(self.stepped_us, publish, self.offset_us)
        if self._publish_arrays is not None and self.whole and self.stepped_us % SECOND_US == 0:
            now_ms = self.stepped_us // 1000
            self._publish_arrays(
                tuple(self.markets.values()), self.whole, now_ms, now_ms + self.offset_us // 1000, publish
            )
