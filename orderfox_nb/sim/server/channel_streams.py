"""The streams of one symbol in a protocol of channels (Bybit, OKX, Deribit): one step of the market to frames.

Each protocol adds how it writes them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar

from orderfox_nb.sim.facts import BarRow, LiquidationFact, TradeFact
from orderfox_nb.sim.served_market import ServedMarket
from orderfox_nb.sim.server.kline_streams import KlineStreams
from orderfox_nb.sim.server.level_window import LevelWindow
from orderfox_nb.sim.server.names import ServedStream
from orderfox_nb.sim.server.numbers import Numbers
from orderfox_nb.sim.server.served_streams import Whole
from orderfox_nb.sim.server.source import Publish
from orderfox_nb.sim.server.symbol_streams import SymbolStreams


class ChannelStreams(SymbolStreams):
    """The streams of one symbol.

    Args:
        market: Where the facts come from.
        whole: The open streams over all symbols, by kind.
        sizes: How sizes are written, where not in the base currency.
    """

    books: ClassVar[frozenset[str]]
    """Kinds of streams that send a window of the book."""
    by_clock: ClassVar[Mapping[str, int]]
    """Kinds that are sent by the clock, with their milliseconds."""

    def __init__(self, market: ServedMarket, whole: Whole, *, sizes: Numbers | None = None) -> None:
        super().__init__(market, whole)
        self.numbers = Numbers(tick_size=market.listing.tick_size, lot_size=market.listing.lot_size)
        self.sizes = sizes or self.numbers
        self._klines = KlineStreams(market, self.numbers, self.write_bar)
        self.views: dict[str, LevelWindow] = {}
        """The windows of the book by stream."""

    def add(self, name: ServedStream) -> None:
        super().add(name)
        self._klines.add(name)
        if name.kind in self.books:
            self.views[name.text] = LevelWindow(name, self.market, price=self.numbers.price, size=self.sizes.size)
            self.begin(self.views[name.text])

    def remove(self, name: ServedStream) -> None:
        super().remove(name)
        self._klines.remove(name)
        self.views.pop(name.text, None)

    def step(self, now_us: int, publish: Publish, offset_us: int) -> None:
        if self.halted:
            return
        now_ms, event_ms = now_us // 1000, (now_us + offset_us) // 1000
        if not self.closed:
            facts = self.market.advance(now_us)
            if self._names or self._whole:
                self._publish_facts(facts, event_ms, publish)
                for view in self.views.values():
                    if now_ms % view.name.every_ms == 0:
                        self.send_book(view, event_ms, publish)
                self._klines.send(now_us, event_ms, publish)
        for kind, every_ms in self.by_clock.items():
            if now_ms % every_ms == 0:
                for name in self.open(kind):
                    if payload := self.write_by_clock(name, event_ms):
                        publish(name, payload)

    def refine(self, factor: int, now_us: int, publish: Publish, offset_us: int) -> None:
        self.numbers.refine(factor, now_us)
        # The window holds prices as text: the next frame removes the old ones and adds the new ones.
        self._klines.resend()
        for view in self.views.values():
            self.send_book(view, (now_us + offset_us) // 1000, publish)

    def open(self, kind: str) -> Sequence[ServedStream]:
        """Return the open streams of a kind, those over the whole market included."""
        return [*self._names.get(kind, {}).values(), *self._whole.get(kind, ())]

    def _publish_facts(self, facts: Sequence[object], event_ms: int, publish: Publish) -> None:
        trades = [fact for fact in facts if isinstance(fact, TradeFact)]
        if trades:
            self._klines.record_trade(trades[-1].last_trade_id)
            self.send_trades(trades, event_ms, publish)
        liquidations = [fact for fact in facts if isinstance(fact, LiquidationFact)]
        if liquidations:
            self.send_liquidations(liquidations, event_ms, publish)

    # What a protocol adds

    def begin(self, view: LevelWindow) -> None:
        """Give a new window the id of its first frame."""
        raise NotImplementedError

    def send_book(self, view: LevelWindow, event_ms: int, publish: Publish) -> None:
        """Publish what has changed in a window."""
        raise NotImplementedError

    def send_trades(self, trades: Sequence[TradeFact], event_ms: int, publish: Publish) -> None:
        """Publish the trades of a step."""
        raise NotImplementedError

    def send_liquidations(self, liquidations: Sequence[LiquidationFact], event_ms: int, publish: Publish) -> None:
        """Publish the liquidations that are reported in a step."""
        raise NotImplementedError

    def write_bar(self, name: ServedStream, row: BarRow, closed: bool, event_ms: int) -> bytes:
        """Write a bar."""
        raise NotImplementedError

    def write_by_clock(self, name: ServedStream, event_ms: int) -> bytes:
        """Write what a stream sends by the clock, empty if nothing has changed or it is unknown."""
        raise NotImplementedError
