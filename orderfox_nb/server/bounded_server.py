# Tornado's futures have no result type.
# pyright: reportUnknownMemberType=false
"""An HTTP server with bounded connections that resolves the clients of its trusted proxies."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import socket
from collections.abc import Awaitable, Callable, Iterable
from typing import Any, Final, cast

import msgspec
from tornado import httputil
from tornado.http1connection import HTTP1Connection
from tornado.httpserver import HTTPServer
from tornado.ioloop import IOLoop, PeriodicCallback
from tornado.iostream import IOStream

from orderfox_nb.server.admission import Admission, AdmittedRequest
from orderfox_nb.server.clients import ForwardedRequest, TrustedProxies
from orderfox_nb.server.connections import Connections, OccasionalLog

STALLED_S: Final = 60.0
"""A connection whose peer reads nothing for this long, while data is pending, is closed."""
MAX_UNSENT: Final = 128_000_000
"""Bytes that peers who read nothing may leave pending, all together; beyond it those who stopped first are closed."""
_SWEEP_S: Final = 5.0
_ACCEPTED_AT_ONCE: Final = 128
_CLOSED_AT_ONCE: Final = 16
_RETRY_S: Final = 1.0
_NO_ROOM: Final = (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM)


class CountedStream(IOStream):
    """A connection that reports its end, and since when its peer has read nothing.

    Args:
        connection: The accepted socket.
        ended: Called once, with the stream, when its socket is closed.
    """

    def __init__(self, connection: socket.socket, ended: Callable[[CountedStream], None], **options: Any) -> None:
        self._ended = ended
        self._loop = asyncio.get_running_loop()
        self.stalled_since_s: float | None = None
        super().__init__(connection, **options)

    @property
    def unsent(self) -> int:
        """Bytes that wait in this process."""
        return len(self._write_buffer or ())

    def discard_input(self) -> None:
        """Forget what was received and has not been read."""
        self._read_buffer.clear()
        self._read_buffer_size = 0

    def write_to_fd(self, data: memoryview | bytes) -> int:  # as the base class does, without its call
        assert self.socket is not None, "it is open"
        try:
            written = self.socket.send(data)
        except BlockingIOError:
            if self.stalled_since_s is None:
                self.stalled_since_s = self._loop.time()
            raise
        finally:
            # The buffer cannot be resized while a view of it exists.
            del data
        self.stalled_since_s = None
        return written

    def close_fd(self) -> None:
        super().close_fd()
        self._ended(self)


class BoundedServer(HTTPServer):
    """Tornado's server with an owner for every connection.

    At its limit it closes the connection that has been idle for longest; where none is, it accepts no more until one
    ends. An error of the system while accepting is logged once a minute and never in a loop.
    """

    def initialize(  # type: ignore[override]
        self, *args: Any, connections: Connections, proxies: TrustedProxies, admission: Admission, **options: Any
    ) -> None:
        super().initialize(*args, **options)
        self._room = connections
        self._proxies = proxies
        self._admission = admission
        self._log = OccasionalLog()
        self._streams: set[CountedStream] = set()
        self._accepting: dict[int, socket.socket] = {}
        self._retry: object | None = None
        self._sweep = PeriodicCallback(self._close_stalled, _SWEEP_S * 1000)

    def add_sockets(self, sockets: Iterable[socket.socket]) -> None:
        for listener in sockets:
            self._sockets[listener.fileno()] = listener
            self._handlers[listener.fileno()] = lambda listener=listener: self._pause(listener)
        self._resume()
        self._sweep.start()

    def stop(self) -> None:
        self._sweep.stop()
        if self._retry is not None:
            IOLoop.current().remove_timeout(self._retry)
            self._retry = None
        super().stop()

    def start_request(self, server_conn: object, request_conn: httputil.HTTPConnection) -> httputil.HTTPMessageDelegate:
        connection = cast("HTTP1Connection", request_conn)
        delegate = super().start_request(server_conn, request_conn)
        delegate = AdmittedRequest(delegate, connection, connection.context, self._admission)
        if isinstance(stream := connection.stream, CountedStream):
            if stream.closed():
                # Tornado would read on in its buffer: a thousand requests that were pipelined behind a refused one.
                stream.discard_input()
            # Tornado asks for this when it begins to wait for a request, before its first byte.
            self._room.set_idle(stream)
            self._go_on()
            delegate = _Waited(delegate, lambda: self._room.set_busy(stream))
        return ForwardedRequest(delegate, connection.context, self._proxies)

    def _accept(self, listener: socket.socket, _events: int) -> None:
        for _ in range(_ACCEPTED_AT_ONCE):
            if listener.fileno() not in self._accepting:
                return
            if self._room.full:
                self._log.warn(
                    "all of %d connections are in use: new ones wait (ORDERFOX_MAX_CONNECTIONS)", self._room.overall
                )
                self._wait_for_room()
                return
            try:
                connection, address = listener.accept()
            except BlockingIOError:
                return
            except OSError as error:
                if error.errno in _NO_ROOM:
                    self._log.warn("no connection can be accepted now: %s", error)
                    self._wait_for_room()
                    # Each closed connection frees a file descriptor; the others continue.
                    for _ in range(_CLOSED_AT_ONCE):
                        self._room.close_idle()
                    return
                # The peer gave up while waiting, or a firewall refused it.
                continue
            self._open(connection, address)

    def _open(self, connection: socket.socket, address: Any) -> None:
        # A Unix socket's peer has no address.
        peer = str(cast("tuple[object, ...]", address)[0]) if isinstance(address, tuple) else ""
        if not self._room.admits(peer):
            self._log.warn(
                "client=%s has all of its %d connections in use (ORDERFOX_MAX_CLIENT_CONNECTIONS)",
                peer,
                self._room.per_client,
            )
            _reject(connection, self._room.per_client)
            return
        stream = CountedStream(connection, self._ended, max_buffer_size=self.max_buffer_size)
        self._streams.add(stream)
        self._room.add(stream, peer)
        self.handle_stream(stream, address)

    def _ended(self, stream: CountedStream) -> None:
        self._streams.discard(stream)
        self._room.remove(stream)
        self._go_on()

    def _close_stalled(self) -> None:
        now_s = asyncio.get_running_loop().time()
        stalled = [(since_s, stream) for stream in self._streams if (since_s := stream.stalled_since_s) is not None]
        unsent = sum(stream.unsent for _, stream in stalled)
        for since_s, stream in sorted(stalled, key=lambda one: one[0]):
            if unsent > MAX_UNSENT or now_s - since_s > STALLED_S:
                unsent -= stream.unsent
                stream.close()

    def _go_on(self) -> None:
        if not self._room.full:
            self._resume()

    def _wait_for_room(self) -> None:
        for listener in tuple(self._accepting.values()):
            self._pause(listener)
        if self._retry is None:
            self._retry = IOLoop.current().call_later(_RETRY_S, self._try_again)

    def _try_again(self) -> None:
        self._retry = None
        self._resume()

    def _resume(self) -> None:
        for number, listener in self._sockets.items():
            if number not in self._accepting and not self._stopped:
                self._accepting[number] = listener
                IOLoop.current().add_handler(listener, self._accept, IOLoop.READ)

    def _pause(self, listener: socket.socket) -> None:
        if self._accepting.pop(listener.fileno(), None) is not None:
            IOLoop.current().remove_handler(listener)


class _Waited(httputil.HTTPMessageDelegate):
    """Reports when a request's head has arrived."""

    def __init__(self, delegate: httputil.HTTPMessageDelegate, come: Callable[[], None]) -> None:
        self._delegate = delegate
        self._come = come

    def headers_received(
        self, start_line: httputil.RequestStartLine | httputil.ResponseStartLine, headers: httputil.HTTPHeaders
    ) -> Awaitable[None] | None:
        self._come()
        return self._delegate.headers_received(start_line, headers)

    def data_received(self, chunk: bytes) -> Awaitable[None] | None:
        return self._delegate.data_received(chunk)

    def finish(self) -> None:
        self._delegate.finish()

    def on_connection_close(self) -> None:
        self._delegate.on_connection_close()


def _reject(connection: socket.socket, limit: int) -> None:
    """Send the reason, without waiting, and close."""
    detail = f"At most {limit} connections a client: close one and try again"
    body = msgspec.json.encode({"detail": detail, "status_code": 503})
    head = "HTTP/1.1 503 Service Unavailable\r\nContent-Type: application/json\r\nRetry-After: 10\r\n"
    with contextlib.suppress(OSError):
        connection.setblocking(False)
        connection.send(f"{head}Content-Length: {len(body)}\r\nConnection: close\r\n\r\n".encode() + body)
        connection.shutdown(socket.SHUT_WR)
    connection.close()
