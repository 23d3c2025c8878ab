"""Brings a database to the newest schema. Imported only where that is needed: Alembic takes 0.2 s to import."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection

_FOLDER: Final = Path(__file__).parent / "migrations"


def upgrade(connection: Connection, revision: str = "head") -> None:
    """Run the steps up to a revision, in the connection's transaction.

    Args:
        connection: With a transaction that keeps others from doing the same.
        revision: The last step.
    """
    config = Config()
    config.set_main_option("script_location", str(_FOLDER).replace("%", "%%"))
    config.attributes["connection"] = connection
    command.upgrade(config, revision)
