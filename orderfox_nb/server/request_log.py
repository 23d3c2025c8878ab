"""Bounds the log lines that clients cause: a flood of refused requests must not fill the disk."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import Final

from tornado.web import HTTPError

from orderfox_nb.server.limits import RateLimit

_AT_ONCE: Final = 200
_PER_S: Final = 5
_MAX_PATH: Final = 200


def logged_path(path: str) -> str:
    """Return a request's path as it is logged, with at most ``_MAX_PATH`` characters."""
    return path if len(path) <= _MAX_PATH else f"{path[: _MAX_PATH - 1]}…"


def log_failure(log: logging.Logger, path: str, error: BaseException | None) -> None:
    """Log an exception of a handler, without the request's query; a refusal (``HTTPError``) has its own line."""
    if not isinstance(error, HTTPError):
        log.error("path=%s failed", logged_path(path), exc_info=error)


class RequestLog:
    """Writes a burst of lines, then a few a second, and counts those left out.

    Errors of the server (``ERROR``) are always written, and so are the lines of ``DEBUG``,
    which an operator has to enable.

    Args:
        now_s: Measures time.
    """

    def __init__(self, now_s: Callable[[], float] = time.monotonic) -> None:
        self._room = RateLimit(burst=_AT_ONCE, per_s=_PER_S, now_s=now_s)
        self._left_out = 0

    def write(self, log: logging.Logger, level: int, message: str, *values: object) -> None:
        """Write a line, if there is room for it."""
        if logging.DEBUG < level < logging.ERROR:
            if self._room.wait_s():
                self._left_out += 1
                return
            if self._left_out:
                message, values = message + " left_out=%d", (*values, self._left_out)
                self._left_out = 0
        log.log(level, message, *values)
