"""The REST routes of bots: created, read, changed, deleted and counted."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from time import thread_time
from typing import TYPE_CHECKING, Any, Final

import msgspec
from msgspec import UNSET

from orderfox_nb.core.symbols import canonical
from orderfox_nb.desk.bot_runs.described import described
from orderfox_nb.desk.bot_runs.known import bot_identity
from orderfox_nb.desk.parameters import SYMBOL, Parameter, limit
from orderfox_nb.desk.store.records import BotRecord, EquityRecord
from orderfox_nb.desk.strategies import check_strategy, described_strategies
from orderfox_nb.errors import BadValue, BotIsActive, LiveTradingRefused, UnknownBot
from orderfox_nb.server.bodies import read_body
from orderfox_nb.server.handlers.base import READS, RestHandler
from orderfox_nb.server.operations import Operation
from orderfox_nb.views.bot_contract import (
    BotAnswer,
    BotChanges,
    BotCounts,
    BotPage,
    BotService,
    BotsHealth,
    BotsKilled,
    NewBot,
    StrategiesAnswer,
    StrategyAnswer,
)

if TYPE_CHECKING:
    from orderfox_nb.desk.store.bots import BotTable
    from orderfox_nb.server.limits import RateLimit

BOT_ID: Final = Parameter(
    name="id", place="path", description="Id of a bot", example="0e8f7a52-8b7e-4d0a-9c1d-0a3a9a1f6b11"
)
PAGE: Final = Parameter(
    name="page", kind="integer", default=1, low=1, high=1_000_000, description="Page, the first is 1"
)
PAGE_SIZE: Final = limit(50, 100, "Bots of a page", name="page_size")
IS_ACTIVE: Final = Parameter(name="is_active", kind="boolean", required=True, description="Whether it should run")
ACTIVE_ONLY: Final = Parameter(name="active_only", kind="boolean", default=False, description="Only active bots")


class BotHandler(RestHandler):
    """A route of bots: its writes have a higher limit than requests that a venue must answer."""

    @property
    def write_rate(self) -> RateLimit:
        return self.service.bot_writes

    async def bots(self) -> BotTable:
        """Return the table of bots.

        Raises:
            DatabaseUnavailable: The database cannot be opened.
        """
        return await self.service.store.bots()

    def value(self, rule: Parameter) -> Any:
        """Check a parameter of the query.

        Raises:
            BadValue: It cannot be used.
        """
        return rule.read(self.get_query_argument(rule.name, None))

    def check_mode(self, paper: bool) -> None:
        """Check that a bot may trade as it should.

        Raises:
            LiveTradingRefused: On paper only, and it should not.
        """
        if not paper and self.service.lock.reason:
            raise LiveTradingRefused(self.service.lock.reason)

    async def described(self, *records: BotRecord) -> list[BotAnswer]:
        """Return bots with their current state.

        Raises:
            DatabaseUnavailable: The database does not answer.
        """
        runner = self.service.runner
        numbers = [record.number for record in records if runner.shown_run(record.id) is None]
        saved: Mapping[int, EquityRecord] = {}
        if numbers:
            saved = await (await self.service.store.history()).latest_equity(numbers)
        return [described(record, runner, saved) for record in records]

    async def one_text(self, record: BotRecord) -> bytes:
        """Return the text of a bot."""
        return msgspec.json.encode((await self.described(record))[0])

    async def found(self, bot_id: str) -> BotRecord:
        """Return the bot of a path.

        Raises:
            UnknownBot: There is none of this id.
        """
        return await (await self.bots()).get(bot_identity(bot_id))

    async def followed(self, bot_id: str, changes: dict[str, Any]) -> BotRecord:
        """Change a bot, start or stop it, and return it.

        Raises:
            UnknownBot: There is none of this id.
        """
        if "is_active" in changes:
            # What is known of its last end does not concern the next one.
            changes = {**changes, "note": ""}
        record = await (await self.bots()).change(bot_id, changes)
        await self.service.runner.follow(record)
        return record

    async def market(self, symbol: str, venue: str | None) -> dict[str, str]:
        """Return the columns that say where a bot trades.

        Raises:
            UnknownSymbol: The venue does not list the symbol.
            BadValue: No such venue.
        """
        desk = await self.service.desk(venue)
        return {"venue": desk.venue, "symbol": (await desk.catalogue.resolve(symbol)).instrument.symbol}


class BotsRoute(BotHandler):
    """Bots, newest first."""

    route = "bots"

    @classmethod
    def operations(cls) -> Mapping[str, Operation]:
        return {
            "get": Operation(
                name="bots",
                summary="Bots, newest first",
                model=BotPage,
                query=(PAGE, PAGE_SIZE),
                headers={"Allow": "The methods that this client may use here: POST only where it may change bots"},
            ),
            "post": Operation(name="create-bot", summary="Create a bot", model=BotAnswer, body=NewBot, status=201),
        }

    async def get(self) -> None:
        await self._answered(by=self.listed)

    head = get

    async def post(self) -> None:
        await self._answered(by=self.created)

    async def listed(self) -> bytes:
        """Return a page of bots."""
        page, size = self.value(PAGE), self.value(PAGE_SIZE)
        rows, total = await (await self.bots()).page(page, size)
        # The methods that this client may use: a page enables its controls accordingly.
        writes = await self.may_write()
        self.set_header("Allow", ", ".join(self.allowed() if writes else READS))
        return msgspec.json.encode(BotPage(bots=await self.described(*rows), total=total, page=page, page_size=size))

    async def created(self) -> bytes:
        """Create a bot."""
        given = read_body(self.request.body, NewBot)
        self.check_mode(given.is_paper_trading)
        if given.strategy is not None:
            await asyncio.to_thread(check_strategy, given.strategy, given.params)
        values = {name: getattr(given, name) for name in ("description", "is_active", "is_paper_trading")}
        values |= {"name": given.name.strip(), "strategy": given.strategy, "params": given.params}
        # Before the venue is asked for the symbol: a broken database is reported at once.
        bots = await self.bots()
        values |= await self.market(given.symbol, given.venue)
        record = await bots.create(values)
        await self.service.runner.follow(record)
        self.set_status(201)
        return await self.one_text(record)


class BotRoute(BotHandler):
    """One bot."""

    route = "bot"
    path = (BOT_ID,)

    @classmethod
    def operations(cls) -> Mapping[str, Operation]:
        return {
            "get": Operation(name="bot", summary="A bot", model=BotAnswer),
            "patch": Operation(name="change-bot", summary="Change a bot", model=BotAnswer, body=BotChanges),
            "delete": Operation(name="delete-bot", summary="Delete a bot with its orders and fills", status=204),
        }

    async def get(self, bot_id: str) -> None:
        await self._answered(bot_id, by=self.one)

    head = get

    async def patch(self, bot_id: str) -> None:
        await self._answered(bot_id, by=self.changed)

    async def delete(self, bot_id: str) -> None:
        await self._answered(bot_id, by=self.deleted)

    async def one(self, bot_id: str) -> bytes:
        """Return a bot."""
        return await self.one_text(await self.found(bot_id))

    async def changed(self, bot_id: str) -> bytes:
        """Change a bot."""
        given = read_body(self.request.body, BotChanges)
        before = await self.found(bot_id)
        changes = {name: value for name, value in msgspec.structs.asdict(given).items() if value is not UNSET}
        self.check_mode(changes.get("is_paper_trading", True))
        strategy, params = changes.get("strategy", before.strategy), changes.get("params", before.params)
        if strategy is not None and changes.keys() & {"strategy", "params"}:
            await asyncio.to_thread(check_strategy, strategy, params)
        if "name" in changes:
            changes["name"] = changes["name"].strip()
        if "symbol" in changes or "venue" in changes:
            changes |= await self.market(changes.get("symbol", before.symbol), changes.get("venue", before.venue))
        if not changes:
            return await self.one_text(before)
        if before.is_active and before.strategy is not None and changes.get("is_active", True):
            fixed = ("symbol", "venue", "strategy", "params", "is_paper_trading")
            if any(changes.get(name, getattr(before, name)) != getattr(before, name) for name in fixed):
                raise BotIsActive
        return await self.one_text(await self.followed(before.id, changes))

    async def deleted(self, bot_id: str) -> bytes:
        """Delete a bot."""
        await (await self.bots()).delete(bot_identity(bot_id))
        await self.service.runner.forget(bot_identity(bot_id))
        self.set_status(204)
        return b""


class BotStatusRoute(BotHandler):
    """Start or stop a bot."""

    route = "bot-status"
    path = (BOT_ID,)
    query = (IS_ACTIVE,)
    method = "patch"
    model = BotAnswer

    async def patch(self, bot_id: str) -> None:
        await self._answered(bot_id)

    async def answer(self, *args: str) -> bytes:
        active = self.value(IS_ACTIVE)
        if active is None:
            raise BadValue("is_active", "", "true or false")
        return await self.one_text(await self.followed(bot_identity(args[0]), {"is_active": active}))


class KillRoute(BotHandler):
    """Stop every active bot that has a strategy, and cancel its orders; positions stay."""

    route = "kill-bots"

    @classmethod
    def operations(cls) -> Mapping[str, Operation]:
        summary = (cls.__doc__ or "").split("\n", 1)[0]
        return {"post": Operation(name=cls.route, summary=summary, model=BotsKilled)}

    async def post(self) -> None:
        await self._answered()

    async def answer(self, *_args: str) -> bytes:
        active = [record for record in await (await self.bots()).active() if record.strategy is not None]
        ended = await asyncio.gather(*(self._ended(record.id) for record in active))
        stopped = [bot_id for bot_id in ended if bot_id is not None]
        count = "1 bot" if len(stopped) == 1 else f"{len(stopped)} bots"
        message = f"{count} stopped: orders are cancelled, positions stay"
        return msgspec.json.encode(BotsKilled(stopped=stopped, message=message))

    async def _ended(self, bot_id: str) -> str | None:
        try:
            await self.followed(bot_id, {"is_active": False})
        except UnknownBot:
            # Deleted meanwhile.
            return None
        return bot_id


class BotReadHandler(BotHandler):
    """A route of bots that is only read."""

    async def get(self, *args: str) -> None:
        await self._answered(*args)

    head = get


class StrategiesRoute(BotReadHandler):
    """The installed strategies with their parameters."""

    route = "strategies"
    model = StrategiesAnswer

    async def answer(self, *_args: str) -> bytes:
        strategies, seconds = await asyncio.to_thread(_described_strategies)
        self.spend(seconds)
        return msgspec.json.encode(StrategiesAnswer(strategies=strategies))


def _described_strategies() -> tuple[list[StrategyAnswer], float]:
    """Return the strategies, and the processor time that it took to describe them."""
    started_s = thread_time()
    return described_strategies(), thread_time() - started_s


class BotsHealthRoute(BotReadHandler):
    """Whether bots can be stored, and how many there are."""

    route = "bots-health"
    model = BotsHealth

    async def answer(self, *_args: str) -> bytes:
        counts = await (await self.bots()).counts()
        totals = BotService(
            bots=sum(row.total for row in counts),
            active=sum(row.active for row in counts),
            running=self.service.runner.running,
            symbols_tracked=len(counts),
        )
        store = self.service.store
        answer = BotsHealth(
            status="healthy", timestamp=time.time_ns() // 1_000_000, database=store.state, bot_service=totals
        )
        return msgspec.json.encode(answer)


class ActiveSymbolsRoute(BotReadHandler):
    """Symbols that have an active bot, in alphabetical order."""

    route = "bot-symbols-active"
    model = list[str]

    async def answer(self, *_args: str) -> bytes:
        return msgspec.json.encode([row.symbol for row in await (await self.bots()).counts() if row.active])


class SymbolStatsRoute(BotReadHandler):
    """How many bots each symbol has, in alphabetical order."""

    route = "bot-symbols-stats"
    model = list[BotCounts]

    async def answer(self, *_args: str) -> bytes:
        counts = await (await self.bots()).counts()
        rows = [BotCounts(symbol=row.symbol, total_count=row.total, active_count=row.active) for row in counts]
        return msgspec.json.encode(rows)


class SymbolBotsRoute(BotReadHandler):
    """The bots of a symbol, newest first."""

    route = "bot-symbol"
    path = (SYMBOL,)
    query = (ACTIVE_ONLY,)
    model = list[BotAnswer]

    async def answer(self, *args: str) -> bytes:
        active_only = self.value(ACTIVE_ONLY)
        bots = await self.bots()
        found = await bots.of_symbol(canonical(args[0]), active_only=active_only)
        if not found:
            symbol = (await self.market(args[0], None))["symbol"]
            found = await bots.of_symbol(symbol, active_only=active_only)
        return msgspec.json.encode(await self.described(*found))
