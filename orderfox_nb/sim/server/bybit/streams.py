"""The topics of one symbol on Bybit's public socket."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Final

import msgspec

from orderfox_nb.sim.facts import BarRow, LiquidationFact, TradeFact
from orderfox_nb.sim.served_market import ServedMarket
from orderfox_nb.sim.server.bybit import rows
from orderfox_nb.sim.server.bybit.names import INTERVALS
from orderfox_nb.sim.server.channel_streams import ChannelStreams
from orderfox_nb.sim.server.level_window import LevelWindow, Rows
from orderfox_nb.sim.server.names import ServedStream
from orderfox_nb.sim.server.served_streams import StreamFamily, Whole
from orderfox_nb.sim.server.source import Publish

TICKER_MS: Final = 100
LIQUIDATIONS_MS: Final = 500
MAX_TRADES: Final = 1_024
"""Trades of one frame."""
_RESTARTED: Final = 1
"""What ``u`` is in the snapshot after a restart of the service."""
_CODES: Final = {timeframe: code for code, timeframe in INTERVALS.items()}


class BybitStreams(ChannelStreams):
    """The topics of one symbol.

    Args:
        market: Where the facts come from.
        whole: Open streams over all symbols, of which Bybit has none.
    """

    books = frozenset({"orderbook"})
    by_clock: ClassVar[Mapping[str, int]] = {"tickers": TICKER_MS, "allLiquidation": LIQUIDATIONS_MS}

    def __init__(self, market: ServedMarket, whole: Whole) -> None:
        super().__init__(market, whole)
        self._ticker: dict[str, str] = {}
        """The figures as they were last sent."""
        self._liquidated: list[LiquidationFact] = []
        """Since the last frame."""
        self._restarted: set[str] = set()
        """Books whose next frame is the snapshot of a restarted service."""
        self._last_price = 0
        self._direction = "ZeroPlusTick"

    def first_frame(self, name: ServedStream, event_ms: int) -> bytes:
        if name.kind == "orderbook":
            return self._book_frame(self.views[name.text], "snapshot", *self.views[name.text].levels, event_ms)
        if name.kind == "tickers":
            figures = self._figures()
            self._ticker = self._ticker or figures
            return self._ticker_frame("snapshot", figures, event_ms)
        return b""

    def remove(self, name: ServedStream) -> None:
        super().remove(name)
        self._restarted.discard(name.text)
        if name.kind == "tickers":
            self._ticker = {}
        elif name.kind == "allLiquidation":
            self._liquidated.clear()

    def restart(self, *, renumber: bool) -> None:
        if renumber:
            super().restart(renumber=renumber)
        self._restarted.update(self.views)

    def begin(self, view: LevelWindow) -> None:
        view.sent_id = view.update_id

    def send_book(self, view: LevelWindow, event_ms: int, publish: Publish) -> None:
        bids, asks = view.changes()
        if view.name.text in self._restarted:
            self._restarted.discard(view.name.text)
            view.sent_id = _RESTARTED
            publish(view.name, self._book_frame(view, "snapshot", *view.levels, event_ms))
        elif bids or asks:
            view.sent_id += 1
            publish(view.name, self._book_frame(view, "delta", _removed(bids), _removed(asks), event_ms))

    def send_trades(self, trades: Sequence[TradeFact], event_ms: int, publish: Publish) -> None:
        names, sequence = self.open("publicTrade"), self.market.update_id
        data: list[Any] = []
        for trade in trades:
            self._note(trade.price)
            if names:
                data += rows.trade_rows(self.symbol, trade, self.numbers, direction=self._direction, sequence=sequence)
        for name in names:
            for at in range(0, len(data), MAX_TRADES):
                publish(name, _frame(name.text, "snapshot", data[at : at + MAX_TRADES], event_ms))

    def send_liquidations(self, liquidations: Sequence[LiquidationFact], event_ms: int, publish: Publish) -> None:
        del event_ms, publish
        if self.open("allLiquidation"):
            self._liquidated += liquidations

    def write_bar(self, name: ServedStream, row: BarRow, closed: bool, event_ms: int) -> bytes:
        open_, high, low, close, volume, turnover = rows.bar(row, self.numbers)
        data = {
            "start": row.open_us // 1000,
            "end": row.close_us // 1000 - 1,
            "interval": _CODES[name.interval],
            "open": open_,
            "close": close,
            "high": high,
            "low": low,
            "volume": volume,
            "turnover": turnover,
            "confirm": closed,
            "timestamp": event_ms,
        }
        return _frame(name.text, "snapshot", [data], event_ms)

    def write_by_clock(self, name: ServedStream, event_ms: int) -> bytes:
        if name.kind == "tickers":
            figures = self._figures()
            changed = {field: value for field, value in figures.items() if self._ticker.get(field) != value}
            self._ticker = figures
            return self._ticker_frame("delta", {"symbol": self.symbol} | changed, event_ms) if changed else b""
        liquidated, self._liquidated = self._liquidated, []
        if not liquidated:
            return b""
        data = [rows.liquidation_row(self.symbol, fact, self.numbers) for fact in liquidated]
        return _frame(name.text, "snapshot", data, event_ms)

    def _figures(self) -> dict[str, str]:
        return rows.ticker(self.market, self.numbers, direction=self._direction)

    def _note(self, price: int) -> None:
        moved = price - self._last_price
        if moved and self._last_price:
            self._direction = "PlusTick" if moved > 0 else "MinusTick"
        elif not self._direction.startswith("Zero"):
            self._direction = "Zero" + self._direction
        self._last_price = price

    def _ticker_frame(self, kind: str, data: dict[str, str], event_ms: int) -> bytes:
        return _frame(f"tickers.{self.symbol}", kind, data, event_ms, cs=self.market.update_id)

    def _book_frame(self, view: LevelWindow, kind: str, bids: Rows, asks: Rows, event_ms: int) -> bytes:
        data = {"s": self.symbol, "b": bids, "a": asks, "u": view.sent_id, "seq": view.update_id}
        # The book is that of the end of a step, whose changes were made shortly before.
        return _frame(view.name.text, kind, data, event_ms, cts=event_ms - 1)


def _frame(topic: str, kind: str, data: Any, event_ms: int, **more: int) -> bytes:
    return msgspec.json.encode({"topic": topic, "type": kind, "ts": event_ms, "data": data, **more})


def _removed(changed: Rows) -> Rows:
    return [(price, size or "0") for price, size in changed]


BYBIT_STREAMS: Final = StreamFamily(BybitStreams)
