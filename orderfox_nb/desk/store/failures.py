"""Failures of a database: one error for all errors of its drivers."""

from __future__ import annotations

import logging
from collections.abc import Generator
from contextlib import contextmanager

from orderfox_nb.errors import DatabaseUnavailable, OrderFoxError

_log = logging.getLogger(__name__)


class LeaseLost(OrderFoxError):
    """Another server runs the bots of the database by now."""

    def __str__(self) -> str:
        return "Another server runs the bots of this database"


@contextmanager
def database_errors() -> Generator[None]:
    """Turn what drivers raise, which have no common root, into ``DatabaseUnavailable``; the log has the cause."""
    try:
        yield
    except OrderFoxError:
        raise
    except Exception as error:
        lines = str(error).splitlines() or [""]
        _log.warning("database=failed error=%s %.300s", type(error).__name__, lines[0])
        raise DatabaseUnavailable("it does not answer, see the server's log") from error
