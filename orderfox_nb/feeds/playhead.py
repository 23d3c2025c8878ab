"""Where a replay is: a time that runs at a speed, stands still, or jumps."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from typing import Final

from orderfox_nb.clock import Clock, in_time

MAX_WAIT_S: Final = 1.0


class Playhead:
    """The time of a replay, by which its feed plays; it stands until somebody reads.

    Args:
        start_us: Beginning of what can be played.
        end_us: Its end, where the playhead stops by itself.
        clock: Measures how time passes here.
        at_us: Where it begins, by default at the beginning.
        speed: Times real time; infinity plays as fast as it is read.
    """

    def __init__(
        self, start_us: int, end_us: int, clock: Clock, *, at_us: int | None = None, speed: float = 1.0
    ) -> None:
        self.start_us = start_us
        self.end_us = end_us
        self.moves = 0
        """How often it was moved: what was played before a move is undone."""
        self._clock = clock
        self._speed = speed
        self._playing = True
        self._held = True
        self._from_us = start_us if at_us is None else self._bounded(at_us)
        self._seq: int | None = None
        self._steps = 0
        self._stepped = asyncio.Event()
        self._since_us = clock.now_us()
        self._changed = asyncio.Event()
        self._moved = asyncio.Event()

    @property
    def speed(self) -> float:
        return self._speed

    @property
    def playing(self) -> bool:
        return self._playing

    @property
    def now_us(self) -> int:
        """Time of the replay, microseconds since the epoch."""
        if self._held or not self._playing or self._speed == float("inf"):
            return self._from_us
        passed_us = self._clock.now_us() - self._since_us
        return self._bounded(self._from_us + round(passed_us * self._speed))

    @property
    def position(self) -> tuple[int, int | None]:
        """Time of the replay and, where it was moved to an event, the ``seq`` of that event."""
        now_us = self.now_us
        return now_us, self._seq if now_us == self._from_us else None

    def extend(self, end_us: int) -> None:
        """Play on to a later end: the recording has grown."""
        if end_us > self.end_us:
            # What stood at the old end goes on from there, not from where it would be without it.
            self._set(self.now_us, playing=self._playing)
            self.end_us = end_us

    def play(self, speed: float | None = None) -> None:
        """Go on, at a speed."""
        self._set(self.now_us, playing=True, speed=speed)

    def pause(self) -> None:
        """Stand still."""
        self._set(self.now_us, playing=False)

    def drive(self, *, speed: float | None = None, playing: bool | None = None) -> None:
        """Change how it plays; what is not given stays."""
        self._set(self.now_us, playing=self._playing if playing is None else playing, speed=speed)

    def hold(self, *, held: bool) -> None:
        """Stand still while nobody reads, and go on as before once somebody does."""
        self._set(self.now_us, playing=self._playing)
        self._held = held

    def seek(self, time_us: int, seq: int | None = None) -> None:
        """Move to a time, which every reader sees as a restart.

        Args:
            time_us: Microseconds since the epoch.
            seq: The last event that was played then; all of that time by default.
        """
        self.moves += 1
        self._steps = 0
        self._set(self._bounded(time_us), playing=self._playing)
        self._seq = seq
        moved, self._moved = self._moved, asyncio.Event()
        moved.set()

    async def moved(self) -> None:
        """Wait for the next move."""
        await self._moved.wait()

    def reach(self, time_us: int) -> None:
        """Follow what was played, where no speed holds it back."""
        if self._speed == float("inf") or self._steps:
            self._from_us = max(self._from_us, time_us)

    async def step(self, events: int, timeout_s: float) -> None:
        """Stand still, but for so many events that are played at once.

        Args:
            events: How many.
            timeout_s: How long to look for them, by the clock.
        """
        self.pause()
        self._steps = events
        self._stepped.clear()
        self._changed.set()
        with contextlib.suppress(TimeoutError):
            await in_time(self._clock, timeout_s, self._stepped.wait())
        self._steps = 0

    def stepped(self, time_us: int, seq: int) -> None:
        """Count an event that was played, where the playhead is stepping."""
        if not self._steps:
            return
        self._from_us, self._seq = time_us, seq
        self._steps -= 1
        if not self._steps:
            self._stepped.set()

    async def turn(self) -> None:
        """Wait for a move or change of speed, at most a second."""
        self._changed.clear()
        with contextlib.suppress(TimeoutError):
            await in_time(self._clock, MAX_WAIT_S, self._changed.wait())

    async def wait_for(self, time_us: int | None, given_up: Callable[[], bool]) -> bool:
        """Wait until a time is reached; return whether it is, or False once something else is to be done.

        Args:
            time_us: Of the recording; None waits for the other thing alone.
            given_up: Whether to wait no longer; checked after each move, change of speed and second.
        """
        while not given_up():
            if self._steps and time_us is not None:
                return True
            moves = self._playing and time_us is not None
            left_us = 0 if time_us is None else time_us - self.now_us
            if moves and (left_us <= 0 or self._speed == float("inf")):
                return True
            self._changed.clear()
            with contextlib.suppress(TimeoutError):
                wait_s = min(left_us / self._speed / 1e6, MAX_WAIT_S) if moves else MAX_WAIT_S
                await in_time(self._clock, wait_s, self._changed.wait())
        return False

    def wake(self) -> None:
        """Let a waiting replay check again."""
        self._changed.set()

    def _bounded(self, time_us: int) -> int:
        return min(max(time_us, self.start_us), self.end_us)

    def _set(self, time_us: int, *, playing: bool, speed: float | None = None) -> None:
        if time_us != self._from_us:
            self._seq = None
        self._from_us, self._since_us = time_us, self._clock.now_us()
        self._playing = playing
        self._speed = self._speed if speed is None else speed
        self._changed.set()
