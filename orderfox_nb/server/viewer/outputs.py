# Voila's executor has no types.
"""Bounds what a notebook prints while its page is rendered.

Outputs are kept in memory until the page is whole, and a cell that prints without end may do so for two minutes.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Mapping, Sequence
from typing import Any, Final, cast

from orderfox_nb.server.viewer.failures import RenderingFailed

MAX_PAGE: Final = 32_000_000
"""Characters of a page with its widgets' states, and of what its notebook prints."""


class BoundedOutputs:
    """Counts what a kernel sends while cells run, and ends the rendering if it is too much.

    Args:
        executor: Runs the cells; its ``process_message`` is replaced.
        most: Characters and bytes, of all cells together.
    """

    def __init__(self, executor: Any, most: int) -> None:
        self._most = self._left = most
        self._exceeded = asyncio.Event()
        self._process = executor.process_message
        executor.process_message = self._counted

    def _counted(self, message: Mapping[str, Any], *place: Any) -> Any:
        self._left -= _size(message.get("content")) + sum(map(len, message.get("buffers") or ()))
        if self._left < 0:
            # Messages that are already on their way are dropped too.
            self._exceeded.set()
            return None
        return self._process(message, *place)

    async def during(self, execution: Coroutine[Any, Any, Any]) -> Any:
        """Run a cell.

        Raises:
            RenderingFailed: The notebook has printed too much.
        """
        cell = asyncio.ensure_future(execution)
        exceeded = asyncio.ensure_future(self._exceeded.wait())
        try:
            await asyncio.wait({cell, exceeded}, return_when=asyncio.FIRST_COMPLETED)
            if self._exceeded.is_set():
                raise RenderingFailed(f"its output is larger than {self._most // 1_000_000} million characters")
            return await cell
        finally:
            cell.cancel()
            exceeded.cancel()
            await asyncio.gather(cell, exceeded, return_exceptions=True)


def _size(value: Any) -> int:
    if isinstance(value, str):
        return len(value)
    if isinstance(value, Mapping):
        return sum(map(_size, cast("Mapping[str, Any]", value).values()))
    if isinstance(value, Sequence):
        return sum(map(_size, cast("Sequence[Any]", value)))
    return 1
