"""A venue at a recorded time of the server that it is read from, whose playhead that server moves."""

from __future__ import annotations

from orderfox_nb.desk.desk import Desk
from orderfox_nb.desk.playback import MAX, check_speed
from orderfox_nb.desk.played_desk import PlayedDesk
from orderfox_nb.desk.skipping import Target
from orderfox_nb.feeds.remote import RemoteFeed
from orderfox_nb.feeds.remote_playhead import RewoundFeed


class RemotePlayback(PlayedDesk):
    """As ``Playback``, of a recording on another server; entering it waits until that plays.

    Args:
        live: The desk of the venue.
        remote: Its feed.
        time_us: Where it begins, bounded by the server.
        speed: Times real time, at most 300, or infinity.
        playing: Whether it plays; False while it is paused.

    Raises:
        BadValue: No such speed.
    """

    def __init__(self, live: Desk, remote: RemoteFeed, *, time_us: int, speed: float, playing: bool = True) -> None:
        self.feed = RewoundFeed.of(
            remote, time_us=time_us, speed=check_speed(speed), playing=playing, listed=live.catalogue.known
        )
        super().__init__(live, live.over(self.feed), self.feed.playhead)

    @property
    def moves(self) -> int:
        """How often it was moved to another time."""
        return self.feed.moves

    @property
    def ended(self) -> str:
        """Why the server has ended it by itself; empty while it plays."""
        return self.feed.playhead.ended

    @property
    def span_us(self) -> tuple[int, int] | None:
        """From when on and up to when the server has recorded the venue."""
        return self.feed.playhead.span_us

    async def drive(self, *, speed: float | None = None, playing: bool | None = None) -> None:
        """Change how it plays; what is not given stays.

        Raises:
            BadValue: No such speed.
            NoPast: The server refuses it.
            VenueUnreachable: The server does not answer.
        """
        command: dict[str, object] = {"type": "rewind"}
        if speed is not None:
            command["speed"] = "max" if check_speed(speed) == MAX else speed
        if playing is not None:
            command["playing"] = playing
        await self.feed.playhead.command(command)

    async def seek(self, time_us: int) -> None:
        """Move to a time that the server has recorded.

        Raises:
            NoPast: The server refuses it.
            VenueUnreachable: The server does not answer.
        """
        await self.feed.playhead.move({"type": "rewind", "time": time_us // 1000})

    async def step(self, by: int) -> None:
        """Stand still and move by events of what is read; a negative number moves back.

        Raises:
            NoPast: The server refuses it.
            VenueUnreachable: The server does not answer.
        """
        act = self.feed.playhead.move if by < 0 else self.feed.playhead.command
        await act({"type": "step", "by": by})

    async def find(self, to: Target, *, back: bool) -> int:
        """Move to the next or previous large trade, liquidation or gap of the symbols that are read.

        Returns:
            When it is, in microseconds since the epoch.

        Raises:
            NoPast: None is known.
            VenueUnreachable: The server does not answer.
        """
        await self.feed.playhead.move({"type": "skip", "to": to, "back": back})
        # The server has said it in whole milliseconds: the next one has the event in it.
        return self.now_us + 1_000

    async def refresh(self) -> None:
        """The server looks for what it has recorded since."""
