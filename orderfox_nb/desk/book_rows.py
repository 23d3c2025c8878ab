"""Rows of a book that several keys show: grouped and encoded once for all of them."""

from __future__ import annotations

from decimal import Decimal
from weakref import WeakValueDictionary

from orderfox_nb.core.book import Book
from orderfox_nb.core.ladder import Ladder, above_zero, build_ladder, first_rows
from orderfox_nb.views.public_book import RowTexts


class BookRows:
    """The rows of one height of a book, for keys that show different numbers of them.

    Args:
        rounding: The height.
    """

    def __init__(self, rounding: Decimal) -> None:
        self._rounding = rounding
        self._book: Book | None = None
        self._version = -1
        self._ladder: Ladder | None = None
        self._texts: RowTexts | None = None
        self._limits = set[int]()
        """Limits requested for the version of the book that was read last."""

    def read(self, book: Book, limit: int) -> tuple[Ladder, RowTexts]:
        """Return the best rows of a book's present state, with the texts of at least these rows.

        Args:
            book: Its ladder is read once for each version.
            limit: Rows a side.
        """
        same = book is self._book and book.version == self._version
        before, self._limits = self._limits, self._limits if same else set[int]()
        self._limits.add(limit)
        ladder, texts = self._ladder, self._texts
        if not same or ladder is None or texts is None or ladder.requested < limit:
            # Keys that were computed together for the last version will be again: build the most rows among them.
            most = max(before) if limit in before else limit
            ladder = above_zero(build_ladder(book, rounding=self._rounding, limit=most))
            texts = RowTexts(ladder, book.instrument)
            self._book, self._version, self._ladder, self._texts = book, book.version, ladder, texts
        return first_rows(ladder, limit), texts


class SharedBookRows:
    """The rows of all books of a desk that some key shows now."""

    def __init__(self) -> None:
        self._rows: WeakValueDictionary[tuple[str, Decimal], BookRows] = WeakValueDictionary()

    def __len__(self) -> int:
        return len(self._rows)

    def of(self, symbol: str, rounding: Decimal) -> BookRows:
        """Return the rows of a symbol, which live as long as somebody holds them."""
        rows = self._rows.get((symbol, rounding))
        if rows is None:
            rows = self._rows[symbol, rounding] = BookRows(rounding)
        return rows
