"""The past that was fetched, kept in files: each has every event of a topic from one time to another.

A file is one line of JSON that says what it has, and a zstd frame with a checksum. It appears whole, under a name that
no other content has, so that processes may share a folder. One that cannot be read is deleted: its events are fetched
again. Reading a file sets its time, so that those that were not used for longest are deleted first.
"""

from __future__ import annotations

import contextlib
import logging
import os
import re
import secrets
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final, NamedTuple

import msgspec
import zstandard

from orderfox_nb.core.events import Event, Topic

_log = logging.getLogger(__name__)

VERSION: Final = 1
SUFFIX: Final = ".ofp"
MAX_EVENTS: Final = 5_000
"""Largest number of events in one file: neighbours are joined up to it."""
_MAX_BYTES: Final = 64_000_000
"""Largest size of a file's events, before compression."""
_LEVEL: Final = 3
_NAME: Final = re.compile(r"([0-9]{1,17})-([0-9]{1,17})" + re.escape(SUFFIX))
_TEMPORARY_S: Final = 3_600.0
"""A file that was not finished is deleted after that time."""
_PRUNE_PART: Final = 20
"""Sizes are added up again after each twentieth of the bound was written."""


class StoredHead(msgspec.Struct, frozen=True, kw_only=True):
    """The first line of a file."""

    version: int
    topic: Topic
    start_us: int
    end_us: int
    events: int


class StoredPart(NamedTuple):
    """Every event from a time up to before another one, oldest first."""

    start_us: int
    end_us: int
    events: Sequence[Event]


_decode_head = msgspec.json.Decoder(StoredHead).decode
_decode_events = msgspec.msgpack.Decoder(list[Event]).decode
_encode_events = msgspec.msgpack.Encoder().encode


class PastFiles:
    """The fetched past of the runs of all venues.

    Args:
        root: Folder of all of it.
        max_bytes: Largest size of all files together; 0 keeps nothing.
    """

    def __init__(self, root: Path, *, max_bytes: int) -> None:
        self._root = root
        self._max_bytes = max_bytes
        self._unchecked = max_bytes
        """Bytes that were written since sizes were added up; at first that is unknown."""

    def find(self, run: str, topic: Topic, start_us: int) -> StoredPart | int | None:
        """Return the part that holds a time, otherwise when the next one begins, None if none does.

        Args:
            run: Name of the venue's run: each run has a past of its own.
            topic: Topic of the past.
            start_us: The time.
        """
        found = self._parts(run, topic)
        holding = [part for part in found if part[0] <= start_us < part[1]]
        for first_us, last_us, path in sorted(holding, key=lambda part: -part[1]):
            if (events := self._read(path, topic, first_us, last_us)) is not None:
                return StoredPart(first_us, last_us, events)
        return min((first_us for first_us, _, _ in found if first_us > start_us), default=None)

    def keep(self, run: str, topic: Topic, start_us: int, end_us: int, events: Sequence[Event]) -> None:
        """Keep all events of a part; a disk that cannot take them keeps nothing."""
        if self._max_bytes <= 0 or end_us <= start_us:
            return
        replaced: list[Path] = []
        for first_us, last_us, path in self._parts(run, topic):
            if start_us <= first_us and last_us <= end_us:
                replaced.append(path)
            elif last_us == start_us:
                before = self._read(path, topic, first_us, last_us)
                if before is not None and len(before) + len(events) <= MAX_EVENTS:
                    start_us, events = first_us, [*before, *events]
                    replaced.append(path)
        try:
            written = self._write(self._folder(run, topic), topic, start_us, end_us, events)
            for path in replaced:
                if path != written:
                    path.unlink(missing_ok=True)
        except OSError as error:
            _log.warning("the past of %s cannot be kept: %s", topic, error)
            return
        if self._unchecked >= self._max_bytes / _PRUNE_PART:
            self.prune()

    def prune(self) -> int:
        """Delete the files that were not used for longest, beyond the bound; return the bytes that are kept."""
        found: list[tuple[float, int, Path]] = []
        now_s = time.time()
        for path in self._root.rglob("*"):
            with contextlib.suppress(OSError):
                stat = path.stat()
                if path.suffix == SUFFIX:
                    found.append((stat.st_mtime, stat.st_size, path))
                elif path.suffix == ".new" and now_s - stat.st_mtime > _TEMPORARY_S:
                    path.unlink(missing_ok=True)
        total = sum(size for _, size, _ in found)
        for _, size, path in sorted(found):
            if total <= self._max_bytes:
                break
            with contextlib.suppress(OSError):
                path.unlink(missing_ok=True)
                total -= size
                # Only an empty one is deleted.
                path.parent.rmdir()
        self._unchecked = 0
        return total

    def _folder(self, run: str, topic: Topic) -> Path:
        name = "-".join(part for part in (topic.symbol, topic.channel, topic.interval) if part)
        # Months and minutes differ by case alone, which some disks do not keep apart.
        name = re.sub(r"[^A-Za-z0-9-]", lambda match: f"_{ord(match[0]):x}", name.replace("1M", "1mon"))
        return self._root / re.sub(r"[^A-Za-z0-9.-]", "_", run) / name

    def _parts(self, run: str, topic: Topic) -> list[tuple[int, int, Path]]:
        try:
            paths = list(self._folder(run, topic).iterdir())
        except OSError:
            return []
        found = [(match, path) for path in paths if (match := _NAME.fullmatch(path.name)) is not None]
        return [(int(match[1]), int(match[2]), path) for match, path in found]

    def _read(self, path: Path, topic: Topic, start_us: int, end_us: int) -> Sequence[Event] | None:
        try:
            data = path.read_bytes()
            os.utime(path)
        except OSError:
            return None
        try:
            line, _, body = data.partition(b"\n")
            head = _decode_head(line)
            if (head.version, head.topic, head.start_us, head.end_us) != (VERSION, topic, start_us, end_us):
                raise ValueError("a file of another topic or version")
            if not 0 <= zstandard.frame_content_size(body) <= _MAX_BYTES:
                raise ValueError("more than a file has")
            events = _decode_events(zstandard.ZstdDecompressor().decompress(body))
            if len(events) != head.events:
                raise ValueError("events are missing")
        except (ValueError, zstandard.ZstdError, msgspec.MsgspecError) as error:
            _log.warning("%s cannot be read and is fetched again: %s", path, error)
            with contextlib.suppress(OSError):
                path.unlink(missing_ok=True)
            return None
        return events

    def _write(self, folder: Path, topic: Topic, start_us: int, end_us: int, events: Sequence[Event]) -> Path:
        head = StoredHead(version=VERSION, topic=topic, start_us=start_us, end_us=end_us, events=len(events))
        packer = zstandard.ZstdCompressor(level=_LEVEL, write_checksum=True, write_content_size=True)
        data = msgspec.json.encode(head) + b"\n" + packer.compress(_encode_events(events))
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / f"{start_us}-{end_us}{SUFFIX}"
        fresh = folder / f"{secrets.token_hex(8)}.new"
        try:
            fresh.write_bytes(data)
            fresh.replace(path)
        finally:
            fresh.unlink(missing_ok=True)
        self._unchecked += len(data)
        return path
