"""The database of one process: opened by the first question, and asked again a while after it failed."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias

from orderfox_nb.clock import Clock, SystemClock
from orderfox_nb.config import Settings
from orderfox_nb.errors import DatabaseUnavailable
from orderfox_nb.extras import import_extra
from orderfox_nb.lifecycle import Service

if TYPE_CHECKING:
    from orderfox_nb.desk.store.bot_history import BotHistory
    from orderfox_nb.desk.store.bots import BotTable
    from orderfox_nb.desk.store.database import Database
    from orderfox_nb.desk.store.lease import Lease

_log = logging.getLogger(__name__)

RETRY_S: Final = 5.0
"""A database that could not be opened is tried again after this time: a query would wait for it."""
StoreState: TypeAlias = Literal["none", "healthy", "unavailable"]


class Store:
    """Bots and what they did. Nothing is imported, opened or created before the first question.

    Args:
        settings: Where the database is, and how many bots it may have.
        clock: Dates what is written.
        now_s: Measures when a database that failed is opened again.
    """

    def __init__(
        self, settings: Settings, clock: Clock | None = None, *, now_s: Callable[[], float] = time.monotonic
    ) -> None:
        self._settings = settings
        self._clock = clock or SystemClock()
        self._now_s = now_s
        self._problem: Exception | None = None
        self._failed_s = 0.0
        self._opening = asyncio.Lock()
        self._service: Service[Database] = Service(self._opened, name="orderfox store")

    @property
    def state(self) -> StoreState:
        """``none`` before the first question."""
        if self._problem is not None:
            return "unavailable"
        return "none" if self._service.current is None else "healthy"

    @property
    def problem(self) -> str:
        """Why it is not available, as a sentence; empty if it is."""
        return "" if self._problem is None else str(self._problem)

    async def bots(self) -> BotTable:
        """Return the table of bots.

        Raises:
            DatabaseUnavailable: The database cannot be opened.
            MissingExtra: The extra ``bots`` is not installed, or the driver of PostgreSQL.
        """
        database = await self._database()
        from orderfox_nb.desk.store.bots import BotTable  # noqa: PLC0415  (it imports SQLAlchemy)

        return BotTable(database, self._clock, max_bots=self._settings.max_bots)

    async def history(self) -> BotHistory:
        """Return the orders, fills and equity of bots.

        Raises:
            DatabaseUnavailable: The database cannot be opened.
            MissingExtra: The extra ``bots`` is not installed, or the driver of PostgreSQL.
        """
        database = await self._database()
        from orderfox_nb.desk.store.bot_history import BotHistory  # noqa: PLC0415  (it imports SQLAlchemy)

        return BotHistory(database, self._clock)

    @asynccontextmanager
    async def lease(self) -> AsyncGenerator[Lease | None]:
        """Have the right to run the bots while this is open, None where another server has it.

        Raises:
            DatabaseUnavailable: The database cannot be opened.
            MissingExtra: The extra ``bots`` is not installed, or the driver of PostgreSQL.
        """
        async with (await self._database()).lease() as lease:
            yield lease

    @property
    def exists(self) -> bool:
        """Whether there may be bots: the settings name a database, or there is the one in the data directory."""
        return bool(self._settings.database_url.get_secret_value()) or self._settings.sqlite_path.exists()

    async def close(self) -> None:
        """Write what waits, and close; safe to call twice."""
        await self._service.stop()
        self._problem = None

    async def _database(self) -> Database:
        if (current := self._service.current) is not None:
            return current
        async with self._opening:
            if self._problem is not None and self._now_s() - self._failed_s < RETRY_S:
                raise self._problem
            try:
                database = await self._service.start()
            except Exception as error:
                self._problem, self._failed_s = error, self._now_s()
                raise
            self._problem = None
            return database

    @asynccontextmanager
    async def _opened(self) -> AsyncGenerator[Database]:
        # In a thread: importing SQLAlchemy takes 0.3 s, for which the market's events would wait.
        module: Any = await asyncio.to_thread(import_extra, "orderfox_nb.desk.store.database")
        async with module.open_database(self._settings) as database:
            database.report = self._note
            yield database

    def _note(self, error: DatabaseUnavailable | None) -> None:
        self._problem = error
