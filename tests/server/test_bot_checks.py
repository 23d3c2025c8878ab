"""A bot's report and its parity with a replay of the server's recording, over HTTP."""

from __future__ import annotations

import asyncio
import re
import threading
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import uuid4

import msgspec
import pytest

from orderfox_nb.bots.paper.matching import Matching
from orderfox_nb.bots.paper.resting import PaperOrder
from orderfox_nb.core.events import Topic
from orderfox_nb.desk.bot_runs import replay
from orderfox_nb.desk.store.records import FillRecord, SessionRows
from orderfox_nb.errors import RunUnavailable
from orderfox_nb.server.handlers import bot_checks
from orderfox_nb.views import bot_contract
from tests.desk.bot_runs.installed import install
from tests.server.conftest import TOKEN, Serve, Served, until
from tests.server.scripted import VENUE, trade

pytestmark = pytest.mark.server

RIGHT = {"Authorization": f"token {TOKEN}"}
NAME = "<script>alert(1)</script>"


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "strategies").mkdir()
    monkeypatch.syspath_prepend(str(install(tmp_path / "strategies")))
    return tmp_path


@pytest.fixture
async def server(serve: Serve, path: Path) -> AsyncIterator[Served]:
    async with serve(ORDERFOX_RECORDING="1") as running:
        yield running


async def write(server: Served, method: str, where: str, **body: Any) -> Any:
    status, answer = await server.ask(f"api/v1/bots{where}", method=method, headers=RIGHT, **body)
    assert status in (200, 201), answer
    return answer


async def ask(server: Served, bot: str, what: str) -> tuple[int, Any]:
    return await server.ask(f"api/v1/bots/{bot}/{what}", headers=RIGHT)


def emit(server: Served) -> None:
    """Have a trade a second after the last one."""
    server.feed.time_us += 1_000_000
    number = server.feed.time_us // 1_000_000
    server.feed.emit(Topic(VENUE, "BTCUSDT", "trades"), trade("BTCUSDT", number, server.feed.time_us))


async def start(server: Served, **values: Any) -> str:
    body = {"name": NAME, "symbol": "BTCUSDT", "strategy": "Churn", "description": "<b>bold</b>", **values}
    bot = str((await write(server, "POST", "", json=body))["id"])
    await started(server, bot)
    return bot


async def started(server: Served, bot: str) -> None:
    """Have trades until the bot acts: one that joins a stream begins with its next event."""

    def acts() -> bool:
        run = server.service.runner.run_of(bot)
        if run is not None and run.session.gate.live and not run.trades:
            emit(server)
        return run is not None and run.trades

    await until(acts)


async def go_on(server: Served, bot: str, trades: int) -> None:
    """Have trades one by one, each seen by the bot before the next one."""
    run = server.service.runner.run_of(bot)
    assert run is not None
    for _ in range(trades):
        seen = run.session.events
        emit(server)
        await until(lambda seen=seen: run.session.events > seen)  # type: ignore[misc]


async def stop(server: Served, bot: str) -> None:
    await write(server, "PATCH", f"/{bot}/status?is_active=false")
    await until(lambda: server.service.runner.shown_run(bot) is None)


@asynccontextmanager
async def watched(server: Served) -> AsyncIterator[None]:
    """Keep the topics of the bot open, so that a bot joins streams that were recorded before."""
    desk = await server.service.desk()
    async with desk.events(desk.topic("BTCUSDT", "book")), desk.events(desk.topic("BTCUSDT", "trades")):
        yield


async def number_of(server: Served, bot: str) -> int:
    return (await (await server.service.store.bots()).get(bot)).number


@pytest.mark.parametrize("joins", [False, True], ids=["first reader", "joins"])
async def test_a_run_is_the_replay_of_its_recording(server: Served, joins: bool) -> None:
    async with watched(server):
        other = await start(server) if joins else ""
        if joins:
            await go_on(server, other, 7)
        bot = await start(server)
        await go_on(server, bot, 9)
        await stop(server, bot)
        status, found = await ask(server, bot, "parity")
        assert (status, found.get("same")) == (200, True), found
        msgspec.convert(found, bot_contract.BotParity)
        assert found["differences"] == []
        assert found["more"] == 0
        assert found["start"] < found["end"]
        _, fills = await ask(server, bot, "fills")
        _, orders = await ask(server, bot, "orders")
        assert (found["fills"], found["orders"]) == (len(fills), len(orders))
        assert len(fills) >= 6
        # Its next run begins with the account, and is one of its own.
        await write(server, "PATCH", f"/{bot}/status?is_active=true")
        await started(server, bot)
        await go_on(server, bot, 6)
        await stop(server, bot)
        status, again = await ask(server, bot, "parity")
        assert (status, again.get("same")) == (200, True), again
        assert again["start"] > found["start"]
        assert 4 <= again["fills"] < len((await ask(server, bot, "fills"))[1])


async def test_another_fill_rule_is_named_as_the_cause(server: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    bot = await start(server)
    await go_on(server, bot, 7)
    await stop(server, bot)
    take = Matching.take

    def take_worse(self: Matching, order: PaperOrder, parts: list[tuple[int, int]], time_us: int) -> None:
        """Fill what crosses the book a tick worse than the book has it."""
        away = 1 if order.side == "buy" else -1
        take(self, order, [(ticks + away, lots) for ticks, lots in parts], time_us)

    monkeypatch.setattr(Matching, "take", take_worse)
    status, found = await ask(server, bot, "parity")
    assert (status, found.get("same")) == (200, False), found
    msgspec.convert(found, bot_contract.BotParity)
    first, *others = found["differences"]
    assert (first["cause"], "fill" in first["what"]) == ("fill", True), first
    assert {each["cause"] for each in others} <= {"fill", "follows"}


async def test_a_run_that_goes_on_is_compared_up_to_its_last_save(server: Served) -> None:
    bot = await start(server)
    await go_on(server, bot, 5)
    run = server.service.runner.run_of(bot)
    assert run is not None
    await run.store()
    status, found = await ask(server, bot, "parity")
    assert (status, found.get("same")) == (200, True), found
    assert found["fills"] >= 3


async def test_a_stored_fill_that_was_changed_is_named(server: Served) -> None:
    bot = await start(server)
    await go_on(server, bot, 9)
    await stop(server, bot)
    history, number = await server.service.store.history(), await number_of(server, bot)
    kept = await history.fills(number, limit=99)
    spare = FillRecord(
        number=kept[0].number + 1,
        order=kept[2].order,
        time_us=kept[2].time_us,
        side=kept[2].side,
        price=kept[2].price + 1,
        size=kept[2].size,
        fee=Decimal(0),
        maker=False,
    )
    await history.save(number, SessionRows(fills=[spare]))
    status, found = await ask(server, bot, "parity")
    assert (status, found["same"]) == (200, False)
    (difference,) = found["differences"]
    assert (difference["cause"], difference["number"]) == ("fill", kept[2].order)
    assert difference["time"] == kept[2].time_us // 1_000
    assert "first run only" in difference["what"]
    assert (difference["first"] != "", difference["second"]) == (True, "")


async def test_a_run_that_cannot_be_replayed_says_what_to_do(serve: Serve, path: Path) -> None:
    async with serve(ORDERFOX_RECORDING="off") as server:
        idle = str((await write(server, "POST", "", json={"name": "idle", "symbol": "btc"}))["id"])
        for what in ("parity", "report"):
            status, answer = await ask(server, idle, what)
            assert (status, "start it" in answer["detail"].lower()) == (409, True), answer
            assert (await ask(server, str(uuid4()), what))[0] == 404
        bot = await start(server)
        await go_on(server, bot, 3)
        await server.service.runner.run_of(bot).store()  # type: ignore[union-attr]
        status, answer = await ask(server, bot, "parity")
        assert (status, "ORDERFOX_RECORDING" in answer["detail"]) == (409, True), answer
        assert (await ask(server, bot, "report"))[0] == 200
    async with serve(ORDERFOX_RECORDING="1") as server:
        # It is continued, on a recording that does not have its beginning.
        await server.service.desk()
        server.service.start_bots()
        server.feed.time_us += 60_000_000
        await started(server, bot)
        await go_on(server, bot, 3)
        await server.service.runner.run_of(bot).store()  # type: ignore[union-attr]
        status, answer = await ask(server, bot, "parity")
        assert (status, "restarted" in answer["detail"]) == (409, True), answer
        assert "Stop the bot and start it again" in answer["detail"]


async def test_a_recording_that_was_deleted_is_said(server: Served, path: Path) -> None:
    bot = await start(server)
    await go_on(server, bot, 3)
    await stop(server, bot)
    desk = await server.service.desk()
    await desk.recorder.flush()
    for file in (path / "recordings").rglob("*"):
        if file.is_file():
            file.unlink()
    status, answer = await ask(server, bot, "parity")
    assert (status, "deleted" in answer["detail"]) == (409, True), answer


async def test_figures_of_a_report_are_those_that_are_stored(server: Served) -> None:
    bot = await start(server)
    await go_on(server, bot, 125)
    await stop(server, bot)
    status, report = await ask(server, bot, "report")
    assert status == 200, report
    msgspec.convert(report, bot_contract.BotReport)
    _, fills = await server.ask(f"api/v1/bots/{bot}/fills?limit=1000")
    _, orders = await server.ask(f"api/v1/bots/{bot}/orders?limit=1000")
    _, equity = await ask(server, bot, "equity")
    figures = report["metrics"]
    assert (figures["fills"], figures["orders"]) == (len(fills), len(orders))
    assert figures["fees"] == pytest.approx(sum(float(fill["fee"]) for fill in fills))
    assert figures["turnover"] == pytest.approx(sum(float(fill["price"]) * float(fill["amount"]) for fill in fills))
    assert figures["profit"] == pytest.approx(float(equity[-1]["equity"]) - 10_000)
    assert figures["realised"] == pytest.approx(float(equity[-1]["cash"]) - 10_000 + figures["fees"])
    assert [report["low"], report["high"]] == pytest.approx(
        [float(equity[-1][name]) - 10_000 for name in ("low", "high")]
    )
    assert len(equity) >= 3
    assert (report["start"], report["end"]) == (equity[0]["timestamp"], equity[-1]["timestamp"])
    assert figures["trades"] == len([one for one in report["trades"] if one["closed"]]) >= 50
    assert sum(Decimal(one["fees"]) for one in report["trades"]) == sum(Decimal(fill["fee"]) for fill in fills)
    assert (report["strategy"], report["symbol"], report["params"]["size"]) == ("Churn", "BTCUSDT", "0.010")


async def test_a_report_is_a_page_that_asks_for_nothing_and_runs_nothing(server: Served) -> None:
    bot = await start(server)
    await go_on(server, bot, 5)
    await stop(server, bot)
    async with server.session.get(f"{server.url}api/v1/bots/{bot}/report?format=html") as response:
        text = await response.text()
        assert (response.status, response.content_type) == (200, "text/html")
        assert response.headers["Content-Security-Policy"].startswith("default-src 'none'")
    assert "&lt;script&gt;alert(1)" in text
    assert "&lt;b&gt;bold" in text
    assert "<script" not in text
    assert "<b>bold" not in text
    assert re.findall(r"""(?:src|href)\s*=|url\(|@import""", text) == []
    assert "nan" not in re.sub(r"<[^>]*>", "", text)
    assert "Churn on BTCUSDT" in text
    assert (await ask(server, bot, "report?format=pdf"))[0] == 400
    async with server.session.get(f"{server.url}api/v1/bots/{uuid4()}/report?format=html") as response:
        assert (response.status, (await response.json())["status_code"]) == (404, 404)


async def test_one_is_computed_at_a_time_and_a_wait_ends(server: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    bot = await start(server)
    await go_on(server, bot, 5)
    await stop(server, bot)
    await server.service.bot_checks.acquire()
    with monkeypatch.context() as patched:
        patched.setattr(bot_checks, "TURN_S", 0)
        for what in ("parity", "report"):
            status, answer = await ask(server, bot, what)
            assert (status, "try again" in answer["detail"]) == (503, True)
    waiting = asyncio.create_task(ask(server, bot, "report"))
    server.service.bot_checks.release()
    assert (await waiting)[0] == 200


async def test_a_replay_ends_when_its_client_leaves(server: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    started_replay, ended = threading.Event(), threading.Event()

    def endless(_run: object, _folder: Path, in_time: Callable[[], bool]) -> None:
        started_replay.set()
        while in_time():
            time.sleep(0.005)
        ended.set()
        raise RunUnavailable("it was given up")

    bot = await start(server)
    await go_on(server, bot, 5)
    await stop(server, bot)
    monkeypatch.setattr(bot_checks, "REPLAY_S", 3_600)
    monkeypatch.setattr(replay, "replay_run", endless)
    asking = asyncio.create_task(ask(server, bot, "parity"))
    waiting = asyncio.create_task(ask(server, bot, "report"))
    await until(started_replay.is_set)
    for request in (waiting, asking):
        request.cancel()
    await until(ended.is_set)
    # Nothing is held by those who left.
    assert (await ask(server, bot, "report"))[0] == 200
