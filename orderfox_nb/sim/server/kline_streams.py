"""The kline streams of one market."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, TypeAlias

from orderfox_nb.core.timeframes import bar_open_us
from orderfox_nb.sim.facts import BarRow
from orderfox_nb.sim.served_market import ServedMarket
from orderfox_nb.sim.server import frames
from orderfox_nb.sim.server.names import ServedStream
from orderfox_nb.sim.server.numbers import Numbers
from orderfox_nb.sim.server.source import Publish

_MAX_MISSED: Final = 1_500
"""Closed bars sent at once after a pause."""

Encode: TypeAlias = Callable[[ServedStream, BarRow, bool, int], bytes]
"""Writes a bar of a stream: the bar, whether it is closed, and the time of the frame in milliseconds."""


class KlineStream:
    """One stream and the bar that it sent last."""

    def __init__(self, name: ServedStream) -> None:
        self.name = name
        self.sent: BarRow | None = None
        self.open_us = 0


class KlineStreams:
    """The streams of kind ``kline`` of one market.

    Args:
        market: Market of the bars.
        numbers: How prices and sizes are written.
        encode: Writes a bar in another protocol than Binance's.
    """

    def __init__(self, market: ServedMarket, numbers: Numbers, encode: Encode | None = None) -> None:
        self._market = market
        self._numbers = numbers
        self._encode = encode if encode is not None else self._binance
        self._streams: dict[str, KlineStream] = {}
        self._last_trade_id = -1

    def add(self, name: ServedStream) -> None:
        """Open a stream; streams of another kind are ignored."""
        if name.kind == "kline":
            self._streams[name.text] = KlineStream(name)

    def remove(self, name: ServedStream) -> None:
        """Close a stream."""
        self._streams.pop(name.text, None)

    def record_trade(self, last_trade_id: int) -> None:
        """Note the id of the latest trade, from which the ids of bars follow."""
        self._last_trade_id = last_trade_id

    def resend(self) -> None:
        """Publish the open bars when they are next due, changed or not: prices are written differently."""
        for stream in self._streams.values():
            stream.sent = None

    def send(self, now_us: int, event_ms: int, publish: Publish) -> None:
        """Publish the bars that are due and have changed, each bar that closed again."""
        for stream in self._streams.values():
            if now_us // 1000 % stream.name.every_ms == 0:
                self._send(stream, now_us, event_ms, publish)

    def _send(self, stream: KlineStream, now_us: int, event_ms: int, publish: Publish) -> None:
        interval = stream.name.interval
        open_us = bar_open_us(now_us, interval)
        current = self._market.current_kline(interval)

        def send(row: BarRow) -> None:
            publish(stream.name, self._encode(stream.name, row, row.close_us <= now_us, event_ms))

        if stream.open_us and open_us > stream.open_us:
            for row in self._market.klines(interval, stream.open_us, open_us - 1, _MAX_MISSED):
                send(row)
        if stream.open_us != open_us or stream.sent != current:
            stream.open_us, stream.sent = open_us, current
            # The venue sends nothing of a bar before its first trade.
            if current.open_us == open_us and current.trades:
                send(current)

    def _binance(self, name: ServedStream, row: BarRow, closed: bool, event_ms: int) -> bytes:
        ids = self._ids(row, self._market.current_kline(name.interval))
        return frames.kline(name.symbol, name.interval, row, self._numbers, ids=ids, closed=closed, event_ms=event_ms)

    def _ids(self, row: BarRow, current: BarRow) -> tuple[int, int]:
        """Return a bar's first and last trade id: ids have no holes, so they follow from the counts."""
        if not row.trades:
            return (-1, -1)
        if self._last_trade_id < 0:
            latest = self._market.aggregate_trades(1)
            self._last_trade_id = latest[-1].last_trade_id if latest else 0
        last = self._last_trade_id
        if current.open_us > row.open_us:
            last -= current.trades
        return (last - row.trades + 1, last)
