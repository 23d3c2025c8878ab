"""The time of a replay: it runs at a speed, pauses or jumps; for one feed or several."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Mapping
from typing import Final

from orderfox_nb.clock import Clock, in_time

MAX_WAIT_S: Final = 1.0


class Playhead:
    """The time of a replay, by which its feeds play; it stands until somebody reads.

    Each feed names itself as ``player``: those of several venues may share one playhead.

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
        self._players: set[object] = set()
        """Feeds that are read."""
        self._from_us = start_us if at_us is None else self._bounded(at_us)
        self._seqs: dict[object, int] = {}
        """The last event that was played, of those feeds of which not all of this time was."""
        self._stepped_into = False
        """Whether a step led to this time: feeds without an event in ``_seqs`` have played nothing of it."""
        self._steps = 0
        self._next: dict[object, float] = {}
        """While it steps: the time of each feed's next event."""
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
        if not self._players or not self._playing or self._speed == float("inf"):
            return self._from_us
        passed_us = self._clock.now_us() - self._since_us
        return self._bounded(self._from_us + round(passed_us * self._speed))

    def position(self, player: object) -> tuple[int, int | None]:
        """Return up to when a feed was played and, if it was moved to an event, the ``seq`` of that event."""
        now_us = self.now_us
        if now_us != self._from_us:
            return now_us, None
        if player not in self._seqs and self._stepped_into:
            return now_us - 1, None
        return now_us, self._seqs.get(player)

    def share(self, start_us: int, end_us: int) -> None:
        """Play what another feed has as well, from its beginning to its end."""
        self.start_us = min(self.start_us, start_us)
        self.extend(end_us)

    def extend(self, end_us: int) -> None:
        """Play on to a later end: the recording has grown."""
        if end_us > self.end_us:
            # What stood at the old end continues from there, not from where it would be without it.
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

    def join(self, player: object) -> None:
        """Go on as before for a feed that is read now."""
        self._set(self.now_us, playing=self._playing)
        self._players.add(player)

    def leave(self, player: object) -> None:
        """Stand still once no feed is read any more."""
        self._set(self.now_us, playing=self._playing)
        self._players.discard(player)
        self._next.pop(player, None)

    def seek(self, time_us: int, seqs: Mapping[object, int] | None = None) -> None:
        """Move to a time, which every reader sees as a restart.

        Args:
            time_us: Microseconds since the epoch.
            seqs: The last event of a feed that was played then; all of that time by default.
        """
        self.moves += 1
        self._steps = 0
        self._set(self._bounded(time_us), playing=self._playing)
        self._seqs, self._stepped_into = dict(seqs or {}), False
        moved, self._moved = self._moved, asyncio.Event()
        moved.set()

    async def moved(self) -> None:
        """Wait for the next move."""
        await self._moved.wait()

    def reach(self, time_us: int) -> None:
        """Follow what was played, where no speed holds it back."""
        if time_us > self._from_us and (self._speed == float("inf") or self._steps):
            self._from_us, self._seqs, self._stepped_into = time_us, {}, bool(self._steps)

    async def step(self, events: int, timeout_s: float) -> None:
        """Pause, then play the next events at once.

        Args:
            events: How many.
            timeout_s: How long to look for them, by the clock.
        """
        self.pause()
        self._steps = events
        self._next.clear()
        self._stepped.clear()
        self.wake()
        with contextlib.suppress(TimeoutError):
            await in_time(self._clock, timeout_s, self._stepped.wait())
        self._steps = 0

    def stepped(self, time_us: int, seq: int, player: object) -> None:
        """Count an event that a feed has played, where the playhead is stepping."""
        if not self._steps:
            return
        self.reach(time_us)
        self._seqs[player] = seq
        self._steps -= 1
        if not self._steps:
            self._stepped.set()

    async def turn(self, player: object) -> None:
        """Wait for a move or change of speed, at most a second, as a feed that has no next event yet."""
        self._is_next(player, None)
        changed = self._changed
        with contextlib.suppress(TimeoutError):
            await in_time(self._clock, MAX_WAIT_S, changed.wait())

    async def wait_for(self, time_us: int | None, given_up: Callable[[], bool], player: object) -> bool:
        """Wait until a time is reached; return whether it is, or False once something else is to be done.

        Args:
            time_us: Time of the recording to wait for; None waits only for the other condition.
            given_up: Whether to wait no longer; checked after each move, change of speed and second.
            player: The feed that waits.
        """
        while not given_up():
            if self._is_next(player, time_us):
                return True
            moves = self._playing and time_us is not None
            left_us = 0 if time_us is None else time_us - self.now_us
            if moves and (left_us <= 0 or self._speed == float("inf")):
                return True
            changed = self._changed
            with contextlib.suppress(TimeoutError):
                wait_s = min(left_us / self._speed / 1e6, MAX_WAIT_S) if moves else MAX_WAIT_S
                await in_time(self._clock, wait_s, changed.wait())
        return False

    def wake(self) -> None:
        """Let the feeds that wait check again."""
        # Another one for the next time: none of them can miss this one.
        changed, self._changed = self._changed, asyncio.Event()
        changed.set()

    def _is_next(self, player: object, time_us: int | None) -> bool:
        """Return whether the next step is an event of this feed: no other one has an earlier event."""
        if not self._steps:
            return False
        next_us = float("inf") if time_us is None else time_us
        if self._next.get(player) != next_us:
            self._next[player] = next_us
            # It may be what another feed waits to know.
            self.wake()
        if time_us is None or len(self._next) < len(self._players) or next_us > min(self._next.values()):
            return False
        del self._next[player]
        return True

    def _bounded(self, time_us: int) -> int:
        return min(max(time_us, self.start_us), self.end_us)

    def _set(self, time_us: int, *, playing: bool, speed: float | None = None) -> None:
        if time_us != self._from_us:
            self._seqs, self._stepped_into = {}, False
        self._from_us, self._since_us = time_us, self._clock.now_us()
        self._playing = playing
        self._speed = self._speed if speed is None else speed
        self.wake()
