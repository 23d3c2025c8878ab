"""The public trades of one symbol: those of the history, and what clients' orders changed since the start.

The history is a function of the seed and the time. A client's order that trades adds trades to it, or changes how one
of them was filled; the ids of everything after it move up, so that they have no holes. These changes last as long as
the market: another one of the same seed starts from the history alone.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable
from operator import attrgetter
from typing import Final

import msgspec

from orderfox_nb.sim.facts import TradeFact
from orderfox_nb.sim.history import History

MAX_CHANGES: Final = 50_000
"""Changes of one symbol that are kept; the market takes no orders beyond it."""


class TapeChange(msgspec.Struct, frozen=True):
    """Trades in the place of one of the history, or in front of one."""

    base_agg_id: int
    """Aggregate id of the history's trade."""
    base_trade_id: int
    replaces: bool
    facts: tuple[TradeFact, ...]
    time_us: int
    first_agg_id: int
    first_trade_id: int
    agg_shift: int
    """How far the ids of the history are moved from here on."""
    trade_shift: int


_base_agg_id = attrgetter("base_agg_id")
_time_us = attrgetter("time_us")


class PublicTape:
    """Every public trade of one symbol, by time and by id.

    Args:
        history: The trades without clients.
        latest: Last trade before the start.
    """

    def __init__(self, history: History, latest: TradeFact | None) -> None:
        self._history = history
        self._changes: list[TapeChange] = []
        self.agg_id = latest.agg_id if latest is not None else 0
        """Aggregate id of the last trade."""
        self.trade_id = latest.last_trade_id if latest is not None else 0
        """Id of the last single trade."""
        self._agg_shift = 0
        self._trade_shift = 0

    @property
    def is_full(self) -> bool:
        """Whether no further change can be kept."""
        return len(self._changes) >= MAX_CHANGES

    def follow(self, trade: TradeFact) -> TradeFact:
        """Add the next trade of the history and return it with its public ids."""
        if self._agg_shift or self._trade_shift:
            trade = _shifted(trade, self._agg_shift, self._trade_shift)
        self.agg_id, self.trade_id = trade.agg_id, trade.last_trade_id
        return trade

    def insert(self, trades: list[TradeFact]) -> None:
        """Add trades that the history does not have; their ids follow on the last ones."""
        self._record(self.agg_id + 1 - self._agg_shift, self.trade_id + 1 - self._trade_shift, None, trades)

    def replace(self, trade: TradeFact, trades: list[TradeFact]) -> None:
        """Add what traded in the place of the next trade of the history; ids as in ``insert``."""
        self._record(trade.agg_id, trade.first_trade_id, trade, trades)

    def latest(self, limit: int, *, end_us: int) -> list[TradeFact]:
        """Return the last trades before a time, oldest first."""
        base = self._history.latest_trades(limit, end_us=end_us)
        found = self._merged(base, base[0].time_us if len(base) == limit else 0, end_us, whole=True)
        return found[-limit:] if limit else []

    def since(self, limit: int, *, start_us: int = 0, from_agg_id: int = -1, end_us: int) -> list[TradeFact]:
        """Return the first trades from a time and an id on, before an end, oldest first."""
        base_id = self._base_id(from_agg_id, agg=True)
        base = self._history.trades_since(limit, start_us=start_us, from_agg_id=base_id, end_us=end_us)
        found = self._merged(base, start_us, end_us, whole=len(base) < limit)
        return [trade for trade in found if trade.agg_id >= from_agg_id][:limit]

    def since_single(self, limit: int, trade_id: int, *, end_us: int) -> list[TradeFact]:
        """Return the first trades from the one that holds a single trade on, oldest first."""
        base = self._history.trades_since_single(limit, self._base_id(trade_id, agg=False), end_us=end_us)
        found = self._merged(base, 0, end_us, whole=len(base) < limit)
        return [trade for trade in found if trade.last_trade_id >= trade_id][:limit]

    def _record(self, agg_id: int, trade_id: int, replaced: TradeFact | None, trades: list[TradeFact]) -> None:
        self._agg_shift += len(trades) - (replaced is not None)
        self._trade_shift += sum(len(trade.fills) for trade in trades) - (len(replaced.fills) if replaced else 0)
        self._changes.append(
            TapeChange(
                base_agg_id=agg_id,
                base_trade_id=trade_id,
                replaces=replaced is not None,
                facts=tuple(trades),
                time_us=trades[0].time_us,
                first_agg_id=trades[0].agg_id,
                first_trade_id=trades[0].first_trade_id,
                agg_shift=self._agg_shift,
                trade_shift=self._trade_shift,
            )
        )
        self.agg_id, self.trade_id = trades[-1].agg_id, trades[-1].last_trade_id

    def _base_id(self, public_id: int, *, agg: bool) -> int:
        """Return the id of the history from which a public id can be found."""
        first: Callable[[TapeChange], int] = attrgetter("first_agg_id" if agg else "first_trade_id")
        index = bisect_right(self._changes, public_id, key=first) - 1
        if index < 0:
            return public_id
        change = self._changes[index]
        last = change.facts[-1].agg_id if agg else change.facts[-1].last_trade_id
        if public_id <= last:
            return change.base_agg_id if agg else change.base_trade_id
        return public_id - (change.agg_shift if agg else change.trade_shift)

    def _merged(self, base: list[TradeFact], start_us: int, end_us: int, *, whole: bool) -> list[TradeFact]:
        """Return trades of the history with the changes among them; ``whole`` also with those behind the last."""
        changes = self._changes
        if not changes:
            return base
        found: list[TradeFact] = []
        index = (
            bisect_left(changes, base[0].agg_id, key=_base_agg_id)
            if base
            else bisect_left(changes, start_us, key=_time_us)
        )
        for trade in base:
            replaced = False
            while index < len(changes) and changes[index].base_agg_id == trade.agg_id:
                found.extend(changes[index].facts)
                replaced = changes[index].replaces
                index += 1
            if not replaced:
                before = changes[index - 1] if index else None
                found.append(_shifted(trade, before.agg_shift, before.trade_shift) if before else trade)
        if whole:
            for change in changes[index:]:
                found.extend(change.facts)
        return [trade for trade in found if start_us <= trade.time_us < end_us]


def _shifted(trade: TradeFact, agg_shift: int, trade_shift: int) -> TradeFact:
    return msgspec.structs.replace(
        trade,
        agg_id=trade.agg_id + agg_shift,
        first_trade_id=trade.first_trade_id + trade_shift,
        last_trade_id=trade.last_trade_id + trade_shift,
    )
