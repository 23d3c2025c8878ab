"""The bots of the database as this process knows them, brought up to date by its own changes and by asking."""

from __future__ import annotations

import uuid
from collections.abc import Callable

from orderfox_nb.desk.store.records import BotRecord
from orderfox_nb.desk.store.store import Store
from orderfox_nb.desk.watched import Watchers
from orderfox_nb.errors import OrderFoxError, UnknownBot


def bot_identity(text: str) -> str:
    """Return an id as it is stored.

    Raises:
        UnknownBot: No bot can have it.
    """
    try:
        return str(uuid.UUID(text))
    except ValueError:
        raise UnknownBot(text) from None


class KnownBots(Watchers):
    """Every bot of the database, the newest first; it signals when one changes.

    Args:
        store: Where they are.
        deleted: Called with a bot that was deleted, here or through another server.
    """

    def __init__(self, store: Store, *, deleted: Callable[[BotRecord], None] = lambda _record: None) -> None:
        super().__init__()
        self._deleted = deleted
        self.records: dict[str, BotRecord] = {}
        self.problem = ""
        """Why they cannot be read; the records are the last known."""
        self._store = store
        self._revision: tuple[int, ...] | None = None
        self._changes = 0

    async def refresh(self) -> None:
        """Read the bots again, where another server has changed one.

        Raises:
            DatabaseUnavailable: The database does not answer.
        """
        try:
            bots = await self._store.bots()
            revision = await bots.revision()
            if revision == self._revision:
                self._set_problem("")
                return
            changes = self._changes
            rows = await bots.newest()
        except OrderFoxError as error:
            self._set_problem(str(error))
            raise
        self.problem = ""
        if changes != self._changes:
            # Changed here while the rows were on their way: they are read again with the next question.
            return
        self._revision = revision
        before, self.records = self.records, {row.id: self._newer(row) for row in rows}
        for bot_id in before.keys() - self.records.keys():
            self._deleted(before[bot_id])
        self.signal()

    def put(self, record: BotRecord) -> None:
        """Add or replace a bot that was created or changed here."""
        self._changes += 1
        known = self.records.get(record.id)
        if known is None:
            self.records = {record.id: record, **self.records}
        else:
            self.records[record.id] = self._newer(record)
        self.signal()

    def remove(self, bot_id: str) -> None:
        """Remove a bot that was deleted here."""
        self._changes += 1
        if (record := self.records.pop(bot_id, None)) is not None:
            self._deleted(record)
        self.signal()

    def _newer(self, record: BotRecord) -> BotRecord:
        known = self.records.get(record.id)
        return known if known is not None and known.updated_us > record.updated_us else record

    def _set_problem(self, problem: str) -> None:
        if problem != self.problem:
            self.problem = problem
            self.signal()
