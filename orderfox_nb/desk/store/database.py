"""An open database: its engine, its writer, and one error for all that its drivers raise."""

from __future__ import annotations

import asyncio
import logging
import sqlite3
import time
from collections.abc import AsyncGenerator, Callable, Generator
from contextlib import AsyncExitStack, asynccontextmanager, closing, contextmanager
from pathlib import Path
from typing import Any, Final, TypeVar

import msgspec
from sqlalchemy import Connection, event, inspect, text
from sqlalchemy.engine import URL, make_url
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from orderfox_nb.config import Settings
from orderfox_nb.desk.store.failures import database_errors
from orderfox_nb.desk.store.lease import Lease, engine_lease, next_epoch
from orderfox_nb.desk.store.tables import VERSION_TABLE
from orderfox_nb.desk.store.writer import DatabaseWriter, Work
from orderfox_nb.errors import DatabaseUnavailable, OrderFoxError
from orderfox_nb.extras import extra_needed, import_extra

_log = logging.getLogger(__name__)
Answer = TypeVar("Answer")

REVISIONS: Final = ("0001", "0002", "0003", "0004")
"""Schemas, oldest first."""
CONNECT_S: Final = 5.0
READ_S: Final = 10.0
BUSY_MS: Final = 5_000
"""How long SQLite waits for another process that writes."""
_MIGRATION_LOCK: Final = 0x6F72_6465_7266
_WRITES: Final = "orderfox_writes"


def database_url(settings: Settings) -> URL:
    """Return the address of the database for SQLAlchemy's asynchronous drivers."""
    given = settings.database_url.get_secret_value()
    if not given:
        return URL.create("sqlite+aiosqlite", database=str(settings.sqlite_path))
    url = make_url(given)
    if url.drivername.startswith("sqlite"):
        return url.set(drivername="sqlite+aiosqlite")
    query = dict(url.query)
    if (mode := query.pop("sslmode", None)) is not None:
        # libpq's name of what asyncpg calls ssl.
        query.setdefault("ssl", mode)
    return url.set(drivername="postgresql+asyncpg", query=query)


def sqlite_file(settings: Settings) -> Path | None:
    """Return the file of the database, None if it has none."""
    url = database_url(settings)
    named = url.get_backend_name() == "sqlite" and url.database not in (None, "", ":memory:")
    return Path(url.database or "") if named else None


class Database:
    """Reads on any connection, writes through one writer.

    Args:
        engine: To read with.
        writer: Running.
    """

    def __init__(self, engine: AsyncEngine, writer: DatabaseWriter) -> None:
        self._engine = engine
        self._writer = writer
        self.report: Callable[[DatabaseUnavailable | None], None] = lambda _: None
        """Called with the failure of each question, None if there was none."""

    async def read(self, work: Work[Answer]) -> Answer:
        """Return what a piece of work reads, in one transaction.

        Raises:
            DatabaseUnavailable: The database does not answer.
        """
        with self._reported():
            async with asyncio.timeout(READ_S), self._engine.connect() as connection:
                return await work(connection)

    async def write(self, work: Work[Answer]) -> Answer:
        """Return the result of a piece of work once it is committed; it shares a transaction with others.

        Raises:
            DatabaseUnavailable: The database does not answer, or too much waits to be written.
        """
        with self._reported():
            return await asyncio.shield(self._writer.submit(work))

    @asynccontextmanager
    async def lease(self) -> AsyncGenerator[Lease | None]:
        """Have the right to run the bots while this is open, None where another server has it.

        Raises:
            DatabaseUnavailable: The database does not answer.
        """
        async with AsyncExitStack() as stack:
            with database_errors():
                async with asyncio.timeout(READ_S):
                    lease = await stack.enter_async_context(engine_lease(self._engine))
                if lease is not None:
                    lease.epoch = await self.write(next_epoch)
            yield lease

    @contextmanager
    def _reported(self) -> Generator[None]:
        try:
            with database_errors():
                yield
        except DatabaseUnavailable as error:
            self.report(error)
            raise
        except OrderFoxError:
            # The database has answered.
            self.report(None)
            raise
        self.report(None)


@asynccontextmanager
async def open_database(settings: Settings) -> AsyncGenerator[Database]:
    """Connect, bring the schema up to date and start the writer.

    Raises:
        DatabaseUnavailable: It cannot be opened, or was made by a newer version.
        MissingExtra: The extra ``bots`` is not whole, or the driver of PostgreSQL is not installed.
    """
    url = database_url(settings)
    with database_errors():
        engine = _engine(url, settings)
    writing = engine.execution_options(**{_WRITES: True})
    try:
        with database_errors():
            if url.get_backend_name() == "sqlite":
                await asyncio.to_thread(_write_ahead, url.database or ":memory:")
            async with asyncio.timeout(CONNECT_S), engine.connect() as connection:
                revision = await connection.run_sync(_revision)
            if revision != REVISIONS[-1]:
                await migrate(writing)
        async with DatabaseWriter(writing) as writer:
            _log.info("database=open kind=%s", url.get_backend_name())
            yield Database(engine, writer)
    finally:
        await engine.dispose()


async def revision_of(settings: Settings) -> str | None:
    """Connect to a database that is there and return its schema, None if it has none; changes nothing.

    Raises:
        DatabaseUnavailable: It does not answer, or was made by a newer version.
        MissingExtra: The extra ``bots`` is not whole, or the driver of PostgreSQL is not installed.
    """
    with database_errors():
        engine = _engine(database_url(settings), settings)
    try:
        with database_errors():
            async with asyncio.timeout(CONNECT_S), engine.connect() as connection:
                return await connection.run_sync(_revision)
    finally:
        await engine.dispose()


async def migrate(engine: AsyncEngine, revision: str = REVISIONS[-1]) -> None:
    """Bring the schema to a revision; of several processes that start together one does so.

    Args:
        engine: Engine whose connections begin with the right to write.
        revision: One of ``REVISIONS``.
    """
    migrating: Any = await asyncio.to_thread(import_extra, "orderfox_nb.desk.store.migrating")
    async with engine.begin() as connection:
        if connection.dialect.name == "postgresql":
            await connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _MIGRATION_LOCK})
        found = await connection.run_sync(_revision)
        if found is None or REVISIONS.index(found) < REVISIONS.index(revision):
            await connection.run_sync(migrating.upgrade, revision)
            _log.info("database=migrated from=%s to=%s", found or "empty", revision)


def _revision(connection: Connection) -> str | None:
    """Return the schema of a database, None if it has none.

    Raises:
        DatabaseUnavailable: It is one of a newer version.
    """
    if not inspect(connection).has_table(VERSION_TABLE):
        return None
    found = connection.execute(text(f"SELECT version_num FROM {VERSION_TABLE}")).scalar()  # noqa: S608
    if found is not None and found not in REVISIONS:
        raise DatabaseUnavailable("it was made by a newer version of orderfox_nb: upgrade this one")
    return found


def _engine(url: URL, settings: Settings) -> AsyncEngine:
    # Parameters are the users' texts, and have no place in an error or a log.
    options: dict[str, Any] = {"hide_parameters": True, "pool_timeout": CONNECT_S}
    options |= {"json_serializer": _json_text, "json_deserializer": msgspec.json.decode}
    if url.get_backend_name() == "sqlite":
        if not settings.database_url.get_secret_value():
            settings.data_dir.mkdir(parents=True, exist_ok=True)
        with extra_needed():
            engine = create_async_engine(url, pool_size=3, max_overflow=0, **options)
        event.listen(engine.sync_engine, "connect", _connected)
        event.listen(engine.sync_engine, "begin", _started)
        return engine
    with extra_needed():
        return create_async_engine(
            url,
            pool_size=5,
            max_overflow=0,
            pool_pre_ping=True,
            pool_recycle=1800,
            connect_args={"timeout": CONNECT_S, "command_timeout": READ_S},
            **options,
        )


def _json_text(value: object) -> str:
    return msgspec.json.encode(value).decode()


def _connected(connection: Any, _record: object) -> None:
    # The driver begins no transaction by itself: it would do so too late for DDL, and without the right to write.
    connection.isolation_level = None
    cursor = connection.cursor()
    for pragma in (f"busy_timeout={BUSY_MS}", "synchronous=FULL", "foreign_keys=ON"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _write_ahead(path: str) -> None:
    """Set the journal mode of a file, which keeps it.

    SQLite does not wait for a lock here as it does elsewhere: of two processes that do this at once to a new file, one
    would fail.
    """
    deadline = time.monotonic() + BUSY_MS / 1000
    with closing(sqlite3.connect(path, timeout=BUSY_MS / 1000)) as connection:
        while True:
            try:
                connection.execute("PRAGMA journal_mode=WAL")
                return
            except sqlite3.OperationalError as error:
                if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > deadline:
                    raise
            time.sleep(0.01)


def _started(connection: Connection) -> None:
    writes = connection.get_execution_options().get(_WRITES, False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")
