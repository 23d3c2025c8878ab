"""What the tests of feeds share."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

import pytest

from orderfox_nb.core.events import Event
from orderfox_nb.feeds.binance.feed import BinanceFeed
from tests.feeds.scripted_venue import ScriptedVenue
from tests.feeds.stages import Eager


@pytest.fixture
async def venue() -> AsyncIterator[ScriptedVenue]:
    async with ScriptedVenue() as venue:
        yield venue


@pytest.fixture
def feed_on() -> Callable[..., AbstractAsyncContextManager[BinanceFeed]]:
    """Open a feed on a scripted venue."""

    @asynccontextmanager
    async def open_on(venue: ScriptedVenue, **options: Any) -> AsyncIterator[BinanceFeed]:
        given = {"http_url": venue.http_url, "ws_url": venue.ws_url, "random": Eager(), **options}
        async with BinanceFeed(**given) as feed:
            yield feed

    return open_on


async def next_of(stream: AsyncGenerator[Event, None], *kinds: type, within_s: float = 60) -> Any:
    """Return the next event of some kinds, leaving the others out."""
    async with asyncio.timeout(within_s):
        async for event in stream:
            if isinstance(event, kinds):
                return event
    raise AssertionError("the stream has ended")
