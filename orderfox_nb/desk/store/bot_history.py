"""The history of bots: their orders, fills, equity and the state of their sessions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, TypeVar

import msgspec
from sqlalchemy import Table, delete, func, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection

from orderfox_nb.bots.orders import DONE
from orderfox_nb.clock import Clock
from orderfox_nb.desk.store.database import Database
from orderfox_nb.desk.store.lease import check_epoch
from orderfox_nb.desk.store.records import EquityRecord, FillRecord, OrderRecord, SessionRows
from orderfox_nb.desk.store.tables import bots, equity, fills, orders, sessions
from orderfox_nb.errors import UnknownBot

Record = TypeVar("Record", OrderRecord, FillRecord, EquityRecord)

MAX_KEPT: Final = 200_000
"""Orders, fills and samples of equity that are kept of a bot, each; the oldest are deleted."""
PRUNED_EVERY: Final = 1_000


class BotHistory:
    """The rows of every bot.

    Args:
        database: Open.
        clock: Dates snapshots.
    """

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def save(self, bot: int, rows: SessionRows, *, epoch: int | None = None) -> None:
        """Store what a session did since its last save, whole or not at all; twice is as once.

        Args:
            bot: Its ``number``.
            rows: Fills and equity that are stored already stay as they are.
            epoch: Epoch of the lease under which the bot runs; None to save without one.

        Raises:
            UnknownBot: It was deleted.
            LeaseLost: Another server has run the bots since.
        """

        async def work(connection: AsyncConnection) -> None:
            if epoch is not None:
                await check_epoch(connection, epoch)
            # Locked until the end, so that the bot is not deleted in between.
            found = await connection.execute(select(bots.c.number).where(bots.c.number == bot).with_for_update())
            if found.first() is None:
                raise UnknownBot(str(bot))
            await _put(connection, orders, bot, rows.orders, replaces=True)
            await _put(connection, fills, bot, rows.fills)
            await _put(connection, equity, bot, rows.equity)
            if rows.snapshot is not None:
                values = {"bot": bot, "saved_us": self._clock.now_us(), "snapshot": rows.snapshot}
                await _upsert(connection, sessions, [values], replaces=True)
            await _prune(connection, bot, rows)

        await self._database.write(work)

    async def latest_equity(self, numbers: Sequence[int] | None = None) -> Mapping[int, EquityRecord]:
        """Return the last stored moment of each bot that has one, by the bot's number.

        Args:
            numbers: Numbers of the bots; None for all.
        """
        rows = equity.alias()
        last = select(func.max(rows.c.time_us)).where(rows.c.bot == bots.c.number).correlate(bots).scalar_subquery()
        newest = (equity.c.bot == bots.c.number) & (equity.c.time_us == last)
        query = select(*equity.c).select_from(bots).join(equity, newest)
        if numbers is not None:
            query = query.where(bots.c.number.in_(numbers))

        async def work(connection: AsyncConnection) -> Mapping[int, EquityRecord]:
            found = await connection.execute(query)
            return {row.bot: msgspec.convert(row, EquityRecord, from_attributes=True) for row in found}

        return await self._database.read(work)

    async def snapshot(self, bot: int) -> bytes | None:
        """Return the state of a bot's session at its last save, None if it never ran."""

        async def work(connection: AsyncConnection) -> bytes | None:
            query = select(sessions.c.snapshot).where(sessions.c.bot == bot)
            return (await connection.execute(query)).scalar_one_or_none()

        return await self._database.read(work)

    async def run_rows(self, bot: int, *, after_order: int, after_fill: int, limit: int) -> SessionRows:
        """Return the newest orders and fills with higher numbers than these, and the state they belong to.

        Args:
            bot: Its ``number``.
            after_order: Number of an order.
            after_fill: Number of a fill.
            limit: Largest number of orders, and of fills; both are returned oldest first.
        """

        async def rows_of(connection: AsyncConnection, table: Table, after: int, kind: type[Record]) -> list[Record]:
            query = select(*table.c[1:]).where(table.c.bot == bot, table.c.number > after)
            found = await connection.execute(query.order_by(table.c.number.desc()).limit(limit))
            return [msgspec.convert(row, kind, from_attributes=True) for row in found][::-1]

        async def work(connection: AsyncConnection) -> SessionRows:
            query = select(sessions.c.snapshot).where(sessions.c.bot == bot)
            return SessionRows(
                snapshot=(await connection.execute(query)).scalar_one_or_none(),
                orders=await rows_of(connection, orders, after_order, OrderRecord),
                fills=await rows_of(connection, fills, after_fill, FillRecord),
            )

        return await self._database.read(work)

    async def orders(self, bot: int, *, limit: int, before: int | None = None) -> Sequence[OrderRecord]:
        """Return orders, newest first, whose number is below ``before``."""
        return await self._newest(orders, OrderRecord, bot, limit, before)

    async def open_orders(self, bot: int, *, limit: int) -> Sequence[OrderRecord]:
        """Return the orders that were open at the last save, newest first."""
        query = select(*orders.c[1:]).where(orders.c.bot == bot, orders.c.state.not_in(sorted(DONE)))
        return await self._records(query.order_by(orders.c.number.desc()).limit(limit), OrderRecord)

    async def fills(self, bot: int, *, limit: int, before: int | None = None) -> Sequence[FillRecord]:
        """Return fills, newest first, whose number is below ``before``."""
        return await self._newest(fills, FillRecord, bot, limit, before)

    async def equity(
        self, bot: int, *, limit: int, start_us: int | None = None, end_us: int | None = None
    ) -> Sequence[EquityRecord]:
        """Return the equity of a range, oldest first: its first moments, or without a start the last ones."""
        query = select(*equity.c[1:]).where(equity.c.bot == bot).limit(limit)
        if end_us is not None:
            query = query.where(equity.c.time_us <= end_us)
        if start_us is not None:
            query = query.where(equity.c.time_us >= start_us)
        query = query.order_by(equity.c.time_us if start_us is not None else equity.c.time_us.desc())
        found = await self._records(query, EquityRecord)
        return found if start_us is not None else found[::-1]

    async def _newest(
        self, table: Table, kind: type[Record], bot: int, limit: int, before: int | None
    ) -> Sequence[Record]:
        query = select(*table.c[1:]).where(table.c.bot == bot).order_by(table.c.number.desc()).limit(limit)
        return await self._records(query if before is None else query.where(table.c.number < before), kind)

    async def _records(self, query: Any, kind: type[Record]) -> Sequence[Record]:
        async def work(connection: AsyncConnection) -> Sequence[Record]:
            rows = await connection.execute(query)
            return [msgspec.convert(row, kind, from_attributes=True) for row in rows]

        return await self._database.read(work)


async def _put(
    connection: AsyncConnection, table: Table, bot: int, records: Sequence[Any], *, replaces: bool = False
) -> None:
    # A statement may change a row once.
    latest = {tuple(getattr(row, key.name) for key in list(table.primary_key)[1:]): row for row in records}
    values = [{"bot": bot, **msgspec.structs.asdict(record)} for record in latest.values()]
    if values:
        await _upsert(connection, table, values, replaces=replaces)


async def _upsert(
    connection: AsyncConnection, table: Table, values: Sequence[dict[str, Any]], *, replaces: bool
) -> None:
    dialect = postgresql if connection.dialect.name == "postgresql" else sqlite
    statement = dialect.insert(table)
    keys = list(table.primary_key)
    if replaces:
        others = {column.name: statement.excluded[column.name] for column in table.c if column not in keys}
        statement = statement.on_conflict_do_update(index_elements=keys, set_=others)
    else:
        statement = statement.on_conflict_do_nothing(index_elements=keys)
    # A list of rows and not one statement for all of them, which would have to be compiled each time.
    await connection.execute(statement, list(values))


async def _prune(connection: AsyncConnection, bot: int, rows: SessionRows) -> None:
    """Delete the oldest rows of a bot, each time its numbers pass a multiple of ``PRUNED_EVERY``."""
    for table, records in ((orders, rows.orders), (fills, rows.fills)):
        if any(record.number % PRUNED_EVERY == 0 for record in records):
            newest = max(record.number for record in records)
            old = (table.c.bot == bot) & (table.c.number <= newest - MAX_KEPT)
            await connection.execute(delete(table).where(old))
    if rows.equity and rows.snapshot is not None:
        kept = (
            select(equity.c.time_us)
            .where(equity.c.bot == bot)
            .order_by(equity.c.time_us.desc())
            .limit(1)
            .offset(MAX_KEPT)
        )
        await connection.execute(
            delete(equity).where((equity.c.bot == bot) & (equity.c.time_us <= kept.scalar_subquery()))
        )
