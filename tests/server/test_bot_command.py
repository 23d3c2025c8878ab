"""``orderfox bot`` asks a running server: the whole life of a bot, its token, and bots that are not there."""

from __future__ import annotations

import io
import json
import re
import socket

import pytest

from orderfox_nb.cli import main
from tests.processes import Child
from tests.server.conftest import TOKEN

pytestmark = pytest.mark.server

Shown = pytest.CaptureFixture[str]


@pytest.fixture(autouse=True)
def environment(dashboard: tuple[Child, str], monkeypatch: pytest.MonkeyPatch) -> None:
    """A terminal on the machine of the server."""
    monkeypatch.setenv("BACKEND_URL", dashboard[1])
    monkeypatch.setenv("ORDERFOX_TOKEN", TOKEN)
    monkeypatch.delenv("ORDERFOX_URL", raising=False)
    # The first question makes the database and starts the exchange: a busy machine takes longer than a user waits.
    monkeypatch.setattr("orderfox_nb.market.bot_server.ANSWER_S", 120.0)
    # Nobody can be asked, also where pytest leaves the terminal to the tests.
    monkeypatch.setattr("sys.stdin", io.StringIO())


def bots(capsys: Shown) -> dict[str, dict[str, object]]:
    assert main(["bot", "list", "--json"]) == 0
    return {bot["name"]: bot for bot in json.loads(capsys.readouterr().out)}


def test_a_bot_is_created_started_stopped_shown_and_deleted(capsys: Shown):
    create = ["bot", "create", "btc", "--strategy", "GridMaker", "--set", "levels=4", "--name", "command line"]
    assert main([*create, "--stopped", "--description", "made by a test"]) == 0
    made = capsys.readouterr().out.split()[0]
    bot = bots(capsys)["command line"]
    assert (bot["id"], bot["symbol"], bot["strategy"]) == (made, "BTCUSDT", "GridMaker")
    assert (bot["params"], bot["isActive"], bot["isPaperTrading"]) == ({"levels": "4"}, False, True)

    assert main(["bot", "start", made[:8]]) == 0
    assert re.fullmatch(rf"{made[:8]} command line: (starting|waiting|running)\n", capsys.readouterr().out)
    assert bots(capsys)["command line"]["isActive"] is True
    assert main(["bot", "list"]) == 0
    head, *rows = capsys.readouterr().out.splitlines()
    assert head.split() == ["id", "name", "symbol", "strategy", "state", "profit", "position"]
    # Other bots of this server may make the columns wider.
    assert [made[:8], "command", "line", "BTCUSDT", "GridMaker"] in [row.split()[:5] for row in rows]

    assert main(["bot", "stop", "command line"]) == 0
    assert capsys.readouterr().out == f"{made[:8]} command line: stopped\n"
    assert main(["bot", "show", made]) == 0
    assert re.search(r"^params +levels=4$", capsys.readouterr().out, re.MULTILINE)

    assert main(["bot", "delete", made]) == 2
    assert "--yes" in capsys.readouterr().err
    assert main(["bot", "delete", made, "--yes"]) == 0
    assert capsys.readouterr().out == f"{made[:8]} command line: deleted\n"
    assert "command line" not in bots(capsys)


def test_the_kill_switch_stops_every_bot(capsys: Shown):
    assert main(["bot", "create", "eth", "--strategy", "EmaCross", "--name", "to be killed"]) == 0
    capsys.readouterr()
    try:
        active = sum(bool(bot["isActive"] and bot["strategy"]) for bot in bots(capsys).values())
        assert main(["bot", "kill"]) == 0
        assert capsys.readouterr().out.startswith(f"{active} bot")
        assert bots(capsys)["to be killed"]["isActive"] is False
    finally:
        main(["bot", "delete", "to be killed", "--yes"])


@pytest.mark.parametrize(
    ("given", "code", "problem"),
    [
        (["start", "nobody"], 2, "BOT=nobody: expected a bot of orderfox bot list"),
        (["create", "btc", "--strategy", "GridMakr"], 1, "GridMaker"),
        (["create", "nothing-like-it"], 1, "not found"),
        (["create", "btc", "--set", "levels"], 2, "--set=levels: expected name=value"),
    ],
)
def test_what_the_server_refuses_is_one_line(given: list[str], code: int, problem: str, capsys: Shown):
    assert main(["bot", *given]) == code
    error = capsys.readouterr().err
    assert problem in error
    assert error.count("\n") == 1


def test_without_the_token_bots_are_listed_and_not_changed(monkeypatch: pytest.MonkeyPatch, capsys: Shown):
    monkeypatch.delenv("ORDERFOX_TOKEN")
    bots(capsys)
    assert main(["bot", "create", "btc"]) == 1
    assert "Set ORDERFOX_TOKEN to the token with which http" in capsys.readouterr().err


def test_the_token_of_this_machine_goes_to_no_other_server(monkeypatch: pytest.MonkeyPatch, capsys: Shown):
    sent: list[str] = []
    waited: list[float | None] = []

    class TokenRecorder:
        def __init__(self, url: str, token: str, *, answer_s: float | None) -> None:
            sent.append(token)
            waited.append(answer_s)

        async def bots(self) -> list[object]:
            return []

    monkeypatch.setattr("orderfox_nb.market.bot_server.BotServer", TokenRecorder)
    monkeypatch.setenv("ORDERFOX_SOURCE_TOKEN", "theirs")
    for url, more in (("http://127.0.0.1:1", []), ("https://desk.example", ["--timeout", "2m"])):
        assert main(["bot", "list", "--url", url, *more]) == 0
    assert sent == [TOKEN, "theirs"]
    assert waited == [None, 120.0]


def test_a_server_that_does_not_answer_in_time_says_how_to_wait_longer(capsys: Shown):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        assert main(["bot", "list", "--url", url, "--timeout", "1"]) == 1
    assert "does not answer within 1 s. A busy server may need longer: --timeout 2m" in capsys.readouterr().err


def test_a_server_that_is_not_there_says_what_to_do(capsys: Shown):
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        assert main(["bot", "list", "--url", f"http://127.0.0.1:{closed.getsockname()[1]}"]) == 1
    assert "Start one with orderfox serve, or name it with --url" in capsys.readouterr().err
