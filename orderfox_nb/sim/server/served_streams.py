"""The open streams of a source, those of each symbol and those over the whole market."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from orderfox_nb.core.timeframes import SECOND_US
from orderfox_nb.sim.served_market import ServedMarket
from orderfox_nb.sim.server import frames
from orderfox_nb.sim.server.market_streams import CLOCK_KINDS, MarketStreams
from orderfox_nb.sim.server.names import WHOLE_MARKET, ServedStream
from orderfox_nb.sim.server.source import Publish

STEP_US: Final = 50_000
"""Frames come on a grid of the source's time, so that they do not depend on how often the server wakes up."""


class ServedStreams:
    """Opens, closes and publishes the streams of a source.

    Args:
        markets: Every market of the source.
        start_us: Time of the source at the start.
    """

    def __init__(self, markets: Iterable[ServedMarket], *, start_us: int) -> None:
        self.whole: dict[str, list[ServedStream]] = {}
        """Streams over the whole market by kind."""
        self.markets = {market.listing.symbol: MarketStreams(market, self.whole) for market in markets}
        """The streams of each symbol."""
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
        if self.whole and self.stepped_us % SECOND_US == 0:
            self._publish_arrays(publish, self.stepped_us // 1000)

    def _publish_arrays(self, publish: Publish, now_ms: int) -> None:
        """Publish the ``@arr`` streams that are due at a whole second."""
        markets = tuple(self.markets.values())
        for kind in CLOCK_KINDS:
            due = [name for name in self.whole.get(kind, ()) if now_ms % name.every_ms == 0]
            event_ms = now_ms + self.offset_us // 1000
            rows = [row for one in markets if (row := one.slow_payload(kind, event_ms))] if due else []
            if rows:
                payload = frames.array([*rows, frames.coin_margined(rows[0], markets[0].symbol)])
                for name in due:
                    publish(name, payload)
