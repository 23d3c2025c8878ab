"""A live bot at the embedded exchange: sockets, signatures, ccxt and a database, without a server around it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from decimal import Decimal
from typing import Any

from orderfox_nb.bots.handles import OrderHandle
from orderfox_nb.clock import SystemClock
from orderfox_nb.desk.bot_runs.activity import BotActivity, BotLog
from orderfox_nb.desk.bot_runs.run import BotRun
from orderfox_nb.desk.brokers.lock import TradingLock
from orderfox_nb.desk.brokers.opening import Brokers
from orderfox_nb.desk.desk import Desk
from orderfox_nb.desk.store.records import BotRecord
from orderfox_nb.desk.store.store import Store
from orderfox_nb.desk.strategies import MANUAL, load_strategy
from orderfox_nb.sim.exchange import Exchange
from orderfox_nb.sim.matching import BID
from orderfox_nb.sim.server import SimServer
from orderfox_nb.sim.trading.orders import NewOrder

SYMBOL = "BTCUSDT"


async def until(done: Callable[[], Any], *, seconds: float = 60) -> None:
    """Wait for a state that surely comes."""
    async with asyncio.timeout(seconds):
        while not done():  # noqa: ASYNC110  (what the exchange and a thread do signals nothing here)
            await asyncio.sleep(0.01)


class CuttingLink:
    """A TCP link to the exchange's REST that breaks at a request, before or after the exchange has got it.

    Args:
        port: Of the exchange.
    """

    def __init__(self, port: int) -> None:
        self._port = port
        self._tasks: set[asyncio.Task[None]] = set()
        self.url = ""
        self.cuts = 0
        """How often it broke."""
        self._marks: list[tuple[bytes, bool]] = []

    def cut(self, start: str, *, arrives: bool, times: int = 1) -> None:
        """Break the connection at the next requests that begin so; with ``arrives`` the exchange gets them."""
        self._marks += [(start.encode(), arrives)] * times

    def mend(self) -> None:
        """Break no more."""
        self._marks.clear()

    async def __aenter__(self) -> CuttingLink:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        for task in self._tasks:
            task.cancel()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        to_reader, to_writer = await asyncio.open_connection("127.0.0.1", self._port)
        answers = asyncio.create_task(self._copy(to_reader, writer))
        try:
            while data := await reader.read(65_536):
                mark = next((mark for mark in self._marks if data.startswith(mark[0])), None)
                if mark is None:
                    to_writer.write(data)
                    continue
                self._marks.remove(mark)
                answers.cancel()
                await asyncio.wait({answers})
                if mark[1]:
                    to_writer.write(data)
                    # Its body may be a packet of its own.
                    rest = asyncio.create_task(self._copy(reader, to_writer))
                    # The exchange has answered: it has done what it was asked for.
                    await to_reader.read(1)
                    rest.cancel()
                    await asyncio.wait({rest})
                self.cuts += 1
                break
        finally:
            answers.cancel()
            writer.transport.abort()
            to_writer.transport.abort()
            self._tasks.discard(task)

    @staticmethod
    async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError):
            while data := await reader.read(65_536):
                writer.write(data)
            writer.transport.abort()


def cash(run: BotRun) -> Decimal:
    """Return the cash of a bot's ledger without funding."""
    return run.account.cash - run.account.ledger.funding


class LiveRig:
    """Makes runs of one bot whose orders go to the embedded exchange.

    Args:
        exchange: The exchange.
        server: Serves it.
        link: Its REST goes through this.
        desk: Reads its market.
        store: Where the bot is.
        lock: Has keys and addresses.
        record: The bot.
    """

    def __init__(
        self,
        exchange: Exchange,
        server: SimServer,
        link: CuttingLink,
        *,
        desk: Desk,
        store: Store,
        lock: TradingLock,
        record: BotRecord,
    ) -> None:
        self.exchange = exchange
        self.server = server
        self.link = link
        self.desk = desk
        self.store = store
        self.record = record
        self.use(lock)
        self.broker: Any = None
        self._task: asyncio.Task[None] | None = None

    def use(self, lock: TradingLock) -> None:
        """Trade with other settings."""
        self.lock = lock
        self.brokers = Brokers(lock, SystemClock())

    async def trade_by_hand(self) -> None:
        """Buy in the same account beside the bot."""
        order = NewOrder(symbol=SYMBOL, side=BID, lots=10, kind="MARKET", client_id="by-hand")
        self.exchange.trading.submit(self.exchange.trading.account("alice"), order)

    async def start(self) -> BotRun:
        """Start the bot as a runner does, from its last save, and wait until it trades."""
        instrument = (await self.desk.catalogue.resolve(SYMBOL)).instrument
        history = await self.store.history()
        saved = await history.snapshot(self.record.number)
        self.broker = await self.brokers.open(instrument, self.desk, paper=False)
        run = BotRun(
            self.record,
            load_strategy(MANUAL),
            instrument,
            activity=BotActivity(BotLog(), instrument),
            desk=self.desk,
            broker=self.broker,
            history=history,
            clock=SystemClock(),
        )
        if saved is not None:
            run.restore(saved)
            assert not run.session.live
        self._task = asyncio.create_task(run.run())
        task = self._task
        await until(lambda: run.session.live or task.done())
        if task.done():
            task.result()
        return run

    async def crash(self) -> None:
        """End everything of the bot at once, as the death of its process does: nothing is saved or cancelled."""
        assert self._task is not None
        tasks = [self._task, *self.broker._tasks]
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
        await self.broker._client.close()
        self.use(self.lock)

    async def stop(self, run: BotRun, reason: str = "stopped by hand") -> None:
        """Stop the bot as a runner does."""
        assert self._task is not None
        self._task.cancel()
        await asyncio.wait({self._task})
        await run.end(reason)

    @property
    def account(self) -> Any:
        """The account at the exchange."""
        return self.exchange.trading.accounts["alice"]

    @property
    def wallet(self) -> Decimal:
        """The account's wallet without funding: at 00, 08 and 16 h both pay it, at mark prices a moment apart."""
        fundings = [income.amount for income in self.account.incomes if income.kind == "FUNDING_FEE"]
        return self.account.wallet - sum(fundings, Decimal(0))

    def follows_account(self) -> bool:
        """Return whether a socket gets the account's stream, whose name is its listen key."""
        return any(len(name) == 64 for one in self.server.connections for name in one.delivered())

    def open_orders(self) -> list[Any]:
        """Return the orders that are open at the exchange."""
        return list(self.account.open_orders.values())

    def every_order(self) -> list[Any]:
        """Return all orders that the exchange has ever had of the account."""
        return [*self.account.done, *self.open_orders()]

    def rests(self, run: BotRun, *, away: float = 0.97, size: float = 0.003) -> OrderHandle:
        """Buy far below the market, where nothing is filled."""
        bid = run.session.desk.book.best_bid
        assert bid is not None
        return run.session.desk.buy(size, at=round(bid * away), post_only=True)
