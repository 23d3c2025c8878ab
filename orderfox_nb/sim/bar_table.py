"""Tables of bars, a row each, and the same row as a list while its bar grows."""

from __future__ import annotations

from typing import Final

import numpy as np

from orderfox_nb.core.timeframes import DAY_US, TIMEFRAME_US, WEEK_US, next_bar_us
from orderfox_nb.sim.facts import BarRow, DayRow, TradeFact

# Columns, int64: prices in ticks, sizes in lots, quote amounts in ticks times lots.
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
    """Merge bars into longer ones.

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


def no_bars() -> np.ndarray:
    """Return a table without rows."""
    return np.empty((0, 10), np.int64)


def flat_bar(open_us: int, price: int) -> list[int]:
    """Return a bar without trades at the price before it."""
    return [open_us, price, price, price, price, 0, 0, 0, 0, 0]


def add_trade(bar: list[int], trade: TradeFact) -> None:
    """Add the next trade to a bar."""
    price, lots = trade.price, trade.lots
    if bar[TRADES] == 0:
        bar[OPEN] = bar[HIGH] = bar[LOW] = price
    elif price > bar[HIGH]:
        bar[HIGH] = price
    elif price < bar[LOW]:
        bar[LOW] = price
    bar[CLOSE] = price
    quote = price * lots
    bar[LOTS] += lots
    bar[QUOTE] += quote
    bar[TRADES] += len(trade.fills)
    if not trade.buyer_is_maker:
        bar[TAKER_LOTS] += lots
        bar[TAKER_QUOTE] += quote


def extended(bar: list[int], later: list[int]) -> list[int]:
    """Return a bar that also covers a later one."""
    sums = [before + after for before, after in zip(bar[LOTS:], later[LOTS:], strict=True)]
    return [bar[OPEN_US], bar[OPEN], max(bar[HIGH], later[HIGH]), min(bar[LOW], later[LOW]), later[CLOSE], *sums]


def merged(rows: np.ndarray) -> list[int]:
    """Return the one bar that covers every bar of a table."""
    sums = rows[:, LOTS:].sum(axis=0).tolist()
    high, low = int(rows[:, HIGH].max()), int(rows[:, LOW].min())
    return [int(rows[0, OPEN_US]), int(rows[0, OPEN]), high, low, int(rows[-1, CLOSE]), *sums]


def bar_row(bar: list[int], timeframe: str) -> BarRow:
    """Return one bar of a timeframe."""
    return BarRow(*bar, close_us=next_bar_us(bar[OPEN_US], timeframe))


def day_row(bar: list[int], *, close_us: int, last: int, last_lots: int, last_trade_id: int) -> DayRow:
    """Return the 24 h statistics from the one bar that covers them."""
    return DayRow(
        open_us=bar[OPEN_US],
        close_us=close_us,
        open=bar[OPEN],
        high=bar[HIGH],
        low=bar[LOW],
        last=last,
        last_lots=last_lots,
        lots=bar[LOTS],
        quote=bar[QUOTE],
        trades=bar[TRADES],
        first_trade_id=last_trade_id - max(0, bar[TRADES] - 1),
        last_trade_id=last_trade_id,
    )
