"""The market that a tape has played so far: its own book, trades, bars and liquidations."""

from __future__ import annotations

from bisect import bisect_left
from collections import deque
from typing import Final

import msgspec

from orderfox_nb.core.timeframes import HOUR_US, MINUTE_US, bar_open_us, next_bar_us
from orderfox_nb.sim.facts import (
    Fact,
    FundingRow,
    KlineRow,
    LiquidationFact,
    MarkFact,
    PriceKind,
    PriceRow,
    RatioKind,
    TickerRow,
    TradeFact,
)
from orderfox_nb.sim.listings import Listing
from orderfox_nb.sim.tape_file import Frame, Snapshot

_KEPT_TRADES: Final = 10_000
_KEPT_LIQUIDATIONS: Final = 10_000
_WAITING_DIFFS: Final = 256
_SAME_ORDER_US: Final = 2_000
"""Fills of one taker order are received within that time."""
_FUNDING_US: Final = 8 * HOUR_US

_decode_levels = msgspec.json.Decoder(list[tuple[float, float]], strict=False).decode


class TapeMarket:
    """One symbol of a tape, in the integers of ``sim.facts``.

    Args:
        listing: The symbol with its steps, inferred or given.
        snapshot: The recorded book from which the diffs go on; without it the book grows from the diffs alone.
    """

    def __init__(self, listing: Listing, *, snapshot: Snapshot | None, start_us: int) -> None:
        self.listing = listing
        self.now_us = start_us
        self._tick = float(listing.tick_size)
        self._lot = float(listing.lot_size)
        self._bids: dict[int, int] = {}
        self._asks: dict[int, int] = {}
        self._update_id = 0
        self._waiting: list[Frame] = []
        self._facts: list[Fact] = []
        self._open_group: list[Frame] = []
        self._group_received_us = 0
        self._agg_id = 0
        self._trades: deque[TradeFact] = deque(maxlen=_KEPT_TRADES)
        self._minutes: list[KlineRow] = []
        self._liquidations: deque[LiquidationFact] = deque(maxlen=_KEPT_LIQUIDATIONS)
        if snapshot is not None:
            self._update_id = snapshot.update_id
            for side, levels in ((self._bids, snapshot.bids), (self._asks, snapshot.asks)):
                side.update((self.ticks(float(price)), self.lots(float(size))) for price, size in levels)

    def ticks(self, price: float) -> int:
        """Convert a price to ticks."""
        return round(price / self._tick)

    def lots(self, size: float) -> int:
        """Convert a size to lots."""
        return round(size / self._lot)

    # What the tape tells it

    def apply_diff(self, frame: Frame) -> None:
        """Take a recorded diff; one from before the snapshot changes nothing."""
        if frame.u < self._update_id:
            return
        self._update_id = frame.u
        self._waiting.append(frame)
        if len(self._waiting) >= _WAITING_DIFFS:
            self._apply_waiting()

    def apply_trade(self, frame: Frame, received_us: int) -> None:
        """Take a recorded single trade; only those of the market count, not the insurance fund's."""
        if frame.X != "MARKET":
            return
        group = self._open_group
        if group and (group[0].T, group[0].p, group[0].m) != (frame.T, frame.p, frame.m):
            self.close_group()
        self._open_group.append(frame)
        self._group_received_us = received_us

    def apply_aggregate(self, frame: Frame, aggregate_id: int) -> None:
        """Take a recorded aggregate trade, of a tape that has no single ones."""
        self._agg_id = aggregate_id
        lots = self.lots(float(frame.q))
        self._add(
            TradeFact(
                frame.T * 1000, frame.f, frame.l, aggregate_id, self.ticks(float(frame.p)), lots, frame.m, (lots,)
            )
        )

    def apply_liquidation(self, fact: LiquidationFact) -> None:
        """Take a liquidation that was played."""
        self._liquidations.append(fact)

    def close_group(self, received_us: int | None = None) -> None:
        """Aggregate the fills of the last taker order, if it is that long ago."""
        group = self._open_group
        if not group or (received_us is not None and received_us - self._group_received_us <= _SAME_ORDER_US):
            return
        first = group[0]
        fills = tuple(self.lots(float(frame.q)) for frame in group)
        # The first aggregate takes its first trade's id: the venue's own is not in a recording of single trades.
        self._agg_id = self._agg_id + 1 if self._agg_id else first.t
        self._open_group = []
        self._add(
            TradeFact(
                first.T * 1000,
                first.t,
                group[-1].t,
                self._agg_id,
                self.ticks(float(first.p)),
                sum(fills),
                first.m,
                fills,
            )
        )

    # What others ask

    @property
    def update_id(self) -> int:
        """Id of the last diff, or of the snapshot before it."""
        return self._update_id

    def advance(self, now_us: int) -> list[Fact]:
        """Return the facts since the last call."""
        self.now_us = max(self.now_us, now_us)
        facts, self._facts = self._facts, []
        return facts

    def depth(self, limit: int) -> tuple[int, list[tuple[int, int]], list[tuple[int, int]]]:
        """Return the last diff's id and the best levels of both sides, best first."""
        self._apply_waiting()
        bids = sorted(self._bids.items(), reverse=True)[:limit]
        return self._update_id, bids, sorted(self._asks.items())[:limit]

    def best(self) -> tuple[int, int, int, int]:
        """Return the best bid's ticks and lots, then the best ask's; zeros where a side is empty."""
        self._apply_waiting()
        bid, ask = max(self._bids, default=0), min(self._asks, default=0)
        return bid, self._bids.get(bid, 0), ask, self._asks.get(ask, 0)

    def aggregate_trades(
        self,
        limit: int = 500,
        *,
        from_id: int | None = None,
        start_us: int | None = None,
        end_us: int | None = None,
    ) -> list[TradeFact]:
        """Return aggregate trades, oldest first: the latest, or the first from an id or a time on."""
        self.close_group()
        trades = [
            trade
            for trade in self._trades
            if (from_id is None or trade.agg_id >= from_id)
            and (start_us is None or trade.time_us >= start_us)
            and (end_us is None or trade.time_us <= end_us)
        ]
        return trades[:limit] if from_id is not None or start_us is not None else trades[-limit:]

    def klines(
        self, interval: str, start_us: int | None = None, end_us: int | None = None, limit: int = 500
    ) -> list[KlineRow]:
        """Return bars that open within the bounds, oldest first, from the first trade's to the last one's."""
        self.close_group()
        rows = self._bars(interval)
        kept = [
            row
            for row in rows
            if (start_us is None or row.open_us >= start_us) and (end_us is None or row.open_us <= end_us)
        ]
        return kept[:limit] if start_us is not None else kept[-limit:]

    def current_kline(self, interval: str) -> KlineRow:
        """Return the last trade's bar, or an empty one where there was no trade yet."""
        if not self._minutes:
            open_us = bar_open_us(self.now_us, interval)
            last = self._last_price()
            return KlineRow(open_us, next_bar_us(open_us, interval), last, last, last, last, 0, 0, 0, 0, 0)
        if interval == "1m":
            return self._minutes[-1]
        open_us = bar_open_us(self._minutes[-1].open_us, interval)
        first = bisect_left(self._minutes, open_us, key=lambda row: row.open_us)
        return _merged(self._minutes[first:], open_us, interval)

    def ticker(self) -> TickerRow:
        """Return the statistics of what was played, at most 24 hours."""
        last = self._last_price()
        if not self._minutes:
            return TickerRow(self.now_us, self.now_us, last, last, last, last, 0, 0, 0, 0, -1, -1)
        bars = self._minutes[-1440:]
        newest = self._trades[-1]
        trades = sum(row.trades for row in bars)
        return TickerRow(
            open_us=bars[0].open_us,
            close_us=self.now_us,
            open=bars[0].open,
            high=max(row.high for row in bars),
            low=min(row.low for row in bars),
            last=last,
            last_lots=newest.fills[-1],
            lots=sum(row.lots for row in bars),
            quote=sum(row.quote for row in bars),
            trades=trades,
            first_trade_id=newest.last_trade_id - trades + 1,
            last_trade_id=newest.last_trade_id,
        )

    def mark(self) -> MarkFact | None:
        """Return nothing: the recording has neither mark price nor funding."""
        return None

    def funding(self, start_us: int | None = None, end_us: int | None = None, limit: int = 100) -> list[FundingRow]:
        """Return nothing: the recording has no funding."""
        del start_us, end_us, limit
        return []

    def single_trades(self, limit: int, *, from_id: int) -> list[TradeFact]:
        """Return the first aggregate trades from the one that holds a single trade's id, oldest first."""
        self.close_group()
        return [trade for trade in self._trades if trade.last_trade_id >= from_id][:limit]

    def price_klines(
        self, kind: PriceKind, interval: str, start_us: int | None = None, end_us: int | None = None, limit: int = 500
    ) -> list[PriceRow]:
        """Return nothing: the recording has no reference prices."""
        del kind, interval, start_us, end_us, limit
        return []

    def long_share(self, kind: RatioKind, at_us: int) -> float | None:
        """Return nothing: the recording does not have it."""
        del kind, at_us
        return None

    def open_interest(self, at_us: int | None = None) -> int | None:
        """Return nothing: the recording has no open interest."""
        del at_us
        return None

    def liquidation_orders(self, start_us: int, end_us: int, limit: int | None = None) -> list[LiquidationFact]:
        """Return the liquidations played within bounds (end exclusive), oldest first; the latest with a limit."""
        facts = [fact for fact in self._liquidations if start_us <= fact.time_us < end_us]
        return facts if limit is None else facts[-limit:]

    def liquidation_volume(self, bucket_us: int, start_us: int, end_us: int) -> list[tuple[int, str, float]]:
        """Sum the liquidations played by bucket and side; buckets are aligned to ``start_us``."""
        sums: dict[tuple[int, str], float] = {}
        for fact in self.liquidation_orders(start_us, end_us):
            key = (start_us + (fact.time_us - start_us) // bucket_us * bucket_us, fact.side)
            sums[key] = sums.get(key, 0.0) + fact.lots_filled * self._lot * fact.average_price
        return [(bucket, side, notional) for (bucket, side), notional in sorted(sums.items())]

    # Inside

    def _apply_waiting(self) -> None:
        for frame in self._waiting:
            for side, text in ((self._bids, frame.b), (self._asks, frame.a)):
                for price, size in _decode_levels(text):
                    ticks = self.ticks(price)
                    if size:
                        side[ticks] = self.lots(size)
                    else:
                        side.pop(ticks, None)
        self._waiting.clear()

    def _add(self, trade: TradeFact) -> None:
        self._facts.append(trade)
        self._trades.append(trade)
        open_us = bar_open_us(trade.time_us, "1m")
        minutes = self._minutes
        while minutes and minutes[-1].open_us + MINUTE_US < open_us:
            quiet_us, close = minutes[-1].close_us, minutes[-1].close
            minutes.append(KlineRow(quiet_us, quiet_us + MINUTE_US, close, close, close, close, 0, 0, 0, 0, 0))
        at = len(minutes) - 1
        while at >= 0 and minutes[at].open_us > open_us:
            at -= 1
        taker_lots = 0 if trade.buyer_is_maker else trade.lots
        price = trade.price
        bar = KlineRow(
            open_us,
            open_us + MINUTE_US,
            price,
            price,
            price,
            price,
            trade.lots,
            trade.lots * price,
            len(trade.fills),
            taker_lots,
            taker_lots * price,
        )
        if at >= 0 and minutes[at].open_us == open_us:
            minutes[at] = _merged([minutes[at], bar], open_us, "1m") if minutes[at].trades else bar
        else:
            minutes.insert(at + 1, bar)

    def _bars(self, interval: str) -> list[KlineRow]:
        if interval == "1m":
            return self._minutes
        groups: dict[int, list[KlineRow]] = {}
        for row in self._minutes:
            groups.setdefault(bar_open_us(row.open_us, interval), []).append(row)
        return [_merged(rows, open_us, interval) for open_us, rows in groups.items()]

    def _last_price(self) -> int:
        if self._trades:
            return self._trades[-1].price
        bid, _, ask, _ = self.best()
        return bid or ask or 1


def _merged(rows: list[KlineRow], open_us: int, interval: str) -> KlineRow:
    return KlineRow(
        open_us=open_us,
        close_us=next_bar_us(open_us, interval),
        open=rows[0].open,
        high=max(row.high for row in rows),
        low=min(row.low for row in rows),
        close=rows[-1].close,
        lots=sum(row.lots for row in rows),
        quote=sum(row.quote for row in rows),
        trades=sum(row.trades for row in rows),
        taker_lots=sum(row.taker_lots for row in rows),
        taker_quote=sum(row.taker_quote for row in rows),
    )
