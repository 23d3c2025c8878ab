"""The channels of one instrument on Deribit's socket."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Final

import msgspec

from orderfox_nb.sim.facts import BarRow, LiquidationFact, TradeFact
from orderfox_nb.sim.served_market import ServedMarket
from orderfox_nb.sim.server.channel_streams import ChannelStreams
from orderfox_nb.sim.server.deribit import rows
from orderfox_nb.sim.server.deribit.names import STREAM_MS, instrument_of
from orderfox_nb.sim.server.level_window import LevelWindow
from orderfox_nb.sim.server.names import ServedStream
from orderfox_nb.sim.server.served_streams import StreamFamily, Whole
from orderfox_nb.sim.server.source import Publish


class DeribitStreams(ChannelStreams):
    """The channels of one instrument.

    Args:
        market: Where the facts come from.
        whole: The open channels over all instruments.
    """

    books = frozenset({"book"})
    by_clock: ClassVar[Mapping[str, int]] = {"ticker": STREAM_MS}

    def __init__(self, market: ServedMarket, whole: Whole) -> None:
        super().__init__(market, whole)
        self._ticker: dict[str, Any] = {}
        """The figures as they were last sent, without their time."""

    def first_frame(self, name: ServedStream, event_ms: int) -> bytes:
        if name.kind == "book":
            view = self.views[name.text]
            bids, asks = (rows.actions(side, set()) for side in view.levels)
            return self._book_frame(view, {"type": "snapshot", "bids": bids, "asks": asks}, event_ms)
        if name.kind == "ticker":
            return _frame(name, rows.ticker(self.market, self.numbers, now_ms=event_ms))
        return b""

    def begin(self, view: LevelWindow) -> None:
        view.sent_id = view.update_id

    def send_book(self, view: LevelWindow, event_ms: int, publish: Publish) -> None:
        known = [{price for price, _ in side} for side in view.levels]
        previous_id = view.sent_id
        bids, asks = (rows.actions(side, prices) for side, prices in zip(view.changes(), known, strict=True))
        if bids or asks:
            view.sent_id = max(previous_id + 1, view.update_id)
            change = {"type": "change", "prev_change_id": previous_id, "bids": bids, "asks": asks}
            publish(view.name, self._book_frame(view, change, event_ms))

    def send_trades(self, trades: Sequence[TradeFact], event_ms: int, publish: Publish) -> None:
        del event_ms
        if names := self.open("trades"):
            data = [row for trade in trades for row in rows.trades(self.market, trade, self.numbers)]
            for name in names:
                publish(name, _frame(name, data))

    def send_liquidations(self, liquidations: Sequence[LiquidationFact], event_ms: int, publish: Publish) -> None:
        """Send nothing: a liquidation is a mark on its trades."""

    def write_bar(self, name: ServedStream, row: BarRow, closed: bool, event_ms: int) -> bytes:
        del closed, event_ms
        return _frame(name, rows.bar(row, self.numbers))

    def write_by_clock(self, name: ServedStream, event_ms: int) -> bytes:
        row = rows.ticker(self.market, self.numbers, now_ms=event_ms)
        if self._ticker == (known := row | {"timestamp": 0}):
            return b""
        self._ticker = known
        return _frame(name, row)

    def _book_frame(self, view: LevelWindow, body: dict[str, Any], event_ms: int) -> bytes:
        named = {"timestamp": event_ms, "instrument_name": instrument_of(self.symbol), "change_id": view.sent_id}
        return _frame(view.name, named | body)


def _frame(name: ServedStream, data: Any) -> bytes:
    notice = {"channel": name.text, "data": data}
    return msgspec.json.encode({"jsonrpc": "2.0", "method": "subscription", "params": notice})


DERIBIT_STREAMS: Final = StreamFamily(DeribitStreams)
