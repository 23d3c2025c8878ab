"""The events of several topics as one stream, in the order of their arrival."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Iterator, Sequence
from contextlib import AsyncExitStack
from heapq import merge
from typing import Final

from orderfox_nb.bots.gate import stream_name
from orderfox_nb.core.events import Event, Topic
from orderfox_nb.desk.desk import Desk
from orderfox_nb.desk.reader import Numbered, Repeat

INBOX: Final = 32_768
"""Events of a topic that may wait; beyond that the bot gets a gap and a fresh prelude."""


async def arriving(desk: Desk, topics: Sequence[Topic]) -> AsyncGenerator[list[tuple[str, Event]], None]:
    """Yield the topics' events in batches, each with the name of its stream: their preludes, then what arrives.

    Within a topic the order is the venue's; between topics it is that in which they were folded, as in a recording.

    Args:
        desk: Desk of the topics.
        topics: Each once.

    Raises:
        UnknownSymbol: The venue does not list the symbol.
        FeedError: A stream cannot continue.
    """
    wake = asyncio.Event()
    async with AsyncExitStack() as opened:
        readers = [await opened.enter_async_context(desk.events(topic, bound=INBOX)) for topic in topics]
        for reader in readers:
            reader.wake_with(wake)
        while True:
            await wake.wait()
            wake.clear()
            # No event is folded meanwhile: what one reader has is never newer than what another one has left.
            batches = {reader.topic: await reader.batch() for reader in readers if reader.ready}
            placed = merge(*map(_placed, batches, batches.values()), key=_place)
            if events := [(stream, event) for _, stream, event in placed]:
                yield events
            if not all(batches.values()):
                return


def _placed(topic: Topic, batch: list[Numbered]) -> Iterator[tuple[int, str, Event]]:
    """Yield a topic's events with places that never go back: a prelude within them follows the event before it."""
    newest, stream = 0, stream_name(topic)
    for numbered in batch:
        if not isinstance(numbered, Repeat):
            newest = max(newest, numbered.arrival)
            yield newest, stream, numbered.event


def _place(item: tuple[int, str, Event]) -> int:
    return item[0]
