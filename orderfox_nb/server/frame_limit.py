# Tornado's protocol is private, and its handlers return futures or None.
# pyright: reportIncompatibleMethodOverride=false
"""Limits WebSocket frames that are not messages: pings and fragments cost as much as messages do."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, Final, cast

from tornado.websocket import WebSocketProtocol, WebSocketProtocol13

from orderfox_nb.server.limits import RateLimit

MAX_FRAMES_PER_S: Final = 200
_POLICY: Final = 1008
_MESSAGES: Final = (1, 2)
"""Opcodes of text and of bytes."""


class CountedFrames(WebSocketProtocol13):
    """A connection that ends when its peer sends more pings, their answers and fragments than a page needs.

    Messages are counted where they are handled.

    Args:
        handler: Handler that receives the messages.
        params: Options of the protocol.
        now_s: Measures the rate.
        refuses: Asked for each frame: whether the client has sent too many over all of its sockets.
    """

    def __init__(self, handler: Any, params: Any, *, now_s: Callable[[], float], refuses: Callable[[], bool]) -> None:
        super().__init__(handler, False, params)
        self._frames = RateLimit(burst=2 * MAX_FRAMES_PER_S, per_s=MAX_FRAMES_PER_S, now_s=now_s)
        self._refuses = refuses
        self._completed = False

    def _handle_message(self, opcode: int, data: bytes) -> Awaitable[None] | None:
        self._completed = opcode in _MESSAGES
        return super()._handle_message(opcode, data)

    async def _receive_frame(self) -> None:
        self._completed = False
        await super()._receive_frame()
        if not self._completed and (self._frames.wait_s() or self._refuses()):
            # Abort instead of a closing handshake, which would read what the peer has sent.
            self.close(_POLICY, "more frames in a second than a page sends")
            self._abort()


def counted(
    protocol: WebSocketProtocol | None, *, now_s: Callable[[], float], refuses: Callable[[], bool]
) -> WebSocketProtocol | None:
    """Return a handler's protocol with its frames counted."""
    if protocol is None:
        return None
    made = cast("WebSocketProtocol13", protocol)
    return CountedFrames(made.handler, made.params, now_s=now_s, refuses=refuses)
