"""The strip of a rewind: minutes of what is recorded, those of earlier runs read once from disk."""

from __future__ import annotations

import asyncio
import logging
import threading
from typing import Final

from orderfox_nb.desk.recorder import Recorder
from orderfox_nb.desk.recordings import Recordings
from orderfox_nb.errors import NoPast
from orderfox_nb.recording.minutes import MinuteBars, StripColumns, read_minutes

_log = logging.getLogger(__name__)
_DAY_US: Final = 86_400_000_000


class Strip:
    """Answers which minutes of a symbol are recorded; the first question starts the reading of earlier recordings.

    Args:
        recorder: Folds what it records.
        recordings: Recordings of earlier runs, or the one that is the source.
    """

    def __init__(self, recorder: Recorder, recordings: Recordings) -> None:
        self.bars = recorder.minutes
        """What is known by now."""
        self._recordings = recordings
        self._reading: asyncio.Task[None] | None = None
        self._stopped = threading.Event()

    def columns(self, symbol: str, start_us: int | None, end_us: int | None) -> StripColumns:
        """Return the minutes that are known by now.

        Raises:
            NoPast: Nothing is recorded.
        """
        if self._reading is None:
            self._reading = asyncio.create_task(self._read(), name="strip")
        if not self.bars.end_us and self._reading.done():
            raise NoPast(self._recordings.venue, self._recordings.why_none())
        return self.bars.columns(symbol, start_us, end_us)

    async def close(self) -> None:
        """Stop reading."""
        self._stopped.set()
        if self._reading is not None:
            await asyncio.wait({self._reading})

    async def _read(self) -> None:
        try:
            async with self._recordings.opened():
                for files in self._recordings.earlier(_DAY_US):
                    found = MinuteBars()
                    await asyncio.to_thread(read_minutes, files, found, self._stopped.is_set)
                    self.bars.merge(found)
        except NoPast:
            return
        except Exception:  # noqa: BLE001 - a strip without earlier minutes is better than none
            _log.exception("the minutes of earlier recordings cannot be read")
