"""The channels of one instrument on OKX's public and business sockets."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar, Final

import msgspec

from orderfox_nb.sim.facts import BarRow, LiquidationFact, TradeFact
from orderfox_nb.sim.served_market import ServedMarket
from orderfox_nb.sim.server.channel_streams import ChannelStreams
from orderfox_nb.sim.server.level_window import LevelWindow, Rows
from orderfox_nb.sim.server.names import ServedStream
from orderfox_nb.sim.server.okx import rows
from orderfox_nb.sim.server.okx.names import BOOK_LEVELS, INDEX, LIQUIDATIONS, argument_of
from orderfox_nb.sim.server.served_streams import StreamFamily, Whole
from orderfox_nb.sim.server.source import Publish

_QUIET_MS: Final = 60_000
"""A book without a change for this long sends an empty frame, whose id is that of the last one."""
_BEGINS: Final = -1
"""What ``prevSeqId`` is in a snapshot."""
_FIRST_ID: Final = 10
"""Id of a book whose ids start over."""


class OkxStreams(ChannelStreams):
    """The channels of one instrument.

    Args:
        market: Where the facts come from.
        whole: The open channels over all instruments.
    """

    books = frozenset(BOOK_LEVELS)
    by_clock: ClassVar[Mapping[str, int]] = {
        "tickers": 100,
        "mark-price": 200,
        INDEX: 100,
        "open-interest": 3_000,
        "funding-rate": 30_000,
        "price-limit": 200,
    }

    def __init__(self, market: ServedMarket, whole: Whole) -> None:
        super().__init__(market, whole, sizes=rows.contract_sizes(market.listing))
        self._base_id = 0
        """What is subtracted from the market's ids; the ids of its frames start over with another one."""
        self._restarting: dict[str, bool] = {}
        """Books whose ids start over with the next frame, and whether within the chain."""
        self._sent: dict[str, Any] = {}
        """What was last sent by the clock, without its time."""

    def first_frame(self, name: ServedStream, event_ms: int) -> bytes:
        if name.kind in self.books:
            view = self.views[name.text]
            return self._book_frame(view, "snapshot", *view.levels, event_ms, previous_id=_BEGINS)
        if name.kind == "kline":
            bar = self.market.current_kline(name.interval)
            return self.write_bar(name, bar, False, event_ms)
        row = self._row(name.kind, event_ms)
        return _frame(name, [row]) if row else b""

    def remove(self, name: ServedStream) -> None:
        super().remove(name)
        self._restarting.pop(name.text, None)
        self._sent.pop(name.text, None)

    def restart(self, *, renumber: bool) -> None:
        self._restarting |= dict.fromkeys(self.views, renumber)

    def begin(self, view: LevelWindow) -> None:
        view.sent_id = view.update_id - self._base_id

    def send_book(self, view: LevelWindow, event_ms: int, publish: Publish) -> None:
        name, previous_id = view.name, view.sent_id
        bids, asks = view.changes()
        if (renumbered := self._restarting.pop(name.text, None)) is not None:
            self._base_id = view.update_id - _FIRST_ID
            view.sent_id = _FIRST_ID
            if not renumbered:
                publish(name, self._book_frame(view, "snapshot", *view.levels, event_ms, previous_id=_BEGINS))
                return
        elif bids or asks:
            # Only one book has a chain; the base of its ids may have changed with another window's.
            view.sent_id = max(previous_id + 1, view.update_id - self._base_id)
        elif event_ms - view.sent_ms < _QUIET_MS:
            return
        if name.kind != "books":
            bids, asks = view.levels
        publish(name, self._book_frame(view, "update", bids, asks, event_ms, previous_id=previous_id))

    def send_trades(self, trades: Sequence[TradeFact], event_ms: int, publish: Publish) -> None:
        del event_ms
        sequence = self.market.update_id - self._base_id
        for name in self.open("trades"):
            for trade in trades:
                publish(
                    name,
                    _frame(name, [rows.aggregate(self.symbol, trade, self.numbers, self.sizes, sequence=sequence)]),
                )
        for name in self.open("trades-all"):
            for trade in trades:
                for row in rows.trades(self.symbol, trade, self.numbers, self.sizes):
                    publish(name, _frame(name, [row]))

    def send_liquidations(self, liquidations: Sequence[LiquidationFact], event_ms: int, publish: Publish) -> None:
        del event_ms
        # At most one of an instrument in a second, as the venue's documentation says.
        for fact in (fact for fact in liquidations if fact.sampled):
            for name in self.open(LIQUIDATIONS):
                publish(name, _frame(name, [rows.liquidations(self.market.listing, [fact], self.numbers, self.sizes)]))

    def write_bar(self, name: ServedStream, row: BarRow, closed: bool, event_ms: int) -> bytes:
        del event_ms
        return _frame(name, [rows.bar(row, self.numbers, self.sizes, closed=closed)])

    def write_by_clock(self, name: ServedStream, event_ms: int) -> bytes:
        row = self._row(name.kind, event_ms)
        if row is None:
            return b""
        known = row | {"ts": ""}
        if name.kind in ("tickers", "mark-price", INDEX, "price-limit") and self._sent.get(name.text) == known:
            return b""
        self._sent[name.text] = known
        return _frame(name, [row])

    def _row(self, kind: str, now_ms: int) -> dict[str, Any] | None:
        market, numbers, sizes = self.market, self.numbers, self.sizes
        write: dict[str, Callable[[], dict[str, Any] | None]] = {
            "tickers": lambda: rows.ticker(market, numbers, sizes, now_ms=now_ms),
            "mark-price": lambda: rows.mark_price(market, now_ms=now_ms),
            INDEX: lambda: rows.index_ticker(market, numbers, now_ms=now_ms),
            "funding-rate": lambda: rows.funding_rate(market, now_ms=now_ms),
            "open-interest": lambda: rows.open_interest(market, numbers, sizes, now_ms=now_ms),
            "price-limit": lambda: rows.price_limit(market, numbers, now_ms=now_ms),
        }
        return write[kind]() if kind in write else None

    def _book_frame(
        self, view: LevelWindow, action: str, bids: Rows, asks: Rows, event_ms: int, *, previous_id: int
    ) -> bytes:
        view.sent_ms = event_ms
        data = {"asks": rows.levels(asks), "bids": rows.levels(bids), "ts": str(event_ms), "seqId": view.sent_id}
        if view.name.kind != "books":
            # Windows that are sent whole have neither an action nor a chain.
            instrument = argument_of(view.name)["instId"]
            return _frame(view.name, [data | {"instId": instrument}])
        # The checksum is deprecated, and 0 in every frame.
        return _frame(view.name, [data | {"checksum": 0, "prevSeqId": previous_id}], action=action)


def _frame(name: ServedStream, data: list[Any], **more: str) -> bytes:
    return msgspec.json.encode({"arg": argument_of(name), **more, "data": data})


OKX_STREAMS: Final = StreamFamily(OkxStreams)
