"""The requests of one OKX connection: subscribe, unsubscribe, and ``ping`` as bare text."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import msgspec

from orderfox_nb.core.timeframes import HOUR_US
from orderfox_nb.sim.server.names import WHOLE_MARKET
from orderfox_nb.sim.server.okx.names import parse_channel, stream_name

REQUESTS_PER_HOUR: Final = 480
"""Subscriptions and their ends on one connection."""


class _OkxRequest(msgspec.Struct):
    op: str = ""
    args: list[dict[str, Any]] = []
    id: str | None = None


class OkxConversation:
    """The channels of one connection, and the answers to its requests: one event for each argument.

    Args:
        connection: Name of the connection, which every answer carries.
        root: ``public`` or ``business``, each with channels of its own.
        known: Whether a symbol can be subscribed to.
        clock_us: The clock by which requests are counted.
        limit_bytes: Length of one request.
    """

    combined = False

    def __init__(
        self, connection: str, root: str, *, known: Callable[[str], bool], clock_us: Callable[[], int], limit_bytes: int
    ) -> None:
        self._connection = connection
        self._root = root
        self._known = known
        self._clock_us = clock_us
        self._limit_bytes = limit_bytes
        self._requests: deque[int] = deque()
        self._streams: dict[str, None] = {}

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(self._streams)

    def answers(self, text: str | bytes) -> Sequence[bytes]:
        if text in ("ping", b"ping"):
            return [b"pong"]
        try:
            request = msgspec.json.decode(text, type=_OkxRequest)
        except msgspec.MsgspecError:
            request = _OkxRequest()
        if (refusal := self._refusal(request, text)) is not None:
            return [self._error(*refusal, request.id)]
        return [self._apply(request.op, argument, request.id) for argument in request.args]

    def _refusal(self, request: _OkxRequest, text: str | bytes) -> tuple[str, str] | None:
        if request.op not in ("subscribe", "unsubscribe") or len(text) > self._limit_bytes:
            return "60012", f"Illegal request: {_shown(text)}"
        if not request.args:
            return "60013", "Invalid args"
        return ("60014", "Requests too frequent") if self._too_many() else None

    def _apply(self, op: str, argument: Mapping[str, Any], request_id: str | None) -> bytes:
        text = stream_name(argument)
        name = parse_channel(text, self._root)
        if name is None or (name.symbol != WHOLE_MARKET and not self._known(name.symbol)):
            shown = ",".join(f"{key}:{value}" for key, value in argument.items())
            message = (
                f"Wrong URL or {shown} doesn't exist. Please use the correct URL, channel and parameters referring to "
                "API document."
            )
            return self._error("60018", message, request_id)
        if op == "subscribe":
            self._streams[text] = None
        else:
            self._streams.pop(text, None)
        return self._event({"event": op, "arg": dict(argument)}, request_id)

    def _too_many(self) -> bool:
        now_us = self._clock_us()
        while self._requests and self._requests[0] <= now_us - HOUR_US:
            self._requests.popleft()
        self._requests.append(now_us)
        return len(self._requests) > REQUESTS_PER_HOUR

    def _error(self, code: str, message: str, request_id: str | None) -> bytes:
        return self._event({"event": "error", "code": code, "msg": message}, request_id)

    def _event(self, body: Mapping[str, Any], request_id: str | None) -> bytes:
        named = {"id": request_id} if request_id else {}
        return msgspec.json.encode(named | dict(body) | {"connId": self._connection})


def _shown(text: str | bytes) -> str:
    return (text if isinstance(text, str) else text.decode(errors="replace"))[:200]
