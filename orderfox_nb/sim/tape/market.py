"""The market that a tape has played so far: its own book, trades, bars and liquidations."""

from __future__ import annotations

from collections import deque
from typing import Final

from orderfox_nb.core.timeframes import bar_open_us
from orderfox_nb.sim.bar_table import bar_row, day_row, flat_bar
from orderfox_nb.sim.facts import BarRow, DayRow, Fact, LiquidationFact, TradeFact
from orderfox_nb.sim.listings import ListedContract
from orderfox_nb.sim.served_market import Levels, ServedMarket
from orderfox_nb.sim.tape.bars import TapeBars
from orderfox_nb.sim.tape.book import TapeBook, Units
from orderfox_nb.sim.tape.records import RecordedFrame, Snapshot

_KEPT_TRADES: Final = 10_000
_KEPT_LIQUIDATIONS: Final = 10_000
_SAME_ORDER_US: Final = 2_000
"""Fills of one taker order are received within that time."""


class TapeMarket(ServedMarket):
    """One symbol of a tape, in the integers of ``sim.facts``; a recording has no reference prices and no funding.

    Args:
        listing: The symbol with its steps, inferred or given.
        snapshot: The recorded book from which the diffs continue.
        start_us: Time at the start of the tape.
    """

    def __init__(self, listing: ListedContract, *, snapshot: Snapshot | None, start_us: int) -> None:
        self.listing = listing
        self.now_us = start_us
        self.units = Units(listing)
        self.book = TapeBook(self.units, snapshot=snapshot)
        self._bars = TapeBars()
        self._facts: list[Fact] = []
        self._open_group: list[RecordedFrame] = []
        self._group_received_us = 0
        self._agg_id = 0
        self._trades: deque[TradeFact] = deque(maxlen=_KEPT_TRADES)
        self._liquidations: deque[LiquidationFact] = deque(maxlen=_KEPT_LIQUIDATIONS)

    # Recorded events

    def apply_trade(self, frame: RecordedFrame, received_us: int) -> None:
        """Apply a recorded single trade; only those of the market count, not the insurance fund's."""
        if frame.X != "MARKET":
            return
        group = self._open_group
        if group and (group[0].T, group[0].p, group[0].m) != (frame.T, frame.p, frame.m):
            self.close_group()
        self._open_group.append(frame)
        self._group_received_us = received_us

    def apply_aggregate(self, frame: RecordedFrame, aggregate_id: int) -> None:
        """Apply a recorded aggregate trade, of a tape that has no single ones."""
        self._add(frame, frame.f, frame.l, aggregate_id, (self.units.lots(float(frame.q)),))

    def apply_liquidation(self, fact: LiquidationFact) -> None:
        """Apply a liquidation that was played."""
        self._liquidations.append(fact)

    def close_group(self, received_us: int | None = None) -> None:
        """Aggregate the fills of the last taker order, if it is that long ago."""
        group = self._open_group
        if not group or (received_us is not None and received_us - self._group_received_us <= _SAME_ORDER_US):
            return
        self._open_group = []
        # The first aggregate has its first trade's id: the venue's own is not in a recording of single trades.
        agg_id = self._agg_id + 1 if self._agg_id else group[0].t
        self._add(group[0], group[0].t, group[-1].t, agg_id, tuple(self.units.lots(float(each.q)) for each in group))

    # Answers

    @property
    def update_id(self) -> int:
        return self.book.update_id

    def advance(self, now_us: int) -> list[Fact]:
        self.now_us = max(self.now_us, now_us)
        facts, self._facts = self._facts, []
        return facts

    def depth(self, limit: int) -> tuple[int, Levels, Levels]:
        return self.book.depth(limit)

    def best(self) -> tuple[int, int, int, int]:
        return self.book.best()

    def aggregate_trades(
        self,
        limit: int = 500,
        *,
        from_id: int | None = None,
        start_us: int | None = None,
        end_us: int | None = None,
    ) -> list[TradeFact]:
        self.close_group()
        trades = [
            trade
            for trade in self._trades
            if (from_id is None or trade.agg_id >= from_id)
            and (start_us is None or trade.time_us >= start_us)
            and (end_us is None or trade.time_us <= end_us)
        ]
        return trades[:limit] if from_id is not None or start_us is not None else trades[-limit:]

    def single_trades(self, limit: int, *, from_id: int) -> list[TradeFact]:
        self.close_group()
        return [trade for trade in self._trades if trade.last_trade_id >= from_id][:limit]

    def klines(
        self, interval: str, start_us: int | None = None, end_us: int | None = None, limit: int = 500
    ) -> list[BarRow]:
        self.close_group()
        return self._bars.rows(interval, start_us, end_us, limit)

    def current_kline(self, interval: str) -> BarRow:
        """Return the last trade's bar, or an empty one where there was no trade yet."""
        if self._bars:
            return self._bars.current(interval)
        return bar_row(flat_bar(bar_open_us(self.now_us, interval), self._last_price()), interval)

    def ticker(self) -> DayRow:
        """Return the statistics of what was played, at most 24 hours."""
        last, newest = self._last_price(), self._trades[-1] if self._trades else None
        return day_row(
            self._bars.day() if newest else flat_bar(self.now_us, last),
            close_us=self.now_us,
            last=last,
            last_lots=newest.fills[-1] if newest else 0,
            last_trade_id=newest.last_trade_id if newest else -1,
        )

    def liquidation_orders(self, start_us: int, end_us: int, limit: int | None = None) -> list[LiquidationFact]:
        facts = [fact for fact in self._liquidations if start_us <= fact.time_us < end_us]
        return facts if limit is None else facts[-limit:]

    def liquidation_volume(self, bucket_us: int, start_us: int, end_us: int) -> list[tuple[int, str, float]]:
        sums: dict[tuple[int, str], float] = {}
        for fact in self.liquidation_orders(start_us, end_us):
            key = (start_us + (fact.time_us - start_us) // bucket_us * bucket_us, fact.side)
            sums[key] = sums.get(key, 0.0) + fact.lots_filled * self.units.lot * fact.average_price
        return [(bucket, side, notional) for (bucket, side), notional in sorted(sums.items())]

    # Inside

    def _add(self, frame: RecordedFrame, first_id: int, last_id: int, agg_id: int, fills: tuple[int, ...]) -> None:
        self._agg_id = agg_id
        ticks, lots = self.units.ticks(float(frame.p)), sum(fills)
        trade = TradeFact(frame.T * 1000, first_id, last_id, agg_id, ticks, lots, frame.m, fills)
        self._facts.append(trade)
        self._trades.append(trade)
        self._bars.add(trade)

    def _last_price(self) -> int:
        if self._trades:
            return self._trades[-1].price
        bid, _, ask, _ = self.best()
        return bid or ask or 1
