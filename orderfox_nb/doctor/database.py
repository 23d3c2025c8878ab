"""Check the database of bots without changing it."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any, Final

from orderfox_nb.config import Settings
from orderfox_nb.doctor.report import Check
from orderfox_nb.errors import DatabaseUnavailable, MissingExtra
from orderfox_nb.extras import import_extra

_NAME: Final = "database"


def check_database(settings: Settings) -> Check:
    """Return whether the database of bots answers, and has a schema that this version reads."""
    given = settings.database_url.get_secret_value()
    where = "DATABASE_URL" if given else str(settings.sqlite_path)
    not_yet = Check(name=_NAME, state="ok", found=f"{where}: created with the first bot")
    if not given and not settings.sqlite_path.exists():
        return not_yet
    try:
        module: Any = import_extra("orderfox_nb.desk.store.database")
        file: Path | None = module.sqlite_file(settings)
        # SQLite would create a missing file.
        if file is not None and not file.exists():
            return not_yet if file.parent.is_dir() else _without_folder(where, file.parent)
        revision: str | None = asyncio.run(module.revision_of(settings))
    except MissingExtra as error:
        return Check(name=_NAME, state="failed", found=f"{where} cannot be opened", advice=str(error))
    except DatabaseUnavailable as error:
        advice = "Check DATABASE_URL and that the database runs" if given else "Check the file, or move it away"
        return Check(name=_NAME, state="failed", found=f"{where}: {error}", advice=advice)
    newest = revision == module.REVISIONS[-1]
    return Check(
        name=_NAME,
        state="ok",
        found=f"{where} answers" + ("" if newest else ", its schema is upgraded at the next start"),
    )


def _without_folder(where: str, folder: Path) -> Check:
    return Check(
        name=_NAME,
        state="failed",
        found=f"{where}: the folder {folder} does not exist",
        advice="Create the folder, or correct DATABASE_URL",
    )
