"""The optional dependencies: what each extra of ``pyproject.toml`` installs, and the error where it is absent."""

from __future__ import annotations

import importlib
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from typing import Any, Final, NamedTuple

from orderfox_nb.errors import MissingExtra


class Extra(NamedTuple):
    """An extra.

    Args:
        modules: What its packages are imported as.
        purpose: What it is needed for.
    """

    modules: tuple[str, ...]
    purpose: str


EXTRAS: Final[Mapping[str, Extra]] = {
    "bots": Extra(
        ("sqlalchemy", "aiosqlite", "alembic", "cloudpickle", "loky"), "bots on the server, sweeps on several processes"
    ),
    "venues": Extra(("ccxt",), "other exchanges, and real orders of bots"),
    "recording": Extra(("duckdb", "pyarrow"), "SQL over recordings"),
    "postgres": Extra(("asyncpg",), "bots in PostgreSQL"),
    "dask": Extra(("distributed",), "sweeps on more than one machine"),
    "fast": Extra(("picows",), "faster sockets"),
}
"""By name."""


@contextmanager
def extra_needed() -> Generator[None]:
    """Around an import of what an extra installs: name the extra where it is not installed.

    Raises:
        MissingExtra: A package of an extra is not installed.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        library = (error.name or "").partition(".")[0]
        for name, extra in EXTRAS.items():
            if library in extra.modules:
                raise MissingExtra(library, name) from None
        raise


def import_extra(module: str) -> Any:
    """Import a module of an extra.

    Raises:
        MissingExtra: Its package is not installed.
    """
    with extra_needed():
        return importlib.import_module(module)
