"""The frames that are computed in one turn of the loop, passed on to their readers many at a time."""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from typing import Final

from orderfox_nb.desk.frame_reader import FrameReader

_READERS: Final = 1000
_KEYS: Final = 64
"""Keys that are passed on at once, at most: the first frame waits until all of them are encoded."""


class Fanout:
    """Encodes the frames of several keys, then writes all of them.

    All keys are due at the same moments. The system runs the process of a reader as soon as something is written to it:
    where writes alternate with computing, both begin again with cold caches each time.
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
        for readers in keys.values():
            FrameReader.encode_next(readers)
        for readers in keys.values():
            FrameReader.pass_on(tuple(readers))
