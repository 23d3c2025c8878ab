"""Requests of a flood: they are refused early, end their connection, and leave few lines in the log."""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, cast

import pytest
from tornado import httputil, web
from tornado.httpserver import HTTPServer
from tornado.netutil import bind_sockets

from orderfox_nb.config import load_settings
from orderfox_nb.server import bounded_server
from orderfox_nb.server.admission import Admission
from orderfox_nb.server.bounded_server import BoundedServer, CountedStream
from orderfox_nb.server.pieces import MAX_PIECE
from orderfox_nb.server.request_log import RequestLog, logged_path
from orderfox_nb.server.service import DeskService
from orderfox_nb.server.start.card import MAX_PICTURE, Card, Thumbnail
from orderfox_nb.server.start.handlers import CardPicture
from orderfox_nb.server.start.site import Site
from orderfox_nb.server.viewer.handlers import ViewerPage
from orderfox_nb.server.viewer.pages import Pages
from orderfox_nb.server.viewer.rendering import Page
from tests.server.conftest import TOKEN, served, until
from tests.server.raw_http import until_closed

pytestmark = pytest.mark.server

REQUEST = b"GET /nowhere HTTP/1.1\r\nHost: localhost\r\n%s\r\n"


async def pipelined(port: int, requests: bytes) -> bytes:
    """Send requests at once, without waiting for answers, and return all that comes until the server ends it."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(requests)
        return await until_closed(reader)
    finally:
        writer.close()


async def test_a_flood_of_requests_without_waiting_for_answers_ends_its_connection(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked: list[str] = []
    admit = Admission.wait_s

    def counted(admission: Admission, client: str, headers: httputil.HTTPHeaders) -> float:
        asked.append(client)
        return admit(admission, client, headers)

    monkeypatch.setattr(Admission, "wait_s", counted)
    async with served(loopback_limited=True, ORDERFOX_MAX_CLIENT_REQUESTS="1") as server:
        server.service.now_s = lambda: 0.0
        port = int(server.url.rsplit(":", 1)[1].strip("/"))
        answers = await pipelined(port, (REQUEST % b"") * 200)
        assert answers.count(b"HTTP/1.1 404") == 20
        assert answers.count(b"HTTP/1.1 429") == 1
        assert answers.count(b"HTTP/1.1 ") == 21
        for _ in range(400):
            await asyncio.sleep(0)
        assert len(asked) == 21, "requests behind the refused one are not read"
        # Each further connection gets one cheap answer, whatever is asked for.
        assert (await pipelined(port, (REQUEST % b"") * 5)).count(b"HTTP/1.1 ") == 1

        token = b"Authorization: token " + TOKEN.encode() + b"\r\n"
        last = b"GET /nowhere HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n" + token + b"\r\n"
        assert (await pipelined(port, (REQUEST % token) * 99 + last)).count(b"HTTP/1.1 404") == 100

        server.service.now_s = lambda: 1.0
        last = b"GET /nowhere HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
        assert (await pipelined(port, last)).count(b"HTTP/1.1 404") == 1


def test_lines_that_clients_cause_have_a_bound(caplog: pytest.LogCaptureFixture) -> None:
    now = [0.0]
    request_log = RequestLog(now_s=lambda: now[0])
    log = logging.getLogger("orderfox_nb.test")
    with caplog.at_level(logging.INFO):
        for number in range(5_000):
            request_log.write(log, logging.INFO, "path=%s", logged_path(f"/{number}{'a' * 30_000}"))
        assert len(caplog.messages) == 200
        assert max(len(line) for line in caplog.messages) < 250
        request_log.write(log, logging.ERROR, "a fault")
        now[0] = 1.0
        request_log.write(log, logging.INFO, "path=%s", "/")
    assert caplog.messages[-2:] == ["a fault", "path=/ left_out=4800"]


async def test_who_leaves_while_the_page_comes_leaves_no_trace_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    class LargePage:
        asked = 0

        def current(self) -> Page:
            self.asked += 1
            return Page(b"a" * 8_000_000, b"", '"1"')

    pages = LargePage()
    ended: list[int] = []
    app = web.Application([("/", ViewerPage, {"pages": cast("Pages", pages)})], log_function=lambda _: ended.append(1))
    listeners = bind_sockets(0, "127.0.0.1")
    server = HTTPServer(app)
    server.add_sockets(listeners)
    try:
        reader, writer = await asyncio.open_connection("127.0.0.1", listeners[0].getsockname()[1])
        writer.write(b"GET /?token=secret HTTP/1.1\r\nHost: localhost\r\n\r\n" * 3)
        await reader.readexactly(1_000)
        # With a reset, as of a browser that is closed.
        transport: Any = writer.transport
        transport.abort()
        await until(lambda: len(ended) >= 1)
    finally:
        server.stop()
        await server.close_all_connections()
    assert not [line for line in caplog.records if line.levelno >= logging.WARNING], caplog.text
    assert "secret" not in caplog.text


class UnreadAnswer(web.RequestHandler):
    """Answers with more than the system holds for a connection."""

    def get(self) -> None:
        self.finish(b"x" * 2_000_000)


class OnePicture:
    """A site with one card, whose picture is as large as one may be."""

    async def find(self, name: str) -> Card:
        return Card(name, Path(), name, light=Thumbnail("image/png", b"x" * MAX_PICTURE, "1"))


@asynccontextmanager
async def unread(count: int, server: BoundedServer, port: int, path: str) -> AsyncIterator[set[CountedStream]]:
    """Ask so many times for a path without reading the answer; gives the server's connections once all of them wait."""
    writers: list[asyncio.StreamWriter] = []
    try:
        for _ in range(count):
            writers.append((await asyncio.open_connection("127.0.0.1", port, limit=1_000))[1])
            writers[-1].write(f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
        await until(lambda: sum(one.stalled_since_s is not None for one in server._streams) == count)
        yield server._streams
    finally:
        for writer in writers:
            writer.close()


@asynccontextmanager
async def bounded(app: web.Application) -> AsyncIterator[tuple[BoundedServer, int]]:
    """Serve an application with the limits of ``orderfox serve``; the system holds little of what is not read."""
    service = DeskService(load_settings(), public=True, standalone=True)
    listeners = bind_sockets(0, "127.0.0.1")
    listeners[0].setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 20_000)
    server = BoundedServer(app, **service.bounds())
    server.add_sockets(listeners)
    try:
        yield server, listeners[0].getsockname()[1]
    finally:
        server.stop()
        await server.close_all_connections()
        await service.stop()


async def test_answers_that_are_not_read_have_a_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bounded_server, "MAX_UNSENT", 2_000_000)
    app = web.Application([("/", UnreadAnswer)], log_function=lambda _: None)
    async with bounded(app) as (server, port), unread(4, server, port, "/") as streams:
        assert min(stream.unsent for stream in streams) > 1_000_000
        last = max(streams, key=lambda stream: stream.stalled_since_s or 0.0)
        server._close_stalled()
        assert streams == {last}, "those that stopped first are closed"
        server._close_stalled()
        assert streams == {last}


async def test_one_piece_of_a_large_file_that_is_not_read_is_held() -> None:
    options = {"site": cast("Site", OnePicture())}
    app = web.Application([("/pages/([^/]+)/picture", CardPicture, options)], log_function=lambda _: None)
    async with bounded(app) as (server, port), unread(2, server, port, "/pages/a/picture") as streams:
        assert max(stream.unsent for stream in streams) <= 2 * MAX_PIECE
    async with served(send_buffer=20_000) as running:
        port = int(running.url.rsplit(":", 1)[1].strip("/"))
        async with unread(2, running.http, port, "/api/v1/docs/swagger-ui-bundle.js") as streams:
            assert max(stream.unsent for stream in streams) <= 2 * MAX_PIECE


@pytest.mark.parametrize("fails", [False, True])
async def test_no_line_of_a_page_that_is_refused_or_fails_has_its_query(
    caplog: pytest.LogCaptureFixture, *, fails: bool
) -> None:
    class NoPage:
        def current(self) -> Page:
            raise ValueError("inner") if fails else web.HTTPError(503, "try again")

    app = web.Application([("/", ViewerPage, {"pages": cast("Pages", NoPage())})], log_function=lambda _: None)
    listeners = bind_sockets(0, "127.0.0.1")
    server = HTTPServer(app)
    server.add_sockets(listeners)
    try:
        request = b"GET /?token=secret HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
        answer = await pipelined(listeners[0].getsockname()[1], request)
    finally:
        server.stop()
    assert answer.startswith(b"HTTP/1.1 500" if fails else b"HTTP/1.1 503")
    assert "secret" not in caplog.text
    assert ("ValueError: inner" in caplog.text) == fails
    assert b"inner" not in answer
