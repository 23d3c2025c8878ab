"""The requests of one Bybit connection: subscribe, unsubscribe, ping."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from orderfox_nb.sim.server.bybit.names import parse_topic


class _BybitRequest(msgspec.Struct):
    op: str = ""
    args: list[Any] | None = None
    req_id: Any = None


class BybitConversation:
    """The topics of one connection, and the answers to its requests.

    A request is applied as a whole: one topic that cannot be served refuses all of it.

    Args:
        connection: Name of the connection, which every answer carries.
        known: Whether a symbol can be subscribed to.
        limit_bytes: Length that the topics of the connection may have together.
    """

    combined = False

    def __init__(self, connection: str, *, known: Callable[[str], bool], limit_bytes: int) -> None:
        self._connection = connection
        self._known = known
        self._limit_bytes = limit_bytes
        self._topics: dict[str, None] = {}

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(self._topics)

    def answers(self, text: str | bytes) -> Sequence[bytes]:
        try:
            request = msgspec.json.decode(text, type=_BybitRequest)
        except msgspec.MsgspecError:
            return [self._answer(_BybitRequest(), "error:request is not valid JSON")]
        if request.op == "ping":
            return [self._answer(request, "", said="pong")]
        if request.op not in ("subscribe", "unsubscribe"):
            return [self._answer(request, "error:invalid op")]
        topics = [topic for topic in request.args or [] if isinstance(topic, str)]
        if not topics or len(topics) < len(request.args or []):
            return [self._answer(request, "error:args is empty or holds what is no topic")]
        if request.op == "unsubscribe":
            for topic in topics:
                self._topics.pop(topic, None)
            return [self._answer(request, "")]
        refusal = self._refusal(topics)
        if not refusal:
            self._topics |= dict.fromkeys(topics)
        return [self._answer(request, refusal)]

    def _refusal(self, topics: Sequence[str]) -> str:
        for topic in topics:
            name = parse_topic(topic)
            if name is None:
                return f"error:handler not found,topic:{topic}"
            if not self._known(name.symbol):
                return f"Invalid symbol :[{topic}]"
            if topic in self._topics:
                return f"error:already subscribed,topic:{topic}"
        if sum(map(len, [*self._topics, *topics])) > self._limit_bytes:
            return f"error:args size >{self._limit_bytes} characters"
        return ""

    def _answer(self, request: _BybitRequest, refusal: str, *, said: str = "") -> bytes:
        answer: dict[str, Any] = {"success": not refusal, "ret_msg": refusal or said, "conn_id": self._connection}
        if request.req_id is not None:
            answer["req_id"] = request.req_id
        return msgspec.json.encode(answer | {"op": request.op})
