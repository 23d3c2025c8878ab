"""Reads lists of a venue's REST row by row, so that one odd row does not cost the others."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from typing import TypeVar

import msgspec
from msgspec import Raw

from orderfox_nb.feeds.http import checked

_log = logging.getLogger(__name__)

Row = TypeVar("Row")
Converted = TypeVar("Converted")


class Rows:
    """Reads lists row by row: one malformed row does not affect the others."""

    def __init__(self) -> None:
        self._reported: dict[str, int] = {}
        self.left_out = 0
        """Rows that could not be read, of the last answer of each path."""

    def read(self, path: str, raw: Sequence[Raw], kind: type[Row]) -> list[Row]:
        """Return the rows that can be read, in their order."""
        rows: list[Row] = []
        decoder = msgspec.json.Decoder(kind, strict=False)
        problem = ""
        for text in raw:
            try:
                rows.append(checked(decoder, bytes(text)))
            except (msgspec.MsgspecError, UnicodeDecodeError) as error:
                problem = problem or f"{error} in {bytes(text)[:200]!r}"
        self.leave_out(path, len(raw) - len(rows), problem)
        return rows

    def converted(
        self, path: str, rows: Sequence[Row], convert: Callable[[Row], Converted], *, name: Callable[[Row], str]
    ) -> list[Converted]:
        """Return the rows that can be converted, in their order.

        Args:
            path: What the rows are of, for the log.
            rows: Read already.
            convert: Raises ``ValueError`` or ``ArithmeticError`` for a row that cannot be used.
            name: What a row is called in the log.
        """
        found: list[Converted] = []
        problem = ""
        for row in rows:
            try:
                found.append(convert(row))
            except (ValueError, ArithmeticError) as error:
                problem = problem or f"{name(row)[:40]!r}: {error}"
        self.leave_out(path, len(rows) - len(found), problem)
        return found

    def leave_out(self, path: str, count: int, problem: str) -> None:
        """Count the odd rows of an answer; they are logged when they become more."""
        before = self._reported.get(path, 0)
        self._reported[path] = count
        self.left_out += count - before
        if count > before:
            _log.warning("%s: %d rows are left out, the first for: %s", path, count, problem)
