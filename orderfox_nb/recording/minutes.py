"""One-minute bars of what is recorded: a fold that draws the strip of a rewind without reading a file."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final, Literal

import msgspec

from orderfox_nb.core.events import WHOLE_MARKET, Event, Gap, Liquidation, Status, Topic, Trade
from orderfox_nb.recording.entries import records
from orderfox_nb.recording.files import RecordingFiles

MINUTE_US: Final = 60_000_000
MAX_MINUTES: Final = 1_440
"""Largest number of minutes kept of a symbol: a day."""
MAX_SYMBOLS: Final = 200
MAX_INTERVALS: Final = 2_000
CHANNELS: Final = frozenset({"trades", "liquidations"})


class MinuteBar(msgspec.Struct):
    """Summary of a symbol's minute; prices are infinite if nothing was traded."""

    low: float = float("inf")
    high: float = float("-inf")
    volume: float = 0.0
    """Base quantity."""
    largest: float = 0.0
    """Notional of the largest trade, in quote currency."""
    liquidated: list[float] = msgspec.field(default_factory=lambda: [0.0] * 4)
    """Quote volume of buy and sell orders, by the symbol's own stream and by that of the whole market."""

    def add(self, other: MinuteBar) -> None:
        """Add what another fold has of the same minute."""
        self.low, self.high = min(self.low, other.low), max(self.high, other.high)
        self.volume += other.volume
        self.largest = max(self.largest, other.largest)
        self.liquidated = [mine + others for mine, others in zip(self.liquidated, other.liquidated, strict=True)]


class StripColumns(msgspec.Struct, frozen=True, kw_only=True):
    """One row for each minute in which something was recorded; times in milliseconds."""

    time: list[int]
    low: list[float | None]
    """None if nothing was traded."""
    high: list[float | None]
    volume: list[float]
    """Base quantity."""
    buy_liquidations: list[float]
    """Quote volume, as that of ``sell_liquidations``."""
    sell_liquidations: list[float]
    gaps: list[tuple[int, int]]
    """Between ``start`` and ``end``, where the trades of the symbol were not recorded or have a gap."""
    start: int
    end: int


class MinuteBars:
    """Folds trades and liquidations into minutes, and remembers when trades were recorded without a gap."""

    def __init__(self) -> None:
        self._bars: dict[str, dict[int, MinuteBar]] = {}
        self._known: dict[str, list[tuple[int, int]]] = {}
        """Intervals without a gap, of each symbol."""
        self._since: dict[str, int] = {}
        """Where the open interval of a symbol began."""
        self.start_us = 0
        self.end_us = 0

    def event(self, topic: Topic, event: Event, stamp_us: int) -> None:
        """Fold an event that was recorded at a time."""
        self._reach(stamp_us)
        if type(event) is Trade:
            if event.received_us:
                bar = self._bar(event.symbol, stamp_us)
                bar.low, bar.high = min(bar.low, event.price), max(bar.high, event.price)
                bar.volume += event.size
                bar.largest = max(bar.largest, event.price * event.size)
                self._since.setdefault(topic.symbol, stamp_us)
        elif type(event) is Liquidation:
            if event.received_us:
                column = 2 * (topic.symbol == WHOLE_MARKET) + (event.side == "sell")
                self._bar(event.symbol, stamp_us).liquidated[column] += event.notional
        elif topic.channel == "trades":
            if type(event) is Gap or (type(event) is Status and event.state in {"gap", "down"}):
                self.closed(topic, stamp_us)
            elif type(event) is Status and event.state == "live":
                self._since.setdefault(topic.symbol, stamp_us)

    def closed(self, topic: Topic, stamp_us: int) -> None:
        """Note that nothing more is recorded of a topic."""
        self._reach(stamp_us)
        if topic.channel == "trades" and (since_us := self._since.pop(topic.symbol, None)) is not None:
            known = self._known.setdefault(topic.symbol, [])
            known.append((since_us, stamp_us))
            del known[:-MAX_INTERVALS]

    def ended(self, stamp_us: int) -> None:
        """Note that a recording has ended."""
        for symbol in tuple(self._since):
            self.closed(Topic("", symbol, "trades"), stamp_us)

    def merge(self, other: MinuteBars) -> None:
        """Take what another fold has of other recordings, all of which have ended."""
        for symbol, bars in other._bars.items():
            for minute, bar in bars.items():
                self._bar(symbol, minute * MINUTE_US).add(bar)
        for symbol, known in other._known.items():
            self._known[symbol] = sorted([*known, *self._known.get(symbol, ())])[-MAX_INTERVALS:]
        if other.end_us:
            self._reach(other.start_us)
            self._reach(other.end_us)

    def columns(self, symbol: str, start_us: int | None = None, end_us: int | None = None) -> StripColumns:
        """Return the minutes of a symbol that begin in a range."""
        first = self.start_us // MINUTE_US if start_us is None else start_us // MINUTE_US
        last = self.end_us // MINUTE_US if end_us is None else end_us // MINUTE_US
        rows = sorted(row for row in self._bars.get(symbol, {}).items() if first <= row[0] <= last)
        traded = [bar.low <= bar.high for _, bar in rows]
        return StripColumns(
            time=[minute * 60_000 for minute, _ in rows],
            low=[bar.low if known else None for (_, bar), known in zip(rows, traded, strict=True)],
            high=[bar.high if known else None for (_, bar), known in zip(rows, traded, strict=True)],
            volume=[bar.volume for _, bar in rows],
            # Both streams may have the same orders.
            buy_liquidations=[max(bar.liquidated[0], bar.liquidated[2]) for _, bar in rows],
            sell_liquidations=[max(bar.liquidated[1], bar.liquidated[3]) for _, bar in rows],
            gaps=self._gaps(symbol),
            start=self.start_us // 1000,
            end=self.end_us // 1000,
        )

    def large_notional(self, symbol: str) -> float:
        """Return from when on a trade is large: the ninth decile of the minutes' largest ones, in quote currency."""
        largest = sorted(bar.largest for bar in self._bars.get(symbol, {}).values() if bar.largest)
        return largest[(len(largest) - 1) * 9 // 10] if largest else float("inf")

    def minutes_with(self, symbol: str, what: Literal["trade", "liquidation"], notional: float) -> list[int]:
        """Return the minutes since the epoch that have a trade of a notional, or a liquidation."""
        bars = self._bars.get(symbol, {})
        if what == "trade":
            return [minute for minute, bar in bars.items() if bar.largest >= notional]
        return [minute for minute, bar in bars.items() if any(bar.liquidated)]

    def _gaps(self, symbol: str) -> list[tuple[int, int]]:
        known = list(self._known.get(symbol, ()))
        if symbol in self._since:
            known.append((self._since[symbol], self.end_us))
        gaps: list[tuple[int, int]] = []
        at_us = self.start_us
        for start_us, end_us in sorted(known):
            if start_us // 1000 > at_us // 1000:
                gaps.append((at_us // 1000, start_us // 1000))
            at_us = max(at_us, end_us)
        if self.end_us // 1000 > at_us // 1000:
            gaps.append((at_us // 1000, self.end_us // 1000))
        return gaps

    def _bar(self, symbol: str, stamp_us: int) -> MinuteBar:
        bars = self._bars.get(symbol)
        if bars is None:
            if len(self._bars) >= MAX_SYMBOLS:
                dropped = next(iter(self._bars))
                del self._bars[dropped]
                self._known.pop(dropped, None)
            bars = self._bars[symbol] = {}
        minute = stamp_us // MINUTE_US
        bar = bars.get(minute)
        if bar is None:
            if len(bars) >= MAX_MINUTES:
                del bars[min(bars)]
            bar = bars[minute] = MinuteBar()
        return bar

    def _reach(self, stamp_us: int) -> None:
        self.start_us = min(self.start_us or stamp_us, stamp_us)
        self.end_us = max(self.end_us, stamp_us)


def read_minutes(files: RecordingFiles, bars: MinuteBars, stopped: Callable[[], bool]) -> None:
    """Fold a recording on disk, at half of a core.

    Args:
        files: The recording.
        bars: Where to.
        stopped: Whether to leave the rest.
    """
    indexes = {index for index, declared in files.declared.items() if declared.row.topic.channel in CHANNELS}
    begin_s = time.monotonic()
    block_us = 0
    for record in records(files, indexes=indexes):
        topic, event = record.row.topic, record.event
        if record.kind == "closed":
            bars.closed(topic, record.stamp_us)
        elif record.kind in {"event", "lost"} and event is not None:
            bars.event(topic, event, record.stamp_us)
        if record.stamp_us - block_us > MINUTE_US:
            if stopped():
                return
            time.sleep(min(time.monotonic() - begin_s, 0.5))
            begin_s, block_us = time.monotonic(), record.stamp_us
    bars.ended(files.end_us)
