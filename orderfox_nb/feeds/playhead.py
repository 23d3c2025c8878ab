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
        self._since_us = clock.now_us()
        self._changed = asyncio.Event()

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

    def play(self, speed: float | None = None) -> None:
        """Go on, at a speed."""
        self._set(self.now_us, playing=True, speed=speed)

    def pause(self) -> None:
        """Stand still."""
        self._set(self.now_us, playing=False)

    def hold(self, *, held: bool) -> None:
        """Stand still while nobody reads, and go on as before once somebody does."""
        self._set(self.now_us, playing=self._playing)
        self._held = held

    def seek(self, time_us: int) -> None:
        """Move to a time, which every reader sees as a restart."""
        self.moves += 1
        self._set(self._bounded(time_us), playing=self._playing)

    def reach(self, time_us: int) -> None:
        """Follow what was played, where no speed holds it back."""
        if self._speed == float("inf"):
            self._from_us = max(self._from_us, time_us)

    async def wait_for(self, time_us: int | None, given_up: Callable[[], bool]) -> bool:
        """Wait until a time is reached; return whether it is, or False once something else is to be done.

        Args:
            time_us: Of the recording; None waits for the other thing alone.
            given_up: Whether to wait no longer; checked after each move, change of speed and second.
        """
        while not given_up():
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
        self._from_us, self._since_us = time_us, self._clock.now_us()
        self._playing = playing
        self._speed = self._speed if speed is None else speed
        self._changed.set()
