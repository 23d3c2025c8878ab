"""Turns to render a page: few notebooks run at once, and slow ones never take all of the turns."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, nullcontext


class RenderingTurns:
    """So many turns, given in the order of requests; slow notebooks have all but one of them.

    A notebook that loops holds its turn until its time is up, and so would the next one. The last turn is therefore
    kept for the pages of other notebooks.

    Args:
        at_once: Turns, at least two.
    """

    def __init__(self, at_once: int) -> None:
        self._all = asyncio.Semaphore(at_once)
        self._slow = asyncio.Semaphore(at_once - 1)

    @asynccontextmanager
    async def turn(self, *, slow: bool) -> AsyncGenerator[None]:
        """Wait for a turn and hold it.

        Args:
            slow: Whether the notebook is known to be slow. Only so many of them wait together with the others.
        """
        async with self._slow if slow else nullcontext(), self._all:
            yield
