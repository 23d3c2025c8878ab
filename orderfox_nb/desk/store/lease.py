"""The right to run the bots of a database, which one server has at a time.

Acquiring the right increments the epoch of the database, and every save of a bot checks it. A server that has lost the
right without noticing can therefore save nothing any more.
"""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any, Final

from sqlalchemy import select, text, update
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from orderfox_nb.desk.store.failures import LeaseLost, database_errors
from orderfox_nb.desk.store.tables import lease as lease_table

try:
    import fcntl
except ImportError:
    # Windows has no such locks.
    fcntl = None

_log = logging.getLogger(__name__)

_LOCK: Final = 0x6F72_6465_7267
"""Another key than that of the migration, which a server may need while the right is held."""
CHECK_S: Final = 5.0
"""How long a database may take to say whether the right is still there."""


class Lease:
    """The right, while it is held."""

    epoch: int = 0
    """How often the right has changed hands up to now."""

    async def check(self) -> None:
        """Check that the right is still there, and get it back where its connection was lost.

        Raises:
            LeaseLost: Another server has it.
            DatabaseUnavailable: The database does not answer.
        """

    async def close(self) -> None:
        """Give the right back; safe on a connection that was lost."""


class _FileLease(Lease):
    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    async def close(self) -> None:
        os.close(self._descriptor)


class _PostgresLease(Lease):
    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine
        self._connection: AsyncConnection | None = None

    async def take(self) -> bool:
        """Connect and try to get the lock of the session; the connection keeps it."""
        connection = self._connection = await self._engine.connect()
        await connection.execution_options(isolation_level="AUTOCOMMIT")
        query = text("SELECT pg_try_advisory_lock(:lock)")
        return bool((await connection.execute(query, {"lock": _LOCK})).scalar_one())

    async def check(self) -> None:
        with database_errors():
            async with asyncio.timeout(CHECK_S):
                await self._check()

    async def _check(self) -> None:
        if self._connection is not None:
            try:
                await self._connection.execute(text("SELECT 1"))
            except Exception as error:  # noqa: BLE001  (drivers' errors have no common root)
                _log.warning("database=lease its connection was lost: %s", type(error).__name__)
                await self.close()
            else:
                return
        taken = await self.take()
        assert self._connection is not None
        epoch = (await self._connection.execute(select(lease_table.c.epoch))).scalar_one()
        if not taken:
            # Held by another server, or by what is left of our own connection: the epoch says which.
            await self.close()
        if epoch != self.epoch:
            raise LeaseLost

    async def close(self) -> None:
        connection, self._connection = self._connection, None
        if connection is None:
            return
        # A lost connection has lost its lock too. A pooled one would keep it.
        with suppress(Exception):
            async with asyncio.timeout(CHECK_S):
                await connection.execute(text("SELECT pg_advisory_unlock_all()"))
                await connection.close()
            return
        with suppress(Exception):
            await connection.invalidate()
            await connection.close()


@asynccontextmanager
async def engine_lease(engine: AsyncEngine) -> AsyncGenerator[Lease | None]:
    """Have the right while this is open, if nobody else has it; a process that is killed loses it at once."""
    held: Lease | None = None
    if engine.dialect.name == "postgresql":
        lease = _PostgresLease(engine)
        try:
            if await lease.take():
                held = lease
        finally:
            if held is None:
                await lease.close()
    elif (descriptor := _locked(Path(f"{engine.url.database}.lock"))) is not None:
        held = _FileLease(descriptor)
    try:
        yield held
    finally:
        if held is not None:
            await held.close()


async def next_epoch(connection: AsyncConnection) -> int:
    """Count the epoch up and return it."""
    query = update(lease_table).values(epoch=lease_table.c.epoch + 1).returning(lease_table.c.epoch)
    return int((await connection.execute(query)).scalar_one())


async def check_epoch(connection: AsyncConnection, epoch: int) -> None:
    """Check that a lease is the newest one; nobody else gets one until the transaction has ended.

    Raises:
        LeaseLost: Another server has got one since.
    """
    query: Any = select(lease_table.c.epoch).with_for_update(read=True)
    if (await connection.execute(query)).scalar_one() != epoch:
        raise LeaseLost


def _locked(path: Path) -> int | None:
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    if fcntl is not None:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(descriptor)
            return None
    return descriptor
