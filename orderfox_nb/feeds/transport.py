"""The one place that chooses the WebSocket client: ``picows.websockets`` where installed, otherwise ``websockets``.

Both have the same interface; picows costs less in a flood. Compression is off: it costs more than it saves here.
"""

from __future__ import annotations

import asyncio
import errno
import logging
import socket
import ssl
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from functools import partial
from importlib import import_module
from importlib.util import find_spec
from typing import Any, Final, Protocol

import aiohttp

OPEN_TIMEOUT_S: Final = 10.0
"""From the first packet of a connection to the end of its handshake."""

# Versions of picows before 2.0 have no ``picows.websockets``.
CLIENT: Final = "picows.websockets" if find_spec("picows") and find_spec("picows.websockets") else "websockets"
_library: Any = import_module(CLIENT)
_PICOWS: Final = CLIENT != "websockets"
_exceptions: Any = import_module(f"{CLIENT}.exceptions")

SOCKET_ERRORS: Final[tuple[type[Exception], ...]] = (OSError, TimeoutError, EOFError, _exceptions.WebSocketException)
"""Network errors that connecting, sending and receiving may raise."""

_BY_NUMBER: Final = {
    errno.ETIMEDOUT: "no answer in time",
    errno.ECONNREFUSED: "connection refused",
    errno.ENETUNREACH: "no network",
    errno.ENETDOWN: "no network",
    errno.EHOSTUNREACH: "no network",
}
_BY_KIND: Final[tuple[tuple[type[BaseException], str], ...]] = (
    (ssl.SSLCertVerificationError, "its certificate is not trusted"),
    (ssl.SSLError, "TLS failed"),
    (socket.gaierror, "its host name is not known"),
    (TimeoutError, "no answer in time"),
    (aiohttp.InvalidURL, "not an address"),
    (aiohttp.ClientResponseError, "its answer is not valid HTTP"),
    (aiohttp.ClientPayloadError, "its answer was cut off"),
    (aiohttp.ServerDisconnectedError, "the connection was closed"),
    (_exceptions.InvalidHandshake, "it does not answer as a WebSocket"),
    (_exceptions.ConnectionClosed, "the connection was closed"),
    (ConnectionError, "the connection was closed"),
    (EOFError, "the connection was closed"),
)
"""Names of network errors; the first match is used."""


_library_log: Final = logging.getLogger(f"{__name__}.library")
# The code that opens a connection logs why it ended, once.
_library_log.setLevel(logging.CRITICAL)

_TOO_BIG: Final = 1009
"""The code with which the libraries close a socket whose message is beyond the limit."""


class ConnectionLost(ConnectionError):
    """A connection that we abandon; the error's text is readable."""


class Socket(Protocol):
    """The part of a client connection that feeds use."""

    async def recv(self, decode: bool | None = None) -> str | bytes: ...
    async def send(self, message: str) -> None: ...
    async def close(self, code: int = 1000, reason: str = "") -> None: ...


if _PICOWS:
    _connect: Any = partial(_library.connect, max_redirects=0)
else:

    class _Direct(import_module("websockets.asyncio.client").connect):
        """Follows no redirect: the user chose only the address in the settings."""

        def process_redirect(self, exc: Exception) -> Exception:
            return exc

    _connect = _Direct


@asynccontextmanager
async def open_socket(url: str, *, max_bytes: int, headers: dict[str, str] | None = None) -> AsyncGenerator[Socket]:
    """Connect when entered; close with a handshake of at most half a second when left.

    Args:
        url: Where to; a redirect is not followed.
        max_bytes: Largest message; a larger one ends the socket.
        headers: Sent with the handshake.

    Raises:
        Exception: One of ``SOCKET_ERRORS``.
    """
    connecting = _connect(
        url,
        compression=None,
        additional_headers=headers,
        max_size=max_bytes,
        logger=_library_log,
        open_timeout=OPEN_TIMEOUT_S,
        close_timeout=0.5,
        ping_interval=20,
        ping_timeout=20,
    )
    # The library's own limit starts once the connection is established.
    async with asyncio.timeout(OPEN_TIMEOUT_S):
        socket = await connecting
    try:
        yield socket
    finally:
        try:
            await socket.close()
        except asyncio.CancelledError:
            # picows leaves a connection open whose closing is cancelled.
            await socket.close()
            raise


def http_status(error: BaseException) -> int:
    """Return the HTTP status with which a handshake was refused, 0 for another error."""
    response = getattr(error, "response", None)
    status = getattr(response, "status_code", 0)
    return status if isinstance(status, int) else 0


def network_reason(error: BaseException) -> str:
    """Return a readable reason why a connection failed or ended; the system's own text belongs in the log."""
    if isinstance(error, ConnectionLost):
        return str(error)
    if status := http_status(error):
        return f"it redirects (HTTP {status}), which is not followed" if 300 <= status < 400 else f"HTTP {status}"
    if getattr(getattr(error, "sent", None), "code", 0) == _TOO_BIG:
        return "it sent a message that is too large, which is refused"
    # aiohttp keeps the system's error inside its own.
    cause = getattr(error, "os_error", None) or getattr(error, "certificate_error", None) or error
    by_number = _BY_NUMBER.get(getattr(cause, "errno", None) or 0)
    return by_number or next((text for kind, text in _BY_KIND if isinstance(cause, kind)), "the connection failed")
