"""The one place that chooses the WebSocket client: ``picows.websockets`` where installed, else ``websockets``.

Both have the same interface; picows costs an eighth in a flood. Compression is off: it costs more than it saves here.
"""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager
from importlib import import_module
from importlib.util import find_spec
from typing import Any, Final, Protocol

CLIENT: Final = "picows.websockets" if find_spec("picows") is not None else "websockets"
_library: Any = import_module(CLIENT)
_connect: Any = _library.connect if CLIENT != "websockets" else import_module("websockets.asyncio.client").connect
_exceptions: Any = import_module(f"{CLIENT}.exceptions")

SOCKET_ERRORS: Final[tuple[type[Exception], ...]] = (OSError, TimeoutError, EOFError, _exceptions.WebSocketException)
"""What connecting, sending and receiving may raise for a network's sake."""


class Socket(Protocol):
    """The part of a client connection that feeds use."""

    async def recv(self, decode: bool | None = None) -> str | bytes: ...
    async def send(self, message: str) -> None: ...
    async def close(self, code: int = 1000, reason: str = "") -> None: ...


def open_socket(
    url: str, *, headers: dict[str, str] | None = None, max_size: int = 8 * 1024 * 1024, open_timeout_s: float = 10.0
) -> AbstractAsyncContextManager[Socket]:
    """Connect when entered; close with a handshake of at most half a second when left.

    Raises:
        Exception: One of ``SOCKET_ERRORS``.
    """
    return _connect(
        url,
        compression=None,
        additional_headers=headers,
        max_size=max_size,
        open_timeout=open_timeout_s,
        close_timeout=0.5,
        ping_interval=20,
        ping_timeout=20,
    )


def http_status(error: BaseException) -> int:
    """Return the HTTP status with which a handshake was refused, 0 where it is no such error."""
    response = getattr(error, "response", None)
    status = getattr(response, "status_code", 0)
    return status if isinstance(status, int) else 0
