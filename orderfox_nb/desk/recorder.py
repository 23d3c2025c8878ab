"""Records every open topic: what the hub folds is on disk within a second."""

from __future__ import annotations

import asyncio
import logging
import secrets
import shutil
from collections.abc import Callable
from contextlib import ExitStack
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Final

import msgspec

from orderfox_nb.clock import Clock
from orderfox_nb.core.events import Event, Topic
from orderfox_nb.core.origin import Origin
from orderfox_nb.desk.topic import TopicState
from orderfox_nb.recording.journal import SCHEMA_VERSION, FileHead
from orderfox_nb.recording.minutes import CHANNELS as MINUTE_CHANNELS
from orderfox_nb.recording.minutes import MinuteBars
from orderfox_nb.recording.ring import prune, writing
from orderfox_nb.recording.writer import Batch, Writer
from orderfox_nb.views.contract import RecordingHealth

_log = logging.getLogger(__name__)

FLUSH_S: Final = 1.0
"""A killed process loses at most this much."""
SNAPSHOT_KEY_S: Final = 60.0
"""Between two keyframes of a channel whose state is large and changes as a whole: the book."""
KEY_S: Final = 300.0
"""Between two keyframes of the other channels, which are mostly the same."""
_PRUNE_S: Final = 30.0
_RETRY_S: Final = 60.0
_MAX_PENDING: Final = 500_000
"""Lines that wait for the disk."""
_MIN_FREE_BYTES: Final = 500_000_000
_BACK_US: Final = 5_000_000
"""Where a venue does not name its runs, a clock that falls by more belongs to another one: to another recording."""


class _Recorded(msgspec.Struct):
    state: TopicState
    tap: Callable[[Event], None]
    due_us: int


class Recorder:
    """Writes what is folded to a journal; a disk that cannot take it stops the recorder and nothing else.

    Args:
        root: Folder of all recordings.
        clock: Measures the pauses.
        now_us: The venue's time, which the lines are stamped with.
        origin: Where the data comes from.
        max_bytes: Largest size of all recordings together; 0 records nothing.
        max_age_s: Older files are deleted.
        software: Name and version of what writes.
    """

    def __init__(
        self,
        root: Path,
        clock: Clock,
        *,
        now_us: Callable[[], int],
        origin: Callable[[], Origin],
        max_bytes: int,
        max_age_s: float,
        software: str,
    ) -> None:
        self.root = root
        """Folder of all recordings."""
        self._clock = clock
        self._now_us = now_us
        self._origin = origin
        self._max_bytes = max_bytes
        self._max_age_s = max_age_s
        self._software = software
        self.minutes = MinuteBars()
        """Summary by minute of what this process has recorded."""
        self.written: set[Path] = set()
        """Folders of the recordings of this process."""
        self._keys: dict[Topic, _Recorded] = {}
        self._writer: Writer | None = None
        self._epoch = ""
        self._lock = ExitStack()
        self._locked: Path | None = None
        self._task: asyncio.Task[None] | None = None
        self._append_task: asyncio.Future[int] | None = None
        self._flushing = asyncio.Lock()
        """A block stands in its file before the next one is cut."""
        self._problem = ""
        self._retry_us = 0
        self._pruned_us = 0
        self._bytes = 0
        self._events = 0

    def opened(self, state: TopicState) -> None:
        """Record a topic from its first event on; called before the first one is folded."""
        if self._max_bytes <= 0:
            return
        # A recording begins with its first event: before that the venue's clock may be unknown.
        if self._writer is not None:
            self._writer.opened(state.topic, state.instrument, self._now_us())
        tap = partial(self._event, state)
        self._keys[state.topic] = _Recorded(state, tap, self._clock.now_us() + round(_key_s(state) * 1e6))
        state.tap(tap)
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._run(), name="recorder")

    def closed(self, state: TopicState) -> None:
        """Record that nothing more comes of a topic."""
        if (key := self._keys.pop(state.topic, None)) is None:
            return
        state.untap(key.tap)
        if self._writer is not None and state.topic in self._writer:
            self._writer.closed(state.topic, self._now_us())
            self.minutes.closed(state.topic, self._writer.stamp_us)

    def status(self) -> RecordingHealth:
        """Return how the recorder is."""
        writing_now = bool(self._keys) and self._writer is not None
        return RecordingHealth(
            state="off"
            if self._max_bytes <= 0
            else "stopped"
            if self._problem
            else "recording"
            if writing_now
            else "idle",
            problem=self._problem,
            recording=self._writer.folder.name if self._writer is not None else "",
            bytes=self._bytes,
            topics=len(self._keys),
            events=self._events,
        )

    @property
    def folder(self) -> Path | None:
        """The recording that is being written."""
        return None if self._writer is None else self._writer.folder

    async def close(self) -> None:
        """Write what is left and end the recording."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait({self._task})
        if self._append_task is not None:
            # A thread cannot be cancelled, and what is left must stand behind what it writes.
            await asyncio.gather(self._append_task, return_exceptions=True)
        # The recording ends: none of its topics was closed before it.
        for key in self._keys.values():
            key.state.untap(key.tap)
        self._keys.clear()
        if self._writer is not None and self._writer.pending:
            await self._write(self._writer, self._writer.cut(self._now_us()))
        self._writer = None
        self._lock.close()

    def _event(self, state: TopicState, event: Event) -> None:
        writer = self._writer or self._open_writer(state)
        if writer is None or state.topic not in writer:
            return
        try:
            writer.event(state.topic, state.instrument, event, self._now_us())
        except Exception:  # noqa: BLE001 - the event is folded, and what comes next must be too
            _log.exception("an event of %s cannot be recorded", state.topic)
            self._stop("the recorder failed: see the log of the server")
            return
        self._events += 1
        if state.topic.channel in MINUTE_CHANNELS:
            self.minutes.event(state.topic, event, writer.stamp_us)
        if writer.pending > _MAX_PENDING:
            self._stop(f"the disk does not keep up: {writer.pending} events wait for it")

    async def _run(self) -> None:
        """Write once a second until nobody reads anything."""
        while self._keys or (self._writer is not None and self._writer.pending):
            await self._clock.sleep(FLUSH_S)
            try:
                await self.flush()
            except Exception:  # noqa: BLE001
                # A fault of the recorder is not one of the data, which continues.
                _log.exception("the recorder failed")
                self._stop("the recorder failed: see the log of the server")

    async def flush(self) -> None:
        """Write what was gathered, with the keyframes that are due."""
        async with self._flushing:
            now_us = self._clock.now_us()
            if self._problem and now_us >= self._retry_us:
                self._problem = ""
            if self._writer is not None and self._is_other_run(self._writer):
                self._end()
            writer = self._open_writer() if any(key.state.sequence for key in self._keys.values()) else self._writer
            if writer is None or not (self._keys or writer.pending):
                return
            self._key(writer, now_us)
            await self._write(writer, writer.cut(self._now_us()))
            if now_us - self._pruned_us >= _PRUNE_S * 1e6:
                self._pruned_us = now_us
                await self._prune()

    def _key(self, writer: Writer, now_us: int) -> None:
        """Take keyframes that are due, a few at a time: that of a large book takes milliseconds."""
        due = sorted((key for key in self._keys.values() if key.due_us <= now_us), key=lambda key: key.due_us)
        for key in due[: max(4, len(self._keys) // 30)]:
            state = key.state
            if state.sequence:
                prelude = [numbered.event for numbered in state.prelude()]
                writer.keyframe(state.topic, state.instrument, prelude, self._now_us())
            key.due_us = now_us + round(_key_s(state) * 1e6)

    async def _write(self, writer: Writer, batch: Batch) -> None:
        try:
            try:
                self._append_task = asyncio.get_running_loop().run_in_executor(None, self._append, batch)
            except RuntimeError:
                # A script has ended without closing its market: executors have no threads any more.
                writer.written(self._append(batch))
                return
            writer.written(await asyncio.shield(self._append_task))
        except OSError as error:
            if writer is self._writer:
                self._stop(f"recordings cannot be written: {error.strerror or error}")

    def _append(self, batch: Batch) -> int:
        folder = batch.path.parent
        if self._locked != folder:
            folder.mkdir(parents=True, exist_ok=True)
            self._lock.enter_context(writing(folder))
            self._locked = folder
        return batch.write()

    async def _prune(self) -> None:
        spare = self._writer.folder if self._writer is not None else None
        try:
            pruned = await asyncio.to_thread(
                prune,
                self.root,
                max_bytes=self._max_bytes,
                max_age_s=self._max_age_s,
                now_s=self._clock.now_us() / 1e6,
                spare=spare,
            )
            free = (await asyncio.to_thread(shutil.disk_usage, self.root)).free
        except OSError as error:
            if not self._problem:
                # The first cause is more useful than a folder that is missing because of it.
                self._stop(f"recordings cannot be written: {error.strerror or error}")
            return
        self._bytes = pruned.bytes_kept
        if free < _MIN_FREE_BYTES:
            self._stop(f"the disk has only {free / 1e6:.0f} MB left: recording needs {_MIN_FREE_BYTES / 1e6:.0f} MB")

    def _open_writer(self, first: TopicState | None = None) -> Writer | None:
        """Return the writer, opened if it can be; ``first`` is a topic whose event opens it."""
        if self._problem:
            return None
        if self._writer is None:
            origin, now_us = self._origin(), self._now_us()
            self._epoch = origin.epoch
            created = datetime.fromtimestamp(now_us / 1e6, UTC)
            name = f"{origin.venue}-{created:%Y%m%dT%H%M%SZ}-{secrets.token_hex(3)}"
            head = FileHead(
                version=SCHEMA_VERSION,
                recording=name,
                number=0,
                venue=origin.venue,
                source=origin.source,
                simulated=origin.simulated,
                unbroken_trades=origin.unbroken_trades,
                absent=origin.absent,
                epoch=origin.epoch,
                created_us=now_us,
                software=self._software,
            )
            self._writer = Writer(self.root / name, head)
            self.written.add(self._writer.folder)
            for key in self._keys.values():
                if key.state.sequence <= (key.state is first):
                    self._writer.opened(key.state.topic, key.state.instrument, now_us)
                else:
                    # What had events before begins with a keyframe.
                    key.due_us = 0
        return self._writer

    def _is_other_run(self, writer: Writer) -> bool:
        origin = self._origin()
        if not self._epoch and origin.epoch:
            self._epoch = origin.epoch
        fell = not origin.epoch and self._now_us() + _BACK_US < writer.stamp_us
        return fell or origin.epoch != self._epoch

    def _stop(self, problem: str) -> None:
        _log.warning("%s", problem)
        self._problem = problem
        self._retry_us = self._clock.now_us() + round(_RETRY_S * 1e6)
        self._end()

    def _end(self) -> None:
        """End this recording; another one begins with the next flush."""
        if self._writer is not None:
            self.minutes.ended(self._writer.stamp_us)
        self._writer = None
        self._lock.close()
        self._locked = None


def _key_s(state: TopicState) -> float:
    return KEY_S if state.spec.snapshot is None else SNAPSHOT_KEY_S
