"""The streams of one market: facts in, frames out, and only for streams that are open."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from orderfox_nb.sim.facts import Fact, LevelFact, LiquidationFact, TradeFact
from orderfox_nb.sim.served_market import ServedMarket
from orderfox_nb.sim.server import frames
from orderfox_nb.sim.server.depth_streams import DepthStreams
from orderfox_nb.sim.server.kline_streams import KlineStreams
from orderfox_nb.sim.server.names import ServedStream
from orderfox_nb.sim.server.numbers import Numbers
from orderfox_nb.sim.server.served_streams import StreamFamily, Whole
from orderfox_nb.sim.server.source import Publish
from orderfox_nb.sim.server.symbol_streams import SymbolStreams

CLOCK_KINDS: Final = ("markPrice", "ticker", "miniTicker")
"""Kinds that are sent by the clock, whatever happens."""
_COIN_MARGINED_SHARE: Final = 5


class MarketStreams(SymbolStreams):
    """The streams of one symbol in Binance's protocol.

    Args:
        market: Where the facts come from.
        whole: The open streams over all symbols, by kind; shared between markets.
    """

    def __init__(self, market: ServedMarket, whole: Whole) -> None:
        super().__init__(market, whole)
        self.numbers = Numbers(tick_size=market.listing.tick_size, lot_size=market.listing.lot_size)
        self._depth = DepthStreams(market, self.numbers, self._names)
        self._klines = KlineStreams(market, self.numbers)
        self._best: tuple[int, int, int, int] | None = None

    def add(self, name: ServedStream) -> None:
        super().add(name)
        self._depth.add(name)
        self._klines.add(name)

    def remove(self, name: ServedStream) -> None:
        super().remove(name)
        self._depth.remove(name)
        self._klines.remove(name)

    def step(self, now_us: int, publish: Publish, offset_us: int) -> None:
        if self.halted or self.closed:
            if self.closed and not self.halted:
                # The mark price comes from elsewhere, and the day's figures by the clock.
                self._send_slow(now_us // 1000, (now_us + offset_us) // 1000, publish)
            return
        self._publish_facts(self.market.advance(now_us), publish, offset_us)
        if not self._names and "bookTicker" not in self._whole:
            return
        now_ms = now_us // 1000
        event_ms = (now_us + offset_us) // 1000
        self._depth.send(now_ms, event_ms, publish)
        self._send_best(event_ms, publish)
        self._klines.send(now_us, event_ms, publish)
        self._send_slow(now_ms, event_ms, publish)

    def refine(self, factor: int, now_us: int, publish: Publish, offset_us: int) -> None:
        self._depth.refine(factor, now_us, (now_us + offset_us) // 1000, publish)
        self._klines.resend()

    def _publish_facts(self, facts: Sequence[Fact], publish: Publish, offset_us: int) -> None:
        aggregates = list(self._names.get("aggTrade", {}).values())
        singles = list(self._names.get("trade", {}).values())
        diffs = self._depth.diffs
        for fact in facts:
            if isinstance(fact, LevelFact):
                for diff in diffs:
                    diff.add(fact)
            elif isinstance(fact, TradeFact):
                self._klines.record_trade(fact.last_trade_id)
                event_ms = (fact.time_us + offset_us) // 1000
                for name in aggregates:
                    publish(name, frames.aggregate_trade(self.symbol, fact, self.numbers, event_ms))
                for name in singles:
                    for payload in frames.single_trades(self.symbol, fact, self.numbers, event_ms):
                        publish(name, payload)
            elif isinstance(fact, LiquidationFact) and fact.sampled:
                self._send_liquidation(fact, publish, offset_us)

    def _send_liquidation(self, fact: LiquidationFact, publish: Publish, offset_us: int) -> None:
        names = [*self._names.get("forceOrder", {}).values(), *self._whole.get("forceOrder", ())]
        if names:
            event_ms = (fact.event_us + offset_us) // 1000
            payload = frames.force_order(self.symbol, fact, self.numbers, event_ms)
            for name in names:
                publish(name, payload)
            # Some orders have a neighbour on the coin-margined contract, which only the whole market shows.
            if fact.lots_filled % _COIN_MARGINED_SHARE == 0:
                for name in self._whole.get("forceOrder", ()):
                    publish(name, frames.coin_margined(payload, self.symbol))

    def _send_best(self, event_ms: int, publish: Publish) -> None:
        names = [*self._names.get("bookTicker", {}).values(), *self._whole.get("bookTicker", ())]
        if not names:
            self._best = None
            return
        best = self.market.best()
        if best != self._best:
            self._best = best
            payload = frames.book_ticker(
                self.symbol, best, self.numbers, update_id=self.market.update_id, event_ms=event_ms
            )
            for name in names:
                publish(name, payload)

    def _send_slow(self, now_ms: int, event_ms: int, publish: Publish) -> None:
        for kind in CLOCK_KINDS:
            for name in self._names.get(kind, {}).values():
                if now_ms % name.every_ms == 0 and (payload := self.slow_payload(kind, event_ms)):
                    publish(name, payload)

    def slow_payload(self, kind: str, event_ms: int) -> bytes:
        """Encode what is sent by the clock: ``markPrice``, ``ticker`` or ``miniTicker``; empty where not known."""
        if kind == "markPrice":
            mark = self.market.mark()
            return frames.mark_price(self.market.listing, mark, event_ms) if mark is not None else b""
        encode = frames.ticker if kind == "ticker" else frames.mini_ticker
        return encode(self.symbol, self.market.ticker(), self.numbers, event_ms)


def _publish_arrays(
    markets: Sequence[SymbolStreams], whole: Whole, now_ms: int, event_ms: int, publish: Publish
) -> None:
    """Publish the ``@arr`` streams that are due at a whole second."""
    for kind in CLOCK_KINDS:
        due = [name for name in whole.get(kind, ()) if now_ms % name.every_ms == 0]
        streams = [one for one in markets if isinstance(one, MarketStreams)] if due else []
        rows = [row for one in streams if (row := one.slow_payload(kind, event_ms))]
        if rows:
            payload = frames.array([*rows, frames.coin_margined(rows[0], markets[0].symbol)])
            for name in due:
                publish(name, payload)


BINANCE_STREAMS: Final = StreamFamily(MarketStreams, _publish_arrays)
