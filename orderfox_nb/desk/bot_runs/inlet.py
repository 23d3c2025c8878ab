"""The events of several topics as one stream, in the order of their arrival."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Iterator, Sequence
from contextlib import AsyncExitStack
from heapq import merge
from typing import Final

from orderfox_nb.core.events import Channel, Event, Topic
from orderfox_nb.desk.desk import Desk
from orderfox_nb.desk.reader import EventReader, Numbered, Repeat

INBOX: Final = 32_768
"""Events of a topic that may wait; beyond that the bot gets a gap and a fresh prelude."""


async def arriving(desk: Desk, topics: Sequence[Topic]) -> AsyncGenerator[list[tuple[Channel, Event]], None]:
    """Yield the topics' events in batches: their preludes, then what arrives.

    Within a topic the order is the venue's; between topics it is that of ``received_us``.

    Args:
        desk: Whose topics they are.
        topics: Without two of one channel.

    Raises:
        UnknownSymbol: The venue does not list the symbol.
        FeedError: A stream cannot go on.
    """
    wake = asyncio.Event()
    waiting: dict[Topic, list[Numbered]] = {}
    taken = {topic: asyncio.Event() for topic in topics}

    async def pump(reader: EventReader) -> None:
        while batch := await reader.batch():
            waiting[reader.topic] = batch
            wake.set()
            await taken[reader.topic].wait()
            taken[reader.topic].clear()

    async with AsyncExitStack() as stack:
        readers = [await stack.enter_async_context(desk.events(topic, bound=INBOX)) for topic in topics]
        pumps = [asyncio.create_task(pump(reader), name=f"bot reads {reader.topic}") for reader in readers]
        stack.push_async_callback(_end, pumps)
        for task in pumps:
            task.add_done_callback(lambda _: wake.set())
        while True:
            await wake.wait()
            wake.clear()
            for task in pumps:
                if task.done():
                    task.result()
                    return
            # What arrived with the same read of a socket is in the other readers already: let them pass it on.
            await asyncio.sleep(0)
            batches = dict(waiting)
            waiting.clear()
            yield [(channel, event) for _, channel, event in merge(*map(_dated, batches, batches.values()), key=_time)]
            for topic in batches:
                taken[topic].set()


async def _end(tasks: Sequence[asyncio.Task[None]]) -> None:
    for task in tasks:
        task.cancel()
    if tasks:
        await asyncio.wait(tasks)


def _dated(topic: Topic, batch: list[Numbered]) -> Iterator[tuple[int, Channel, Event]]:
    """Yield a topic's events with times that never go back."""
    newest_us = 0
    for numbered in batch:
        if not isinstance(numbered, Repeat):
            newest_us = max(newest_us, numbered.event.received_us or 0)
            yield newest_us, topic.channel, numbered.event


def _time(item: tuple[int, Channel, Event]) -> int:
    return item[0]
