"""The right to run the bots of a database, which one server has at a time."""

from __future__ import annotations

import os
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

try:
    import fcntl
except ImportError:
    # Windows has no such locks.
    fcntl = None

_LOCK: Final = 0x6F72_6465_7267


@asynccontextmanager
async def engine_lease(engine: AsyncEngine) -> AsyncGenerator[bool]:
    """Have the right while this is open, if nobody else has it; a process that is killed loses it at once."""
    if engine.dialect.name == "postgresql":
        async with engine.connect() as connection:
            await connection.execution_options(isolation_level="AUTOCOMMIT")
            query = text("SELECT pg_try_advisory_lock(:lock)")
            leased = bool((await connection.execute(query, {"lock": _LOCK})).scalar_one())
            try:
                yield leased
            finally:
                if leased:
                    await connection.execute(text("SELECT pg_advisory_unlock(:lock)"), {"lock": _LOCK})
        return
    descriptor = _locked(Path(f"{engine.url.database}.lock"))
    try:
        yield descriptor is not None
    finally:
        if descriptor is not None:
            os.close(descriptor)


def _locked(path: Path) -> int | None:
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    if fcntl is not None:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(descriptor)
            return None
    return descriptor
