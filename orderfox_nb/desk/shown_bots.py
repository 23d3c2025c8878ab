"""Interface to the bots for frames; ``bot_runs/board.py`` implements it for a server."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol

from orderfox_nb.desk.store.records import BotRecord
from orderfox_nb.desk.watched import Watchable
from orderfox_nb.errors import OrderFoxError
from orderfox_nb.views.bot_contract import BotAnswer

if TYPE_CHECKING:
    from orderfox_nb.desk.bot_runs.activity import BotActivity


class NoBots(OrderFoxError):
    """This desk runs no bots."""

    def __str__(self) -> str:
        return "Bots run on a server: open this page in JupyterLab with the extension, or with orderfox serve"


class ShownBots(Watchable, Protocol):
    """The bots of a database, as this server knows them."""

    revision: int
    """Counts changes."""

    @property
    def total(self) -> int:
        """How many bots are stored."""
        ...

    @property
    def running(self) -> int:
        """How many trade at present."""
        ...

    @property
    def problem(self) -> str:
        """Why the bots cannot be read; the rows are the last known."""
        ...

    async def refresh(self) -> None:
        """Read what the database knows.

        Raises:
            DatabaseUnavailable: It does not answer.
        """
        ...

    def rows(self) -> Sequence[BotAnswer]:
        """Return the bots that a list shows, newest first."""
        ...

    def answer(self, record: BotRecord) -> BotAnswer:
        """Return a bot with what it does at present."""
        ...

    def find(self, bot_id: str) -> BotRecord | None:
        """Return a bot, None if there is none of this id."""
        ...

    async def activity(self, bot_id: str) -> BotActivity:
        """Return what a bot has done lately.

        Raises:
            UnknownBot: There is none of this id.
            DatabaseUnavailable: The database does not answer.
        """
        ...

    def latest(self, bot_id: str, shown: BotActivity) -> BotActivity:
        """Return the activity of a bot's run, otherwise the one that is shown already."""
        ...
