"""The embedded exchange as what a server serves."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from orderfox_nb.core.timeframes import SECOND_US
from orderfox_nb.sim.exchange import Exchange
from orderfox_nb.sim.listings import ListedContract
from orderfox_nb.sim.served_market import Levels, ServedMarket
from orderfox_nb.sim.server.depth_streams import ID_STEP
from orderfox_nb.sim.server.market_streams import BINANCE_STREAMS
from orderfox_nb.sim.server.names import ServedStream
from orderfox_nb.sim.server.served_streams import STEP_US, ServedStreams, StreamFamily
from orderfox_nb.sim.server.source import Publish


class ExchangeSource:
    """Plays an exchange: symbols with an open stream at every step, the others once a second.

    Args:
        spot: A snapshot's id is that of the last change, as on the spot host, and does not lie ahead of it.
        family: The streams of its protocol.
    """

    paced_by_readers = False

    def __init__(self, exchange: Exchange, *, spot: bool = False, family: StreamFamily = BINANCE_STREAMS) -> None:
        self._ahead = 0 if spot else ID_STEP
        self._lag_us = exchange.lag_us
        self._exchange = exchange
        self._listings = tuple(exchange.listings)
        self._now_us = exchange.opened_us
        self._streams = ServedStreams(exchange.markets, family, start_us=exchange.start_us)
        self._publish: Publish = _drop

    @property
    def listings(self) -> Sequence[ListedContract]:
        return self._listings

    def now_us(self) -> int:
        # What is served lags behind the clock, which is right.
        return self._now_us + self._streams.offset_us + self._lag_us

    def shift_events(self, offset_us: int) -> None:
        self._streams.offset_us += offset_us

    def refine(self, symbol: str, factor: int) -> None:
        self._streams.markets[symbol].refine(factor, self._now_us, self._publish, self._streams.offset_us)

    def halt(self, symbol: str, *, halted: bool, closed: bool) -> None:
        market = self._streams.markets[symbol]
        market.halted, market.closed = halted, closed

    def restart(self, symbol: str, *, renumber: bool) -> None:
        self._streams.markets[symbol].restart(renumber=renumber)

    def market(self, symbol: str) -> ServedMarket:
        streams = self._streams.markets[symbol]
        if not streams.watched:
            streams.step(self._streams.stepped_us, self._publish, self._streams.offset_us)
        return streams.market

    def depth(self, symbol: str, limit: int) -> tuple[int, Levels, Levels]:
        update_id, bids, asks = self.market(symbol).depth(limit)
        return update_id + self._ahead, bids, asks

    def liquidations_from_us(self, symbol: str) -> int:
        return self._streams.markets[symbol].market.listing.onboard_us

    def open_stream(self, name: ServedStream) -> None:
        if name.symbol in self._streams.markets:
            self.market(name.symbol)
        self._streams.open(name)

    def first_frame(self, name: ServedStream) -> bytes:
        return self._streams.first_frame(name)

    def close_stream(self, name: ServedStream) -> None:
        self._streams.close(name)

    def play(self, elapsed_us: int, publish: Publish) -> Iterator[None]:
        # Kept for the markets that are brought up to date between two steps, for requests.
        self._publish = publish
        streams = self._streams
        end_us = self._now_us + elapsed_us
        while streams.stepped_us + STEP_US <= end_us:
            now_us = streams.stepped_us + STEP_US
            self._now_us = max(self._now_us, now_us)
            streams.step(publish, unwatched=now_us % SECOND_US == 0 or "bookTicker" in streams.whole)
            self._exchange.check_accounts(now_us)
            yield
        self._now_us = end_us


def _drop(_name: ServedStream, _payload: bytes) -> None:
    """Discard a frame: before the first step no stream is open."""
