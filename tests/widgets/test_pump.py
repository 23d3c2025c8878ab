"""The page's wishes through the comm, answered from the engine's thread."""

from __future__ import annotations

import asyncio
import json
import queue
from collections.abc import Iterator
from typing import Any

import pytest

from orderfox_nb.engine import Engine
from orderfox_nb.widgets.kernel.pumping import Pumping

pytestmark = pytest.mark.widgets


class CommPage:
    """Stands where a widget's comm ends, and keeps what came through it."""

    def __init__(self) -> None:
        self.comm: object | None = self
        self.messages: queue.Queue[dict[str, Any]] = queue.Queue()

    def send(self, content: dict[str, Any]) -> None:
        for text in content["messages"]:
            self.messages.put(json.loads(text))

    def answer(self, number: int) -> dict[str, Any]:
        while True:
            message = self.messages.get(timeout=60)
            if message.get("id") == number:
                return message


@pytest.fixture
def page() -> Iterator[CommPage]:
    page = CommPage()
    yield page
    page.comm = None  # as when the page's model is closed: the pump ends with its next batch


def test_older_bars_come_through_the_comm_as_from_the_server(engine: Engine, page: CommPage):
    pumping = Pumping(page, engine)  # type: ignore[arg-type]
    wish = {"type": "request", "id": 1, "what": "candles", "symbol": "BTCUSDT", "interval": "1m", "limit": 50}
    pumping.receive(wish)
    newest = page.answer(1)
    assert newest["type"] == "response"
    times = newest["data"]["bars"][0]
    assert len(times) == 50
    pumping.receive({**wish, "id": 2, "end": times[0] * 1000 - 1})
    older = page.answer(2)["data"]["bars"][0]
    assert len(older) == 50
    assert older[-1] == times[0] - 60


@pytest.mark.parametrize(
    "wish",
    [
        {"what": "trades", "symbol": "BTCUSDT", "interval": "1m"},
        {"what": "candles", "symbol": "NOSUCH", "interval": "1m"},
        {"what": "candles", "symbol": "BTCUSDT", "interval": "7m"},
        {"what": "candles", "symbol": "BTCUSDT", "interval": "1m", "limit": 0},
        {"what": "candles", "symbol": "BTCUSDT", "interval": "1m", "limit": True},
        {"what": "candles", "symbol": "BTCUSDT", "interval": "1m", "end": "yesterday"},
    ],
)
def test_a_request_that_cannot_be_answered_is_refused_with_its_id(engine: Engine, page: CommPage, wish: dict[str, Any]):
    Pumping(page, engine).receive({"type": "request", "id": 3, **wish})  # type: ignore[arg-type]
    answer = page.answer(3)
    assert answer["type"] == "error"
    assert answer["message"]


def test_a_pump_that_was_closed_and_opened_again_answers_again(engine: Engine, page: CommPage):
    pumping = Pumping(page, engine)  # type: ignore[arg-type]
    pumping.receive({"type": "hello"})
    assert page.messages.get(timeout=60)["type"] == "hello"
    page.comm = None
    task = pumping._task
    assert task
    engine.run(asyncio.wait_for(task, 60))
    page.comm = page
    pumping.receive({"type": "ping"})
    assert page.messages.get(timeout=60)["type"] == "pong"
