"""Sends the frames of one key of a page."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Protocol

import msgspec

from orderfox_nb.desk.frame_reader import Frame
from orderfox_nb.views.stamp import rekeyed

Send = Callable[[Sequence[bytes]], Awaitable[None]]
"""Writes messages and waits until there is room for the next ones; what it raises ends the session."""


class FrameOutlet(Protocol):
    """Writes the frames of one key: the two functions that ``FrameReader.deliver`` calls."""

    def write(self, frame: Frame) -> bool:
        """Write a frame; return whether the next one may follow at once."""
        ...

    async def until_ready(self) -> None:
        """Wait until the next frame may follow."""
        ...


class FramesBySend:
    """Frames through ``send``, which waits for each: those of that time are skipped, but for the newest one."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self._unsent: Sequence[bytes] = ()

    def write(self, frame: Frame) -> bool:
        self._unsent = frame.messages
        return False

    async def until_ready(self) -> None:
        unsent, self._unsent = self._unsent, ()
        if unsent:
            await self._send(unsent)


def rekeyed_frame(frame: Frame, asked: str) -> Frame:
    """Return a live frame under the key as its reader wrote it."""
    return msgspec.structs.replace(frame, messages=(rekeyed(frame.text, frame.key.text, asked),))
