"""The bars of one symbol in every timeframe: the history, and the minute in progress with its trades so far."""

from __future__ import annotations

import numpy as np

from orderfox_nb.core.timeframes import (
    DAY_US,
    HOUR_US,
    MINUTE_US,
    TIMEFRAME_US,
    bar_open_us,
    next_bar_us,
    previous_bar_us,
)
from orderfox_nb.sim.bar_table import (
    LOTS,
    OPEN,
    OPEN_US,
    add_trade,
    aggregate,
    bar_row,
    day_row,
    extended,
    flat_bar,
    merged,
)
from orderfox_nb.sim.facts import BarRow, DayRow, TradeFact
from orderfox_nb.sim.history import History


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
        self._minute = flat_bar(start_us - start_us % MINUTE_US, self._last_close)
        self._changed = False
        """Whether the minute in progress differs from the history."""
        self._kept: dict[int, list[int]] = {}
        """Minutes that are over and differ from the history, by their start."""
        self._current: dict[str, tuple[int, int, np.ndarray]] = {}
        self._day: tuple[int, list[int]] = (-1, [])
        for trade in history.latest_trades(1_000_000, start_us=self._minute[OPEN_US], end_us=start_us):
            self.add(trade)

    def add(self, trade: TradeFact) -> None:
        """Add the next trade to the bar of its minute."""
        self._roll(trade.time_us)
        add_trade(self._minute, trade)
        self._last_close = trade.price

    def keep(self) -> None:
        """Keep the minute in progress as its trades make it: orders of clients have changed them."""
        self._changed = True

    def rows(
        self, timeframe: str, *, now_us: int, start_us: int | None, end_us: int | None, limit: int
    ) -> list[BarRow]:
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
        return [bar_row(bar, timeframe) for bar in table.tolist()]

    def current(self, timeframe: str, *, now_us: int) -> BarRow:
        """Return the bar in progress."""
        self._roll(now_us)
        minute = self._minute
        open_us = bar_open_us(now_us, timeframe)
        cached = self._current.get(timeframe)
        if cached is None or cached[0] != open_us or cached[1] != minute[OPEN_US]:
            closed = self._table(timeframe, open_us, minute[OPEN_US])
            cached = self._current[timeframe] = (open_us, minute[OPEN_US], closed)
        if not len(cached[2]):
            return bar_row([open_us, *minute[OPEN:]], timeframe)
        return bar_row(extended(cached[2][0].tolist(), minute), timeframe)

    def ticker(self, *, now_us: int, last_lots: int, last_trade_id: int) -> DayRow:
        """Return the last 24 hours, to the minute."""
        self._roll(now_us)
        minute = self._minute
        start_us = minute[OPEN_US] - DAY_US + MINUTE_US
        if self._day[0] != start_us:
            rows = self._table("1m", max(start_us, self.first_us), minute[OPEN_US])
            day = merged(rows) if len(rows) else [start_us, *minute[OPEN:LOTS], 0, 0, 0, 0, 0]
            self._day = (start_us, day)
        return day_row(
            [start_us, *extended(self._day[1], minute)[OPEN:]],
            close_us=now_us,
            last=self._last_close,
            last_lots=last_lots,
            last_trade_id=last_trade_id,
        )

    def price_at(self, hour_us: int) -> float:
        """Return the price at a whole hour of the past, in quote currency."""
        table = self._table("1h", hour_us, hour_us + HOUR_US)
        ticks = int(table[0, OPEN]) if len(table) else self._last_close
        return ticks * self._history.tick_size

    def _table(self, timeframe: str, start_us: int, stop_us: int) -> np.ndarray:
        """Return the bars of [start, stop) up to now as a table; both must be bounds of bars, or of minutes."""
        history = self._history
        parts: list[np.ndarray] = []
        minute = self._minute
        over_us = min(stop_us, minute[OPEN_US])
        minutes_from = start_us
        if TIMEFRAME_US[timeframe] >= HOUR_US:
            minutes_from = max(start_us, over_us - over_us % HOUR_US)
            parts.append(self._with_kept_hours(history.hours(start_us, minutes_from)))
        parts.append(self._with_kept(history.minutes(minutes_from, over_us)))
        if minute[OPEN_US] < stop_us:
            parts.append(np.array([minute], np.int64))
        rows = np.concatenate(parts)
        return rows if timeframe == "1m" else aggregate(rows, timeframe)

    def _with_kept(self, rows: np.ndarray) -> np.ndarray:
        """Return minutes with those that differ from the history in their places."""
        if not self._kept or not len(rows):
            return rows
        opens = rows[:, OPEN_US]
        kept = [minute for open_us, minute in self._kept.items() if opens[0] <= open_us <= opens[-1]]
        if kept:
            rows = rows.copy()
            rows[np.searchsorted(opens, [minute[OPEN_US] for minute in kept])] = kept
        return rows

    def _with_kept_hours(self, rows: np.ndarray) -> np.ndarray:
        """Return hours of which those with a changed minute are summed again."""
        if not self._kept or not len(rows):
            return rows
        opens = rows[:, OPEN_US]
        changed = {open_us - open_us % HOUR_US for open_us in self._kept}
        changed = [hour_us for hour_us in sorted(changed) if opens[0] <= hour_us <= opens[-1]]
        if changed:
            rows = rows.copy()
        for hour_us in changed:
            minutes = self._with_kept(self._history.minutes(hour_us, hour_us + HOUR_US))
            rows[np.searchsorted(opens, hour_us)] = aggregate(minutes, "1h")[0]
        return rows

    def _roll(self, now_us: int) -> None:
        if now_us >= self._minute[OPEN_US] + MINUTE_US:
            if self._changed:
                self._kept[self._minute[OPEN_US]] = self._minute
                self._changed = False
            self._minute = flat_bar(now_us - now_us % MINUTE_US, self._last_close)
