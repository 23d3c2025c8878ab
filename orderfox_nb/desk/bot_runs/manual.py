"""Orders by hand: a bot without callbacks for each symbol, which is stored and continued like every other one."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias

from orderfox_nb.bots.handles import OrderHandle
from orderfox_nb.desk.strategies import MANUAL
from orderfox_nb.desk.watched import Watchers
from orderfox_nb.errors import BadValue, OrderRejected, VenueUnreachable

if TYPE_CHECKING:
    from orderfox_nb.desk.bot_runs.run import BotRun
    from orderfox_nb.desk.bot_runs.runner import BotRunner
    from orderfox_nb.desk.desk import Desk
    from orderfox_nb.desk.store.records import BotRecord
    from orderfox_nb.desk.store.store import Store

TradeSide: TypeAlias = Literal["buy", "sell", "long", "short", "close"]

READY_S: Final = 10.0
"""How long a trade waits for the market's data."""
ANSWER_S: Final = 5.0
"""How long it waits for the venue's answer."""
LIVE_READY_S: Final = 40.0
"""How long a trade waits for a live bot, which logs in at the venue before it trades."""
LIVE_ANSWER_S: Final = 20.0


class ManualTrader:
    """Gives orders by hand.

    Args:
        store: Where the bots are that hold the positions.
        runner: Runs them.
    """

    def __init__(self, store: Store, runner: BotRunner) -> None:
        self._store = store
        self._runner = runner
        self._creating = asyncio.Lock()

    async def trade(
        self,
        desk: Desk,
        symbol: str,
        side: TradeSide,
        amount: float | None,
        price: float | None,
        *,
        paper: bool = True,
    ) -> tuple[BotRun, OrderHandle]:
        """Send an order and wait for the venue's first answer.

        Args:
            desk: Desk of the venue.
            symbol: Its canonical id.
            side: ``long`` buys and ``short`` sells; ``close`` closes the position and needs no amount.
            amount: Base quantity.
            price: Price of a limit order, None for a market order.
            paper: Whether the order stays on paper.

        Raises:
            BadValue: An amount or a price that cannot be used, or nothing to close.
            OrderRejected: The venue refuses the order.
            VenueUnreachable: The market's data are not whole.
        """
        record = await self._bot(desk.venue, symbol, paper=paper, closes=side == "close")
        run = await self._ready(desk, record)
        if side == "close":
            order = run.close_position()
            if order is None:
                raise BadValue("side", side, f"an open position of {symbol}")
        elif amount is None:
            raise BadValue("amount", "", "a base quantity above 0")
        else:
            way = "buy" if side in ("buy", "long") else "sell"
            order = run.order(way, amount, price)
        answer_s = LIVE_ANSWER_S if run.live else ANSWER_S
        with suppress(TimeoutError):
            await _until(run, lambda: order.done or (order.state == "open" and price is not None), answer_s)
        if order.state == "rejected" and order.rejection is not None:
            raise OrderRejected(order.rejection.code, order.rejection.message)
        return run, order

    async def _bot(self, venue: str, symbol: str, *, paper: bool, closes: bool) -> BotRecord:
        """Return the bot of a symbol, which is made or started where that is needed.

        Raises:
            BadValue: There is nothing to close.
        """
        async with self._creating:
            bots = await self._store.bots()
            wanted = MANUAL, venue, paper
            found = [
                row for row in await bots.of_symbol(symbol) if (row.strategy, row.venue, row.is_paper_trading) == wanted
            ]
            if found and found[0].is_active:
                return found[0]
            if closes and not (found and await self._holds(found[0])):
                raise BadValue("side", "close", f"buy or sell: there is no open position of {symbol}")
            if found:
                record = await bots.change(found[0].id, {"is_active": True, "note": ""})
            else:
                name = f"Manual {symbol}" if paper else f"Manual {symbol}, live"
                values: dict[str, Any] = {"name": name, "symbol": symbol, "venue": venue}
                values |= {"description": "Orders given by hand", "strategy": MANUAL, "params": {}}
                record = await bots.create({**values, "is_active": True, "is_paper_trading": paper})
            await self._runner.follow(record)
            return record

    async def _holds(self, record: BotRecord) -> bool:
        """Return whether a bot that does not run has a position; what it does not know it may have."""
        last = await (await self._store.history()).latest_equity([record.number])
        return record.number not in last or bool(last[record.number].position)

    async def _ready(self, desk: Desk, record: BotRecord) -> BotRun:
        self._runner.start()
        ready_s = READY_S if record.is_paper_trading else LIVE_READY_S
        with suppress(TimeoutError):
            await _until(self._runner, lambda: self._runner.trades(record.id), ready_s)
            if (run := self._runner.run_of(record.id)) is not None:
                return run
        raise VenueUnreachable(desk.venue, self._runner.note(record) or "its data are not whole")


async def _until(watched: Watchers, condition: Callable[[], bool], seconds: float) -> None:
    """Wait until something is true, asked after each change.

    Raises:
        TimeoutError: It was not within so long.
    """
    changed = asyncio.Event()
    watched.watch(changed.set)
    try:
        async with asyncio.timeout(seconds):
            while not condition():
                changed.clear()
                await changed.wait()
    finally:
        watched.unwatch(changed.set)
