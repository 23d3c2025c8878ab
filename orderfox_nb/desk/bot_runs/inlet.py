"""The events of several topics as one stream, in the order of their arrival."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Iterator, Sequence
from contextlib import AsyncExitStack
from heapq import merge
from typing import Final

from orderfox_nb.core.events import Channel, Event, Topic
from orderfox_nb.desk.desk import Desk
from orderfox_nb.desk.reader import Numbered, Repeat

INBOX: Final = 32_768
"""Events of a topic that may wait; beyond that the bot gets a gap and a fresh prelude."""


async def arriving(desk: Desk, topics: Sequence[Topic]) -> AsyncGenerator[list[tuple[Channel, Event]], None]:
    """Yield the topics' events in batches: their preludes, then what arrives.

    Within a topic the order is the venue's; between topics it is that in which they were folded, as in a recording.

    Args:
        desk: Whose topics they are.
        topics: Without two of one channel.

    Raises:
        UnknownSymbol: The venue does not list the symbol.
        FeedError: A stream cannot go on.
    """
    wake = asyncio.Event()
    async with AsyncExitStack() as stack:
        readers = [await stack.enter_async_context(desk.events(topic, bound=INBOX)) for topic in topics]
        for reader in readers:
            reader.wake_with(wake)
        while True:
            await wake.wait()
            wake.clear()
            # No event is folded meanwhile: what one reader has is never newer than what another one has left.
            batches = {reader.topic: await reader.batch() for reader in readers if reader.ready}
            placed = merge(*map(_placed, batches, batches.values()), key=_place)
            if events := [(channel, event) for _, channel, event in placed]:
                yield events
            if not all(batches.values()):
                return


def _placed(topic: Topic, batch: list[Numbered]) -> Iterator[tuple[int, Channel, Event]]:
    """Yield a topic's events with places that never go back: a prelude within them follows the event before it."""
    newest = 0
    for numbered in batch:
        if not isinstance(numbered, Repeat):
            newest = max(newest, numbered.arrival)
            yield newest, topic.channel, numbered.event


def _place(item: tuple[int, Channel, Event]) -> int:
    return item[0]
