# pyarrow has no stubs.
# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false, reportUnknownVariableType=false
# pyright: reportUnknownArgumentType=false, reportUnknownParameterType=false
"""The rows of journals that are still written: read on with each question, and kept in memory."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from orderfox_nb.errors import RecordingError
from orderfox_nb.extras import import_extra
from orderfox_nb.recording.tables.gathering import gather
from orderfox_nb.recording.tables.lines import JournalEvents
from orderfox_nb.recording.tables.schema import arrow_schema

if TYPE_CHECKING:
    import pyarrow as pa

_MAX_JOURNALS: Final = 32
"""Tables of journals that are kept, each of at most ten minutes."""


class RecentRows:
    """Rows of journals that grow, by journal and table; one thread at a time."""

    def __init__(self) -> None:
        self._known: dict[tuple[Path, str], tuple[JournalEvents, list[Any]]] = {}

    def read(self, journal: Path, table: str, recording: str) -> pa.Table:
        """Return the rows of a journal up to now.

        Raises:
            RecordingError: A price or size that the table cannot hold exactly.
            OSError: The journal cannot be read.
        """
        pa = import_extra("pyarrow")
        key = (journal, table)
        # After a failure the next question reads the journal from its beginning.
        events, parts = self._known.pop(key, None) or (JournalEvents(journal, table, growing=True), [])
        try:
            rows = gather(table, recording, events.read())
        except ValueError as error:
            raise RecordingError(journal, f"numbers that fit a table: {error}") from error
        if rows.num_rows:
            parts.append(rows)
        while len(self._known) >= _MAX_JOURNALS:
            del self._known[next(iter(self._known))]
        self._known[key] = (events, parts)
        return pa.concat_tables(parts) if parts else arrow_schema(table).empty_table()
