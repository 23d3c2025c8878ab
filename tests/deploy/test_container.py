"""The container file: its health check against real sockets, its paths, and that it runs what the command line has."""

from __future__ import annotations

import fnmatch
import importlib.util
import json
import re
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from types import ModuleType

import pytest

from orderfox_nb.cli import serve
from orderfox_nb.cli.command import parser_of

pytestmark = pytest.mark.core

PROJECT = Path(__file__).parents[2]
CONTAINER = re.sub(r"\\\n\s*", " ", (PROJECT / "deploy" / "Containerfile").read_text(encoding="utf-8"))
IGNORED = (PROJECT / ".dockerignore").read_text(encoding="utf-8").splitlines()


@pytest.fixture
def check() -> ModuleType:
    """The health check's script, as the container has it: a file outside of the package."""
    found = importlib.util.spec_from_file_location("healthcheck", PROJECT / "deploy" / "healthcheck.py")
    assert found is not None
    assert found.loader is not None
    module = importlib.util.module_from_spec(found)
    found.loader.exec_module(module)
    return module


@contextmanager
def answering(status: int) -> Iterator[int]:
    """Answer one request with a status; gives the port."""
    asked: list[str] = []

    class FixedStatus(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_response(status)
            self.end_headers()

        def log_message(self, *_args: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), FixedStatus) as server:
        thread = threading.Thread(target=server.handle_request)
        thread.start()
        yield server.server_port
        thread.join()
    assert asked == ["/health"]


@pytest.mark.parametrize(("status", "code"), [(200, 0), (503, 0), (404, 0), (500, 1)])
def test_a_server_that_answers_is_healthy_also_without_data_and_under_a_prefix(
    status: int, code: int, check: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    with answering(status) as port:
        monkeypatch.setenv("BACKEND_PORT", str(port))
        assert check.main() == code
    assert capsys.readouterr().out == f"port {port} answers {status}\n"


def test_a_server_that_is_silent_or_absent_is_not(check: ModuleType, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(check, "TIMEOUT_S", 0.05)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        monkeypatch.setenv("BACKEND_PORT", str(silent.getsockname()[1]))
        assert check.main() == 1
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        monkeypatch.setenv("BACKEND_PORT", str(closed.getsockname()[1]))
        assert check.main() == 1
    monkeypatch.setenv("BACKEND_PORT", "many")
    assert check.main() == 1


def instructions(name: str) -> list[str]:
    return re.findall(rf"^{name} (.*)$", CONTAINER, re.MULTILINE)


def test_what_the_container_copies_is_there_and_is_not_ignored():
    copied = [source for line in instructions("COPY") if "--from" not in line for source in line.split()[:-1]]
    assert {"pyproject.toml", "orderfox_nb", "deploy/healthcheck.py"} <= set(copied)
    wanted = [line.removeprefix("!") for line in IGNORED if line.startswith("!")]
    assert IGNORED[1] == "*"
    assert sorted(copied) == sorted(wanted)
    assert all((PROJECT / name).exists() for name in copied)
    # A wheel needs what pyproject.toml names.
    project = (PROJECT / "pyproject.toml").read_text(encoding="utf-8")
    named = re.findall(r'^(?:readme|license-files) = \[?"([^"]+)"', project, re.MULTILINE)
    named += re.findall(r'^"([^"]+)" = "(?:etc|share)/', project, re.MULTILINE)
    assert len(named) >= 5
    assert [name for name in named if not any(fnmatch.fnmatch(name, f"{one}*") for one in wanted)] == []


def test_the_container_runs_as_an_ordinary_user_with_a_volume_and_a_pinned_base():
    assert instructions("USER") == ["10001:10001"]
    assert instructions("VOLUME") == ["/data"]
    assert instructions("STOPSIGNAL") == ["SIGTERM"]
    bases = instructions("ARG")
    assert re.fullmatch(r"BASE=\S+:3\.\d+\.\d+-\S+", bases[0])
    assert instructions("FROM") == ["${BASE} AS build", "${BASE}"]


def test_its_command_is_one_of_the_command_line():
    entry, command = (json.loads(instructions(name)[0]) for name in ("ENTRYPOINT", "CMD"))
    assert entry == ["orderfox"]
    options = parser_of("orderfox serve", serve.COMMAND).parse_args(command[1:])
    assert options.host == "0.0.0.0"
    assert options.no_browser
    assert "ENV PATH=/opt/orderfox/bin:$PATH" in CONTAINER
