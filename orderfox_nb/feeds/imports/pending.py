"""A tape that is imported beside its server: it is asked for its market at once, and says how far it is."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Collection, Mapping, Sequence
from contextlib import aclosing, suppress
from pathlib import Path
from types import TracebackType
from typing import Final, Self

import msgspec

from orderfox_nb.clock import Clock, SystemClock, in_time
from orderfox_nb.core.events import Event, Gap, Status, Topic
from orderfox_nb.core.origin import Origin
from orderfox_nb.errors import NoPast, OrderFoxError, VenueUnreachable
from orderfox_nb.feeds.base import Feed, Listing
from orderfox_nb.feeds.imports.formats import recognise
from orderfox_nb.feeds.imports.inputs import Input
from orderfox_nb.feeds.imports.items import Facts
from orderfox_nb.feeds.imports.shown import import_kept
from orderfox_nb.feeds.past import Past, PastPage, Span

LONG_BYTES: Final = 4_000_000
"""What is larger takes seconds to import, also where it is compressed."""
_REPORT_S: Final = 1.0


def likely_venue(path: Path) -> str:
    """Return whose data a file seems to hold, by its first lines; an import reads all of them.

    Raises:
        RecordingError: No file that can be imported.
    """
    found = recognise(path)
    venue = found.reader.facts.venue
    if venue != Facts().venue or b"depthUpdate" not in (text := b"\n".join(Input(path).sample())):
        return venue
    # Only futures have the id of the diff before.
    return "binance" if b'"pu"' in text.replace(b"\\", b"") else "binance-spot"


class _ImportStoppedError(Exception):
    """Nobody needs the import any more."""


class ImportingFeed:
    """Imports files in a thread from when it is entered, and is the recording made of them once that is done.

    Until then ``origin.problem`` says how far it is, and streams wait in the state ``connecting``.

    Args:
        paths: The files.
        root: Folder of the imports that are kept.
        venue: Venue of the data.
        source: As given in the settings.
        play: Opens the recording.
        clock: Measures how often readers hear of it.
    """

    def __init__(
        self,
        paths: Sequence[Path],
        root: Path,
        *,
        venue: str,
        source: str,
        play: Callable[[Path], Feed],
        clock: Clock | None = None,
    ) -> None:
        self._paths = paths
        self._root = root
        self._venue = venue
        self._source = source
        self._play = play
        self._clock = clock or SystemClock()
        self._percent = 0
        self._failure = ""
        self._stopped = False
        self._feed: Feed | None = None
        self._ended = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    @property
    def venue(self) -> str:
        return self._venue

    @property
    def problem(self) -> str:
        """How far the import is, or why there is none; empty once it is played."""
        if self._feed is not None:
            return ""
        return self._failure or f"importing {self._paths[0].name}, {self._percent} %"

    @property
    def origin(self) -> Origin:
        if self._feed is not None:
            return self._feed.origin
        return Origin(source=self._source, venue=self._venue, recorded=True, problem=self.problem)

    @property
    def takes_long(self) -> bool:
        return sum(path.stat().st_size for path in self._paths if path.is_file()) > LONG_BYTES

    def prepared(self) -> Feed:
        """Import in this thread, with a progress bar, and return the recording's feed.

        Raises:
            RecordingError: Files that cannot be imported.
            SettingError: A start outside the recording.
            OSError: The recording cannot be written.
        """
        return self._play(import_kept(self._paths, self._root))

    async def venues(self, *, taken: Collection[str]) -> Sequence[Feed]:
        """Return the recording's feed, once there is one."""
        del taken
        return [await self._imported()]

    def now_us(self) -> int:
        return self._clock.now_us() if self._feed is None else self._feed.now_us()

    async def stream(self, topic: Topic) -> AsyncGenerator[Event, None]:
        while not self._ended.is_set():
            yield Status(symbol=topic.symbol, time_us=self.now_us(), state="connecting", reason=self.problem)
            with suppress(TimeoutError):
                await in_time(self._clock, _REPORT_S, self._ended.wait())
        feed = await self._imported()
        # Its tick and lot size were unknown before.
        reason = "the import is complete"
        yield Gap(symbol=topic.symbol, time_us=self.now_us(), reason=reason, restart=True, relisted=True)
        topic = msgspec.structs.replace(topic, venue=feed.venue)
        async with aclosing(feed.stream(topic)) as events:
            async for event in events:
                yield event

    async def listings(self) -> Sequence[Listing]:
        if self._feed is None:
            raise VenueUnreachable(self._venue, self.problem)
        return await self._feed.listings()

    @property
    def past(self) -> Past:
        return self if self._feed is None else self._feed.past

    async def page(self, topic: Topic, span: Span) -> PastPage:
        del topic, span
        raise NoPast(self._venue, self.problem)

    def statistics(self) -> Mapping[str, int | float]:
        return {"imported_percent": self._percent} if self._feed is None else self._feed.statistics()

    async def __aenter__(self) -> Self:
        self._task = asyncio.create_task(self._import(), name="tape import")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stopped = True
        if self._task is not None:
            # The thread ends with the next piece that it has read.
            await asyncio.wait({self._task})
        if self._feed is not None:
            await self._feed.__aexit__(kind, error, trace)

    async def _imported(self) -> Feed:
        await self._ended.wait()
        if self._feed is None:
            raise VenueUnreachable(self._venue, self._failure)
        return self._feed

    async def _import(self) -> None:
        try:
            folder = await asyncio.to_thread(import_kept, self._paths, self._root, progress=self._progress)
            self._feed = await self._play(folder).__aenter__()
        except _ImportStoppedError:
            self._failure = "the import was stopped"
        except (OrderFoxError, OSError) as error:
            self._failure = f"{self._paths[0].name} cannot be imported: {error}"
        finally:
            self._ended.set()

    def _progress(self, done: float) -> None:
        """Note how far it is; called on the thread that imports."""
        if self._stopped:
            raise _ImportStoppedError
        self._percent = min(99, int(100 * done))
