"""The live session without a socket: what a page says, and what it is sent."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest

from orderfox_nb.clock import ManualClock, settle
from orderfox_nb.config import load_settings
from orderfox_nb.core.origin import Origin
from orderfox_nb.core.wire import MAX_REQUESTS, PageMessage, ServerMessage
from orderfox_nb.desk import session as module
from orderfox_nb.desk.desk import Desk
from orderfox_nb.desk.desks import Desks
from orderfox_nb.desk.page_requests import REQUESTS, RequestKind
from orderfox_nb.desk.session import LiveSession
from tests.desk.scripted import VENUE, ScriptedFeed
from tests.desk.test_frames import BOOK, START_US, put_book

pytestmark = pytest.mark.core

KEY = f"{VENUE}/BTCUSDT/book?rows=10"
EVENTS = f"{VENUE}/BTCUSDT/events?channel=book"


class SessionPage:
    """Where a session's messages end; every one of them has to fit its schema."""

    def __init__(self, feed: ScriptedFeed, desks: Desks) -> None:
        self.feed = feed
        self.session = LiveSession(desks, self.send)
        self.messages: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self.failure: Exception | None = None
        self.running = asyncio.create_task(self.session.run(greet=True))

    async def send(self, texts: Sequence[bytes]) -> None:
        if self.failure is not None:
            raise self.failure
        for text in texts:
            msgspec.json.decode(text, type=ServerMessage)
            self.messages.put_nowait(json.loads(text))

    async def say(self, **message: object) -> None:
        await self.session.handle(message)

    async def hear(self, kind: str) -> dict[str, Any]:
        async with asyncio.timeout(60):
            while (message := await self.messages.get())["type"] != kind:
                pass
            return message


@asynccontextmanager
async def opened(tmp_path: Path) -> AsyncIterator[SessionPage]:
    feed = ScriptedFeed(ManualClock(START_US))
    async with Desks([feed], load_settings(data_dir=tmp_path), feed.clock, linger_s=0) as desks:
        page = SessionPage(feed, desks)
        yield page
        page.running.cancel()
        await asyncio.wait({page.running})
        await settle()
        assert feed.opened == feed.closed, "a stream outlived its session"
    assert asyncio.all_tasks() == {asyncio.current_task()}


async def test_a_page_that_says_hello_again_begins_again(tmp_path: Path) -> None:
    async with opened(tmp_path) as page:
        await page.hear("hello")
        await page.say(type="subscribe", key=KEY)
        put_book(page.feed)
        await page.hear("frame")
        await page.say(type="hello")
        await page.hear("hello")
        assert page.feed.closed == {BOOK: 1}
        await page.say(type="subscribe", key=EVENTS)
        put_book(page.feed)
        assert (await page.hear("event"))["sequence"] > 0


async def test_a_page_gets_a_status_when_its_source_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "ORIGIN_POLL_S", 0)
    async with opened(tmp_path) as page:
        await page.hear("hello")
        ill = Origin(source=VENUE, venue=VENUE, problem="it does not answer: choose another source")
        monkeypatch.setattr(ScriptedFeed, "origin", ill)
        status = await page.hear("status")
        assert (status["state"], status["message"]) == ("down", ill.problem)


async def test_slow_answers_hold_up_neither_frames_nor_other_answers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    answered, active = asyncio.Event(), 0

    class Nothing(msgspec.Struct):
        pass

    async def slow(_desk: Desk, _asked: Nothing) -> bytes:
        nonlocal active
        active += 1
        await answered.wait()
        active -= 1
        return b"1"

    monkeypatch.setitem(REQUESTS, "slow", RequestKind(Nothing, slow))
    async with opened(tmp_path) as page:
        for number in range(MAX_REQUESTS):
            await page.say(type="request", id=number, what="slow")
        await page.say(type="subscribe", key=KEY)
        put_book(page.feed)
        await page.hear("frame")
        further = asyncio.create_task(page.say(type="request", id=99, what="slow"))
        await settle()
        assert (active, further.done()) == (MAX_REQUESTS, False)
        answered.set()
        await further
        answers = {(await page.hear("response"))["id"] for _ in range(MAX_REQUESTS + 1)}
        assert answers == {*range(MAX_REQUESTS), 99}


async def test_a_page_that_cannot_be_written_to_ends_its_session(tmp_path: Path) -> None:
    async with opened(tmp_path) as page:
        await page.hear("hello")
        await page.say(type="subscribe", key=KEY)
        await page.hear("frame")
        page.failure = ConnectionResetError("the page is gone")
        put_book(page.feed)
        await page.feed.clock.advance(1)
        await asyncio.wait({page.running}, timeout=60)
        assert page.running.exception() is page.failure
        # What was under way when it ended opens nothing more.
        with pytest.raises(ConnectionResetError):
            await page.say(type="resume", key="never subscribed")
        await page.say(type="subscribe", key=EVENTS)


@pytest.mark.parametrize(
    ("message", "answer"),
    [
        ([], {"message": "Invalid message: Expected `object`, got `array`"}),
        ({"type": "gossip", "key": "x" * 400}, {"key": "x" * 300}),
        ({"type": "subscribe"}, {"message": "Invalid message: Object missing required field `key`"}),
        ({"type": "request", "id": -1}, {"id": -1}),
        ({"type": "request", "id": 2**60, "what": "symbols"}, {"id": 2**60}),
        ({"type": "request", "id": 3, "what": 7}, {"id": 3}),
        (
            {"type": "request", "id": 4, "what": "candles", "symbol": "BTCUSDT", "interval": "1m", "limit": True},
            {"id": 4},
        ),
        ({"type": "request", "id": 5, "what": "symbols", "symbols": ["x"] * 21}, {"id": 5}),
    ],
)
async def test_a_message_that_does_not_fit_is_answered_with_its_id_or_key(
    tmp_path: Path, message: object, answer: dict[str, object]
) -> None:
    async with opened(tmp_path) as page:
        await page.session.handle(message)
        error = await page.hear("error")
        assert error["message"]
        assert error.items() >= answer.items()


def test_a_page_message_is_read_as_what_it_is() -> None:
    for text in ('{"type":"subscribe","key":"a"}', '{"type":"ping"}', '{"type":"request","id":1,"what":"candles"}'):
        command = msgspec.json.decode(text, type=PageMessage)
        assert msgspec.to_builtins(command) == json.loads(text)
