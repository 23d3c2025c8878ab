"""The recordings of a venue's source that can be played, indexed once and shared by every playhead."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

from orderfox_nb.clock import Clock
from orderfox_nb.core.origin import Origin
from orderfox_nb.desk.recorder import Recorder
from orderfox_nb.errors import NoPast, RecordingError
from orderfox_nb.recording.files import RecordingFiles

REFRESH_S: Final = 0.9
"""What was recorded is looked for at most once in this time."""
MAX_RECORDINGS: Final = 64
"""The newest ones of a venue; older ones are not offered."""


class Recordings:
    """The recordings of one venue's source in the data directory, or the one that is being played as the source.

    Nothing is read before somebody rewinds, and nothing is kept once nobody does.

    Args:
        recorder: Writes the present recording, beside those of earlier runs and other processes.
        origin: Where the live data comes from.
        clock: Measures the pauses between two looks.
        played: The recording that is the source itself.
    """

    def __init__(
        self, recorder: Recorder, origin: Callable[[], Origin], clock: Clock, *, played: RecordingFiles | None = None
    ) -> None:
        self._recorder = recorder
        self._origin = origin
        self._clock = clock
        self._played = played
        self._known: dict[Path, RecordingFiles | None] = {}
        """By folder; None for one that cannot be read or is of another source."""
        self._sorted: list[RecordingFiles] = [] if played is None else [played]
        self._looked_us: int | None = None
        self._looking = asyncio.Lock()
        self._users = 0

    @asynccontextmanager
    async def opened(self) -> AsyncGenerator[None]:
        """Keep the index while this is open.

        Raises:
            NoPast: Nothing is recorded.
        """
        self._users += 1
        try:
            await self.refresh()
            if not self._sorted:
                raise NoPast(self._origin().venue, self.why_none())
            yield
        finally:
            self._users -= 1
            if not self._users and self._played is None:
                self._known, self._sorted, self._looked_us = {}, [], None

    async def refresh(self) -> None:
        """Look for what was recorded since."""
        if self._played is not None:
            return
        async with self._looking:
            now_us = self._clock.now_us()
            if self._looked_us is not None and 0 <= now_us - self._looked_us < REFRESH_S * 1e6:
                return
            self._sorted = await asyncio.to_thread(self._look, self._origin(), self._recorder.folder)
            self._looked_us = now_us

    @property
    def venue(self) -> str:
        return self._origin().venue

    @property
    def span_us(self) -> tuple[int, int] | None:
        """From when on and up to when something is recorded; None if nothing is known."""
        if not self._sorted:
            return None
        return min(files.start_us for files in self._sorted), max(files.end_us for files in self._sorted)

    def at(self, time_us: int) -> RecordingFiles:
        """Return the recording of a time, the newest one where several have it; the next one where none has."""
        for files in reversed(self._sorted):
            if files.start_us <= time_us <= files.end_us:
                return files
        return next((files for files in self._sorted if files.start_us > time_us), self._sorted[-1])

    def after(self, files: RecordingFiles) -> RecordingFiles | None:
        """Return the recording that begins once another one has ended."""
        return next((later for later in self._sorted if later is not files and later.start_us >= files.end_us), None)

    def grows(self, files: RecordingFiles) -> bool:
        """Return whether a recording is still written by this process."""
        return self._played is None and files.folder == self._recorder.folder

    def earlier(self, age_us: int) -> list[RecordingFiles]:
        """Return what this process has not recorded itself and is not older than an age."""
        after_us = max((files.end_us for files in self._sorted), default=0) - age_us
        return [
            files for files in self._sorted if files.end_us > after_us and files.folder not in self._recorder.written
        ]

    def why_none(self) -> str:
        """Return why nothing is recorded."""
        if self._origin().source.startswith("http"):
            return "this process reads from another server, which has the recordings: rewind there"
        status = self._recorder.status()
        if status.state == "off":
            return "nothing is recorded, since ORDERFOX_RECORDING is off"
        return status.problem or "nothing is recorded yet: try again in a few seconds"

    def _look(self, origin: Origin, current: Path | None) -> list[RecordingFiles]:
        folders = sorted(self._recorder.root.glob(f"{origin.venue}-*Z-*"))[-MAX_RECORDINGS:]
        for folder in folders:
            if folder in self._known and folder != current:
                continue
            try:
                files = self._known.get(folder) or RecordingFiles(folder)
                files.refresh()
            except (OSError, RecordingError):
                # The present one exists with its first block.
                if folder != current:
                    self._known[folder] = None
                continue
            same = (files.head.venue, files.head.source) == (origin.venue, origin.source)
            self._known[folder] = files if same else None
        self._known = {folder: self._known[folder] for folder in folders if folder in self._known}
        found = [files for files in self._known.values() if files is not None]
        # Where another process recorded at the same time, this one's comes last and is preferred.
        return sorted(found, key=lambda files: (files.folder == current, files.start_us))
