"""A venue at a recorded time: a desk of its own over a recording, with a playhead, beside the live one."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Final, Protocol

from orderfox_nb.core.events import WHOLE_MARKET
from orderfox_nb.core.wire import MAX_SPEED, PlayheadMessage
from orderfox_nb.desk.desk import Desk
from orderfox_nb.desk.played_desk import PlayedDesk
from orderfox_nb.desk.skipping import Target, find
from orderfox_nb.errors import BadValue, NoPast
from orderfox_nb.feeds.recorded import RecordedFeed
from orderfox_nb.recording.files import RecordingFiles

MAX: Final = float("inf")
"""The speed of a playhead that waits for nothing."""
_NAMES: Final[dict[Target, str]] = {"trade": "large trade", "liquidation": "liquidation", "gap": "gap"}


class AnyPlayback(Protocol):
    """A venue at a recorded time, played by this process or by the server that it reads from."""

    @property
    def live(self) -> Desk: ...

    @property
    def desk(self) -> Desk: ...

    @property
    def moves(self) -> int: ...

    @property
    def playing(self) -> bool: ...

    @property
    def speed(self) -> float: ...

    @property
    def now_us(self) -> int: ...

    @property
    def span_us(self) -> tuple[int, int] | None: ...

    async def drive(self, *, speed: float | None = None, playing: bool | None = None) -> None: ...

    async def seek(self, time_us: int) -> None: ...

    async def step(self, by: int) -> None: ...

    async def find(self, to: Target, *, back: bool) -> int: ...

    async def refresh(self) -> None: ...


class Playback(PlayedDesk):
    """Plays one recording of a venue; entering it opens its desk, leaving it closes that.

    Args:
        live: The desk of the venue.
        files: The recording; the live desk's recordings must be open.
        time_us: Where it begins.
        speed: Times real time, at most 300, or infinity.
        playing: Whether it plays; False while it is paused.
        beside: The playback of another venue, by whose playhead it plays: ``time_us``, ``speed`` and ``playing`` are
            then that one's, and what moves the playhead moves both.
    """

    def __init__(
        self,
        live: Desk,
        files: RecordingFiles,
        *,
        time_us: int,
        speed: float,
        playing: bool,
        beside: Playback | None = None,
    ) -> None:
        self.feed = RecordedFeed(
            files,
            # Not the folder: a reader need not know where this server keeps its data.
            source=live.origin.source,
            speed=check_speed(speed),
            start_us=time_us,
            clock=live.clock,
            follow=live.recordings.refresh if live.recordings.grows(files) else None,
            listed=live.catalogue.known,
            gentle=True,
            playhead=None if beside is None else beside.feed.playhead,
        )
        self._beside: list[Playback] = []
        if beside is None:
            self.feed.playhead.drive(playing=playing)
        else:
            beside._beside.append(self)
        super().__init__(live, live.over(self.feed), self.feed.playhead)

    @property
    def moves(self) -> int:
        """How often it was moved to another time."""
        return self.feed.playhead.moves

    @property
    def span_us(self) -> tuple[int, int] | None:
        """From when on and up to when the venues are recorded; None if nothing is known."""
        spans = [span for playback in self._all if (span := playback.live.recordings.span_us) is not None]
        return (min(span[0] for span in spans), max(span[1] for span in spans)) if spans else None

    @property
    def desks(self) -> Sequence[Desk]:
        """Those of all venues that are played by its playhead, its own first."""
        return [playback.desk for playback in self._all]

    @property
    def _all(self) -> Sequence[Playback]:
        return [self, *self._beside]

    @property
    def ended(self) -> bool:
        """Whether it has played what is recorded so far."""
        return self.now_us >= self.feed.files.end_us

    async def drive(self, *, speed: float | None = None, playing: bool | None = None) -> None:
        """Change how it plays; what is not given stays.

        Raises:
            BadValue: No such speed.
        """
        self.feed.playhead.drive(speed=None if speed is None else check_speed(speed), playing=playing)

    async def seek(self, time_us: int) -> None:
        """Move to a time of this recording."""
        self._extend()
        self.feed.playhead.seek(time_us)

    async def step(self, by: int) -> None:
        """Stand still and move by events of what is read; a negative number moves back."""
        await self.feed.step(by, *(playback.feed for playback in self._beside))

    async def find(self, to: Target, *, back: bool) -> int:
        """Return when the next or previous large trade, liquidation or gap is of the symbols that are read.

        Returns:
            Microseconds since the epoch.

        Raises:
            NoPast: None is known.
        """
        found: list[int] = []
        for playback in self._all:
            symbols = {topic.symbol for topic in playback.feed.topics} - {WHOLE_MARKET}
            at, bars = playback.live.recordings.at, playback.live.strip.bars
            time_us = await asyncio.to_thread(find, at, bars, symbols, to, self.now_us, back=back)
            if time_us is not None:
                found.append(time_us)
        if not found:
            raise NoPast(self.live.venue, f"no {'earlier' if back else 'later'} {_NAMES[to]} is recorded")
        return max(found) if back else min(found)

    async def refresh(self) -> None:
        """Look for what was recorded since."""
        for playback in self._all:
            await playback.live.recordings.refresh()
        self._extend()

    def _extend(self) -> None:
        self.feed.playhead.extend(max(playback.feed.files.end_us for playback in self._all))


def check_speed(speed: float) -> float:
    """Return a speed that a playhead can have.

    Raises:
        BadValue: Another one.
    """
    if speed == MAX or 0 < speed <= MAX_SPEED:
        return speed
    raise BadValue("speed", speed, f"a number above 0 up to {MAX_SPEED:g}, or max")


def playhead_message(
    live: Desk, rewind: AnyPlayback | None, *, answered: int, moved: bool = False, shared: bool = False
) -> PlayheadMessage:
    """Return the message that reports where a page is in time; see ``PlayheadMessage``."""
    speed = 1.0 if rewind is None else rewind.speed
    now_us = live.now_us()
    start_us, end_us = (live.recordings if rewind is None else rewind).span_us or (now_us, now_us)
    return PlayheadMessage(
        time=None if rewind is None else rewind.now_us // 1000,
        start=start_us // 1000,
        end=end_us // 1000,
        speed="max" if speed == MAX else speed,
        playing=rewind is None or rewind.playing,
        live=now_us // 1000,
        moved=moved,
        shared=shared,
        answered=answered,
    )
