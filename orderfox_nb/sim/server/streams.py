"""What one market sends to its subscribers: facts in, frames out, and only what somebody asked for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final, Protocol

from orderfox_nb.core.timeframes import bar_open_us
from orderfox_nb.sim.facts import Fact, KlineRow, LevelFact, LiquidationFact, TradeFact
from orderfox_nb.sim.server import frames
from orderfox_nb.sim.server.names import WHOLE_MARKET, StreamName
from orderfox_nb.sim.server.numbers import Numbers
from orderfox_nb.sim.server.source import Publish, ServedMarket

_KLINE_MS: Final = 250
_BY_THE_CLOCK: Final = ("markPrice", "ticker", "miniTicker")
_COIN_MARGINED_SHARE: Final = 5
_WHOLE_BOOK: Final = 1_000_000
ID_STEP: Final = 2
"""Ids of the venue run on between two diffs; a diff's ``U`` and a snapshot's id lie that far behind the last change."""


class LiveMarket(ServedMarket, Protocol):
    """A market that moves."""

    @property
    def update_id(self) -> int: ...

    def advance(self, now_us: int) -> list[Fact]: ...

    def current_kline(self, interval: str) -> KlineRow: ...


class _Depth:
    """Changes of the book since the last frame of one speed."""

    def __init__(self, update_id: int) -> None:
        self.previous_id = update_id
        self.first_id = update_id + ID_STEP
        self.last_id = update_id
        self.time_us = 0
        self.bids: dict[int, int] = {}
        self.asks: dict[int, int] = {}


class _Bar:
    def __init__(self, name: StreamName) -> None:
        self.name = name
        self.sent: KlineRow | None = None
        self.open_us = 0


class MarketStreams:
    """The streams of one symbol.

    Args:
        market: Where the facts come from.
        whole: Streams over all symbols that are asked for, by kind; shared between markets.
    """

    def __init__(self, market: LiveMarket, whole: dict[str, list[StreamName]]) -> None:
        self.market = market
        self.symbol = market.listing.symbol
        self.numbers = Numbers(tick_size=market.listing.tick_size, lot_size=market.listing.lot_size)
        self._whole = whole
        self._names: dict[str, dict[str, StreamName]] = {}
        self._depths: dict[int, _Depth] = {}
        self._partials: dict[str, int] = {}
        self._bars: dict[str, _Bar] = {}
        self._best: tuple[int, int, int, int] | None = None
        self._last_trade_id = -1
        self.halted = False
        """Nothing is traded, and nothing sent."""
        self.closed = False
        """Nothing is traded."""

    @property
    def watched(self) -> bool:
        """Whether anybody listens to a stream of this symbol."""
        return bool(self._names)

    def add(self, name: StreamName) -> None:
        """Begin a stream; the facts up to now must have been taken."""
        self._names.setdefault(name.kind, {})[name.text] = name
        if name.kind == "depth":
            self._depths.setdefault(name.every_ms, _Depth(self.market.update_id))
        elif name.kind == "kline":
            self._bars[name.text] = _Bar(name)
        elif name.kind == "partial":
            # As if the last change were news: the first frame comes at once.
            self._partials[name.text] = self.market.update_id - ID_STEP

    def remove(self, name: StreamName) -> None:
        """End a stream."""
        names = self._names.get(name.kind, {})
        names.pop(name.text, None)
        if not names:
            self._names.pop(name.kind, None)
        if name.kind == "depth" and all(other.every_ms != name.every_ms for other in names.values()):
            self._depths.pop(name.every_ms, None)
        self._bars.pop(name.text, None)
        self._partials.pop(name.text, None)

    def step(self, now_us: int, publish: Publish, offset_us: int) -> None:
        """Take the facts up to a time on the exchange's grid and publish what is due."""
        if self.halted or self.closed:
            if self.closed and not self.halted:
                # The mark price comes from elsewhere, and the day's figures by the clock.
                self._send_slow(now_us // 1000, (now_us + offset_us) // 1000, publish)
            return
        self._take(self.market.advance(now_us), publish, offset_us)
        if not self._names and "bookTicker" not in self._whole:
            return
        now_ms = now_us // 1000
        event_ms = (now_us + offset_us) // 1000
        for every_ms, depth in self._depths.items():
            if (not every_ms or now_ms % every_ms == 0) and depth.last_id > depth.previous_id:
                self._send_depth(every_ms, depth, publish, event_ms)
        self._send_partials(now_ms, event_ms, publish)
        self._send_best(event_ms, publish)
        if self._bars and now_ms % _KLINE_MS == 0:
            for bar in self._bars.values():
                self._send_bar(bar, now_us, event_ms, publish)
        self._send_slow(now_ms, event_ms, publish)

    def refine(self, factor: int, now_us: int, publish: Publish, offset_us: int) -> None:
        """Write prices on a finer tick from now on: every level of the book goes from its old price to a new one."""
        event_ms = (now_us + offset_us) // 1000
        for every_ms, depth in list(self._depths.items()):
            if depth.last_id > depth.previous_id:
                self._send_depth(every_ms, depth, publish, event_ms)
        _, bids, asks = self.market.depth(_WHOLE_BOOK)
        gone = [frames.levels_text([(ticks, 0) for ticks, _ in side], self.numbers) for side in (bids, asks)]
        self.numbers.refine(factor, now_us)
        now = [frames.levels_text(side, self.numbers) for side in (bids, asks)]
        changed = [
            before[:-1] + ("," if len(before) > 2 else "") + after[1:] for before, after in zip(gone, now, strict=True)
        ]
        for every_ms, depth in list(self._depths.items()):
            payload = frames.depth_update(
                self.symbol,
                first_id=depth.previous_id + 1,
                last_id=depth.previous_id + 1,
                previous_id=depth.previous_id,
                bids=changed[0],
                asks=changed[1],
                event_ms=event_ms,
                time_ms=now_us // 1000,
            )
            self._depths[every_ms] = _Depth(depth.previous_id + 1)
            for name in self._names["depth"].values():
                if name.every_ms == every_ms:
                    publish(name, payload)

    def _take(self, facts: Sequence[Fact], publish: Publish, offset_us: int) -> None:
        aggregates = list(self._names.get("aggTrade", {}).values())
        singles = list(self._names.get("trade", {}).values())
        depths = list(self._depths.values())
        for fact in facts:
            if isinstance(fact, LevelFact):
                for depth in depths:
                    (depth.bids if fact.side == "bid" else depth.asks)[fact.ticks] = fact.lots
                    depth.last_id = fact.update_id
                    depth.time_us = fact.time_us
            elif isinstance(fact, TradeFact):
                self._last_trade_id = fact.last_trade_id
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

    def _send_depth(self, every_ms: int, depth: _Depth, publish: Publish, event_ms: int) -> None:
        payload = frames.depth_update(
            self.symbol,
            first_id=depth.first_id,
            last_id=depth.last_id,
            previous_id=depth.previous_id,
            bids=frames.levels_text(sorted(depth.bids.items()), self.numbers),
            asks=frames.levels_text(sorted(depth.asks.items()), self.numbers),
            event_ms=event_ms,
            time_ms=depth.time_us // 1000,
        )
        self._depths[every_ms] = _Depth(depth.last_id)
        for name in self._names["depth"].values():
            if name.every_ms == every_ms:
                publish(name, payload)

    def _send_partials(self, now_ms: int, event_ms: int, publish: Publish) -> None:
        for name in self._names.get("partial", {}).values():
            previous_id = self._partials[name.text]
            if (name.every_ms and now_ms % name.every_ms) or previous_id == self.market.update_id:
                continue
            update_id, bids, asks = self.market.depth(name.levels)
            payload = frames.depth_update(
                self.symbol,
                first_id=previous_id + ID_STEP,
                last_id=update_id,
                previous_id=previous_id,
                bids=frames.levels_text(bids, self.numbers),
                asks=frames.levels_text(asks, self.numbers),
                event_ms=event_ms,
                time_ms=event_ms,
            )
            self._partials[name.text] = update_id
            publish(name, payload)

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

    def _send_bar(self, bar: _Bar, now_us: int, event_ms: int, publish: Publish) -> None:
        interval = bar.name.interval
        open_us = bar_open_us(now_us, interval)
        current = self.market.current_kline(interval)
        if bar.open_us and open_us > bar.open_us:
            for row in self.market.klines(interval, start_us=bar.open_us, end_us=open_us - 1, limit=1_500):
                publish(bar.name, self._bar_payload(bar, row, current, now_us=now_us, event_ms=event_ms))
        if bar.open_us != open_us or bar.sent != current:
            bar.open_us = open_us
            # The venue says nothing of a bar before its first trade.
            if current.open_us == open_us and current.trades:
                publish(bar.name, self._bar_payload(bar, current, current, now_us=now_us, event_ms=event_ms))
            bar.sent = current

    def _bar_payload(self, bar: _Bar, row: KlineRow, current: KlineRow, *, now_us: int, event_ms: int) -> bytes:
        return frames.kline(
            self.symbol,
            bar.name.interval,
            row,
            self.numbers,
            ids=self._ids(row, current),
            closed=row.close_us <= now_us,
            event_ms=event_ms,
        )

    def _ids(self, row: KlineRow, current: KlineRow) -> tuple[int, int]:
        """Return a bar's first and last trade id: ids have no holes, so they follow from the counts."""
        if not row.trades:
            return (-1, -1)
        if self._last_trade_id < 0:
            latest = self.market.aggregate_trades(1)
            self._last_trade_id = latest[-1].last_trade_id if latest else 0
        last = self._last_trade_id
        if current.open_us > row.open_us:
            last -= current.trades
        return (last - row.trades + 1, last)

    def _send_slow(self, now_ms: int, event_ms: int, publish: Publish) -> None:
        for kind in _BY_THE_CLOCK:
            for name in self._names.get(kind, {}).values():
                if now_ms % name.every_ms == 0 and (payload := self.slow_payload(kind, event_ms)):
                    publish(name, payload)

    def slow_payload(self, kind: str, event_ms: int) -> bytes:
        """Encode what is sent by the clock: ``markPrice``, ``ticker`` or ``miniTicker``; empty where not known."""
        if kind == "markPrice":
            mark = self.market.mark()
            return frames.mark_price(self.symbol, mark, event_ms) if mark is not None else b""
        encode = frames.ticker if kind == "ticker" else frames.mini_ticker
        return encode(self.symbol, self.market.ticker(), self.numbers, event_ms)


def publish_arrays(
    markets: Sequence[MarketStreams],
    whole: Mapping[str, Sequence[StreamName]],
    publish: Publish,
    *,
    now_ms: int,
    offset_us: int,
) -> None:
    """Publish the ``@arr`` streams that are due at a whole second."""
    for kind in _BY_THE_CLOCK:
        due = [name for name in whole.get(kind, ()) if now_ms % name.every_ms == 0]
        if due:
            rows = [row for one in markets if (row := one.slow_payload(kind, now_ms + offset_us // 1000))]
            if not rows:
                continue
            payload = frames.array([*rows, frames.coin_margined(rows[0], markets[0].symbol)])
            for name in due:
                publish(name, payload)


def is_whole(name: StreamName) -> bool:
    """Return whether a stream carries every symbol."""
    return name.symbol == WHOLE_MARKET
