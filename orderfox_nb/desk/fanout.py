"""The frames that are computed in one turn of the loop, passed on to their readers many at a time."""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from typing import Final

from orderfox_nb.desk.frame_reader import Frame, FrameReader

_READERS: Final = 200
_KEYS: Final = 16
"""Keys that are passed on at once: with more, the first frames would wait longer than writing costs."""


class Fanout:
    """Encodes the frames of several keys, then writes all of them.

    The system runs the process of a reader as soon as something is written to it. Where writes alternate with
    computing, that happens for every few messages, and costs the writer more than the messages.
    """

    def __init__(self) -> None:
        self._keys: dict[int, Collection[FrameReader]] = {}
        """Readers by their identity: a key whose frame waits is not passed on twice."""
        self._readers = 0

    def add(self, readers: Collection[FrameReader]) -> None:
        """Pass a key's newest frame on, soon: at the latest in the next turn of the loop.

        Args:
            readers: Those of the key.
        """
        if not self._keys:
            asyncio.get_running_loop().call_soon(self._pass_on)
        self._keys[id(readers)] = readers
        self._readers += len(readers)
        if self._readers >= _READERS or len(self._keys) >= _KEYS:
            self._pass_on()

    def _pass_on(self) -> None:
        keys, self._keys, self._readers = self._keys, {}, 0
        due: list[tuple[FrameReader, Frame]] = []
        for readers in keys.values():
            due += FrameReader.due_frames(readers)
        FrameReader.pass_on(due)
