"""Bots in the database: create, read, change, delete, count."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec
from sqlalchemy import Row, Select, case, delete, func, select, update
from sqlalchemy import insert as insert_into
from sqlalchemy.ext.asyncio import AsyncConnection

from orderfox_nb.clock import Clock
from orderfox_nb.desk.store.database import Database
from orderfox_nb.desk.store.records import BotRecord, SymbolCount
from orderfox_nb.desk.store.tables import bots
from orderfox_nb.errors import TooManyBots, UnknownBot

_REVISION_US: Final = 10**12
"""Times are added up modulo this, so that the sum of many fits into 64 bits."""


class BotTable:
    """The bots of a database, newest first.

    Args:
        database: Open.
        clock: Dates what is written.
        max_bots: How many there may be.
    """

    def __init__(self, database: Database, clock: Clock, *, max_bots: int) -> None:
        self._database = database
        self._clock = clock
        self._max_bots = max_bots

    async def create(self, values: Mapping[str, Any]) -> BotRecord:
        """Store a new bot.

        Args:
            values: Its columns, without key, id and times.

        Raises:
            TooManyBots: There are as many as there may be.
        """
        now_us = self._clock.now_us()
        row = {**values, "id": str(uuid.uuid4()), "created_us": now_us, "updated_us": now_us}

        async def work(connection: AsyncConnection) -> BotRecord:
            count = (await connection.execute(select(func.count()).select_from(bots))).scalar_one()
            if count >= self._max_bots:
                raise TooManyBots(self._max_bots)
            found = await connection.execute(insert_into(bots).values(row).returning(*bots.c))
            return _record(found.one())

        return await self._database.write(work)

    async def get(self, bot_id: str) -> BotRecord:
        """Return a bot.

        Raises:
            UnknownBot: There is none of this id.
        """
        found = await self._rows(select(bots).where(bots.c.id == bot_id))
        if not found:
            raise UnknownBot(bot_id)
        return found[0]

    async def page(self, page: int, size: int) -> tuple[Sequence[BotRecord], int]:
        """Return a page of bots, the first is 1, and how many bots there are; both of one moment."""

        async def work(connection: AsyncConnection) -> tuple[Sequence[BotRecord], int]:
            total = (await connection.execute(select(func.count()).select_from(bots))).scalar_one()
            query = select(bots).order_by(bots.c.number.desc()).limit(size).offset((page - 1) * size)
            found = await connection.execute(query)
            return [_record(row) for row in found], total

        return await self._database.read(work)

    async def of_symbol(self, symbol: str, *, active_only: bool = False) -> Sequence[BotRecord]:
        """Return the bots of a symbol."""
        query = select(bots).where(bots.c.symbol == symbol)
        return await self._rows(query.where(bots.c.is_active) if active_only else query)

    async def newest(self) -> Sequence[BotRecord]:
        """Return every bot; there are as many as may be stored at most."""
        return await self._rows(select(bots))

    async def revision(self) -> tuple[int, ...]:
        """Return numbers that change with every bot that is created, changed or deleted, by whichever server."""
        times = func.coalesce(func.sum(bots.c.updated_us % _REVISION_US), 0)
        newest = func.coalesce(func.max(bots.c.updated_us), 0)
        query = select(func.count(), func.coalesce(func.max(bots.c.number), 0), newest, times)

        async def work(connection: AsyncConnection) -> tuple[int, ...]:
            return tuple(int(each) for each in (await connection.execute(query)).one())

        return await self._database.read(work)

    async def active(self) -> Sequence[BotRecord]:
        """Return the active bots."""
        return await self._rows(select(bots).where(bots.c.is_active))

    async def counts(self) -> Sequence[SymbolCount]:
        """Return how many bots each symbol has, in alphabetical order."""
        active = func.count().filter(bots.c.is_active)
        query = select(bots.c.symbol, func.count(), active).group_by(bots.c.symbol).order_by(bots.c.symbol)

        async def work(connection: AsyncConnection) -> Sequence[SymbolCount]:
            rows = (await connection.execute(query)).all()
            return [SymbolCount(symbol=symbol, total=total, active=active) for symbol, total, active in rows]

        return await self._database.read(work)

    async def change(self, bot_id: str, changes: Mapping[str, Any]) -> BotRecord:
        """Change columns of a bot and return it.

        Raises:
            UnknownBot: There is none of this id.
        """
        now_us = self._clock.now_us()
        # Later than the last change also where that was made by a server whose clock is ahead.
        later = case((bots.c.updated_us >= now_us, bots.c.updated_us + 1), else_=now_us)
        values = {**changes, "updated_us": later}

        async def work(connection: AsyncConnection) -> BotRecord:
            query = update(bots).where(bots.c.id == bot_id).values(values).returning(*bots.c)
            row = (await connection.execute(query)).one_or_none()
            if row is None:
                raise UnknownBot(bot_id)
            return _record(row)

        return await self._database.write(work)

    async def delete(self, bot_id: str) -> None:
        """Delete a bot with its orders, fills and equity.

        Raises:
            UnknownBot: There is none of this id.
        """

        async def work(connection: AsyncConnection) -> None:
            if not (await connection.execute(delete(bots).where(bots.c.id == bot_id))).rowcount:
                raise UnknownBot(bot_id)

        await self._database.write(work)

    async def _rows(self, query: Select[Any]) -> Sequence[BotRecord]:
        async def work(connection: AsyncConnection) -> Sequence[BotRecord]:
            found = await connection.execute(query.order_by(bots.c.number.desc()))
            return [_record(row) for row in found]

        return await self._database.read(work)


def _record(row: Row[Any]) -> BotRecord:
    return msgspec.convert(row, BotRecord, from_attributes=True)
