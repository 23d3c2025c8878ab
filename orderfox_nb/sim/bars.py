"""The minute in progress grown from its trades, and every timeframe put together from minutes and hours."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from orderfox_nb.core.timeframes import (
    DAY_US,
    HOUR_US,
    MINUTE_US,
    TIMEFRAME_US,
    WEEK_US,
    bar_open_us,
    next_bar_us,
    previous_bar_us,
)
from orderfox_nb.sim.facts import KlineRow, TickerRow, TradeFact

if TYPE_CHECKING:
    from orderfox_nb.sim.history import History

# Columns of a table of bars, int64.
OPEN_US, OPEN, HIGH, LOW, CLOSE, LOTS, QUOTE, TRADES, TAKER_LOTS, TAKER_QUOTE = range(10)
_FIRST_MONDAY_US: Final = 4 * DAY_US


def bar_opens(times_us: np.ndarray, timeframe: str) -> np.ndarray:
    """Return the start of the bar that holds each time; ``bar_open_us`` for many."""
    if timeframe == "1M":
        months = times_us.astype("datetime64[us]").astype("datetime64[M]")
        return months.astype("datetime64[us]").astype(np.int64)
    offset = _FIRST_MONDAY_US if timeframe == "1w" else 0
    length = WEEK_US if timeframe == "1w" else TIMEFRAME_US[timeframe]
    return times_us - (times_us - offset) % length


def aggregate(rows: np.ndarray, timeframe: str) -> np.ndarray:
    """Put bars together to longer ones.

    Args:
        rows: Table of bars in time order, columns as named above.
        timeframe: Not shorter than the rows'.
    """
    if not len(rows):
        return rows
    opens = bar_opens(rows[:, OPEN_US], timeframe)
    first = np.flatnonzero(np.concatenate(([True], opens[1:] != opens[:-1])))
    last = np.append(first[1:], len(rows)) - 1
    bars = np.empty((len(first), 10), np.int64)
    bars[:, OPEN_US] = opens[first]
    bars[:, OPEN] = rows[first, OPEN]
    bars[:, HIGH] = np.maximum.reduceat(rows[:, HIGH], first)
    bars[:, LOW] = np.minimum.reduceat(rows[:, LOW], first)
    bars[:, CLOSE] = rows[last, CLOSE]
    bars[:, LOTS:] = np.add.reduceat(rows[:, LOTS:], first, axis=0)
    return bars


def kline_row(bar: list[int], timeframe: str) -> KlineRow:
    """Make the row of one bar."""
    return KlineRow(bar[OPEN_US], next_bar_us(bar[OPEN_US], timeframe), *bar[OPEN:])


class Bars:
    """The bars of one symbol: those that are over from the history, the minute in progress grown from its trades.

    Args:
        history: What happened and what will.
        start_us: From here on trades come one by one; those of the minute before are added here.
    """

    def __init__(self, history: History, *, start_us: int) -> None:
        self._history = history
        self.first_us = history.first_us
        latest = history.last_trade(start_us)
        self._last_close = latest.price if latest is not None else int(history.minutes(0, start_us)[0, OPEN])
        self._minute = self._flat(start_us - start_us % MINUTE_US)
        self._current: dict[str, tuple[int, int, np.ndarray]] = {}
        self._day: tuple[int, np.ndarray] = (-1, np.empty((0, 10), np.int64))
        for trade in history.latest_trades(1_000_000, start_us=self._minute[OPEN_US], end_us=start_us):
            self.add(trade)

    def add(self, trade: TradeFact) -> None:
        """Add the next trade to the bar of its minute."""
        self._roll(trade.time_us)
        bar, ticks, lots = self._minute, trade.price, trade.lots
        if bar[TRADES] == 0:
            bar[OPEN] = bar[HIGH] = bar[LOW] = ticks
        elif ticks > bar[HIGH]:
            bar[HIGH] = ticks
        elif ticks < bar[LOW]:
            bar[LOW] = ticks
        bar[CLOSE] = self._last_close = ticks
        quote = ticks * lots
        bar[LOTS] += lots
        bar[QUOTE] += quote
        bar[TRADES] += len(trade.fills)
        if not trade.buyer_is_maker:
            bar[TAKER_LOTS] += lots
            bar[TAKER_QUOTE] += quote

    def rows(
        self, timeframe: str, *, now_us: int, start_us: int | None, end_us: int | None, limit: int
    ) -> list[KlineRow]:
        """Return bars that open within the bounds, oldest first, the one in progress last."""
        self._roll(now_us)
        last = bar_open_us(now_us if end_us is None else min(now_us, max(end_us, 0)), timeframe)
        oldest = bar_open_us(self.first_us, timeframe)
        if start_us is None:
            first = max(oldest, previous_bar_us(last, timeframe, limit - 1))
        else:
            first = bar_open_us(max(start_us, oldest), timeframe)
            if first < start_us:
                first = next_bar_us(first, timeframe)
            last = min(last, previous_bar_us(first, timeframe, 1 - limit))
        if first > last or limit < 1:
            return []
        table = self._table(timeframe, first, next_bar_us(last, timeframe))
        return [kline_row(bar, timeframe) for bar in table.tolist()]

    def current(self, timeframe: str, *, now_us: int) -> KlineRow:
        """Return the bar in progress."""
        self._roll(now_us)
        minute = self._minute
        open_us = bar_open_us(now_us, timeframe)
        cached = self._current.get(timeframe)
        if cached is None or cached[0] != open_us or cached[1] != minute[OPEN_US]:
            closed = self._table(timeframe, open_us, minute[OPEN_US])
            cached = self._current[timeframe] = (open_us, minute[OPEN_US], closed)
        if not len(cached[2]):
            return kline_row([open_us, *minute[OPEN:]], timeframe)
        bar = cached[2][0].tolist()
        bar[HIGH], bar[LOW], bar[CLOSE] = max(bar[HIGH], minute[HIGH]), min(bar[LOW], minute[LOW]), minute[CLOSE]
        bar[LOTS:] = [so_far + now for so_far, now in zip(bar[LOTS:], minute[LOTS:], strict=True)]
        return kline_row(bar, timeframe)

    def ticker(self, *, now_us: int, last_lots: int, last_trade_id: int) -> TickerRow:
        """Return the last 24 hours, to the minute."""
        self._roll(now_us)
        minute = self._minute
        start_us = minute[OPEN_US] - DAY_US + MINUTE_US
        if self._day[0] != start_us:
            rows = self._table("1m", max(start_us, self.first_us), minute[OPEN_US])
            sums = rows[:, LOTS:].sum(axis=0)
            first = int(rows[0, OPEN]) if len(rows) else minute[OPEN]
            high = int(rows[:, HIGH].max()) if len(rows) else minute[HIGH]
            low = int(rows[:, LOW].min()) if len(rows) else minute[LOW]
            self._day = (start_us, np.array([start_us, first, high, low, 0, *sums], np.int64))
        day = self._day[1].tolist()
        trades = day[TRADES] + minute[TRADES]
        return TickerRow(
            open_us=start_us,
            close_us=now_us,
            open=day[OPEN],
            high=max(day[HIGH], minute[HIGH]),
            low=min(day[LOW], minute[LOW]),
            last=self._last_close,
            last_lots=last_lots,
            lots=day[LOTS] + minute[LOTS],
            quote=day[QUOTE] + minute[QUOTE],
            trades=trades,
            first_trade_id=last_trade_id - trades + 1,
            last_trade_id=last_trade_id,
        )

    def price_at(self, hour_us: int) -> float:
        """Return the price at a whole hour of the past, in quote currency."""
        table = self._table("1h", hour_us, hour_us + HOUR_US)
        ticks = int(table[0, OPEN]) if len(table) else self._last_close
        return ticks * self._history.tick_size

    def _table(self, timeframe: str, start_us: int, stop_us: int) -> np.ndarray:
        """Return the bars of [start, stop) up to now as a table; both must be bounds of bars, or of minutes."""
        history, parts = self._history, []
        minute = self._minute
        over_us = min(stop_us, minute[OPEN_US])
        minutes_from = start_us
        if TIMEFRAME_US[timeframe] >= HOUR_US:
            minutes_from = max(start_us, over_us - over_us % HOUR_US)
            parts.append(history.hours(start_us, minutes_from))
        parts.append(history.minutes(minutes_from, over_us))
        if minute[OPEN_US] < stop_us:
            parts.append(np.array([minute], np.int64))
        rows = np.concatenate(parts)
        return rows if timeframe == "1m" else aggregate(rows, timeframe)

    def _roll(self, now_us: int) -> None:
        if now_us >= self._minute[OPEN_US] + MINUTE_US:
            self._minute = self._flat(now_us - now_us % MINUTE_US)

    def _flat(self, open_us: int) -> list[int]:
        price = self._last_close
        return [open_us, price, price, price, price, 0, 0, 0, 0, 0]
