"""The embedded exchange as what a server serves."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from orderfox_nb.core.timeframes import SECOND_US
from orderfox_nb.sim.exchange import Exchange
from orderfox_nb.sim.listings import Listing
from orderfox_nb.sim.server.names import StreamName
from orderfox_nb.sim.server.source import Levels, Publish
from orderfox_nb.sim.server.streams import ID_STEP, LiveMarket, MarketStreams, is_whole, publish_arrays

STEP_US: Final = 50_000
"""Frames come on a grid of the simulated time, so that they do not depend on how often the server wakes up."""


class ExchangeSource:
    """Plays an exchange: symbols that somebody watches at every step, the others once a second."""

    paced_by_readers = False

    def __init__(self, exchange: Exchange) -> None:
        self._listings = tuple(exchange.listings)
        self._now_us = exchange.start_us
        self._stepped_us = exchange.start_us - exchange.start_us % STEP_US
        self._offset_us = 0
        self._whole: dict[str, list[StreamName]] = {}
        self._markets = {
            listing.symbol: MarketStreams(exchange.market(listing.symbol), self._whole) for listing in self._listings
        }
        self._publish: Publish = _nobody

    @property
    def listings(self) -> Sequence[Listing]:
        return self._listings

    def now_us(self) -> int:
        return self._now_us + self._offset_us

    def shift_events(self, offset_us: int) -> None:
        self._offset_us += offset_us

    def refine(self, symbol: str, factor: int) -> None:
        self._markets[symbol].refine(factor, self._now_us, self._publish, self._offset_us)

    def halt(self, symbol: str, *, halted: bool, closed: bool) -> None:
        self._markets[symbol].halted, self._markets[symbol].closed = halted, closed

    def market(self, symbol: str) -> LiveMarket:
        streams = self._markets[symbol]
        if not streams.watched:
            streams.step(self._stepped_us, self._publish, self._offset_us)
        return streams.market

    def depth(self, symbol: str, limit: int) -> tuple[int, Levels, Levels]:
        update_id, bids, asks = self.market(symbol).depth(limit)
        return update_id + ID_STEP, bids, asks

    def liquidations_from_us(self, symbol: str) -> int:
        return self._markets[symbol].market.listing.onboard_us

    def open_stream(self, name: StreamName) -> None:
        if is_whole(name):
            self._whole.setdefault(name.kind, []).append(name)
        elif name.symbol in self._markets:
            self.market(name.symbol)
            self._markets[name.symbol].add(name)

    def close_stream(self, name: StreamName) -> None:
        if is_whole(name):
            self._whole[name.kind].remove(name)
            if not self._whole[name.kind]:
                del self._whole[name.kind]
        elif name.symbol in self._markets:
            self._markets[name.symbol].remove(name)

    def play(self, elapsed_us: int, publish: Publish) -> Iterator[None]:
        # Kept for the markets that are brought up to date between two steps, because somebody asks for them.
        self._publish = publish
        end_us = self._now_us + elapsed_us
        while self._stepped_us + STEP_US <= end_us:
            self._stepped_us += STEP_US
            self._now_us = max(self._now_us, self._stepped_us)
            self._step(publish)
            yield
        self._now_us = end_us

    def _step(self, publish: Publish) -> None:
        now_us = self._stepped_us
        everybody = now_us % SECOND_US == 0 or "bookTicker" in self._whole
        for streams in self._markets.values():
            if everybody or streams.watched:
                streams.step(now_us, publish, self._offset_us)
        if self._whole and now_us % SECOND_US == 0:
            publish_arrays(
                tuple(self._markets.values()),
                self._whole,
                publish,
                now_ms=now_us // 1000,
                offset_us=self._offset_us,
            )


def _nobody(_name: StreamName, _payload: bytes) -> None:
    """Before the first step nobody can have subscribed."""
