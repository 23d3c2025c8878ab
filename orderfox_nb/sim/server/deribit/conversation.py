"""The requests of one Deribit connection: subscribe, unsubscribe, and what keeps it open."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import msgspec

from orderfox_nb.sim.server.deribit.guard import INVALID_PARAMETERS, envelope
from orderfox_nb.sim.server.deribit.names import RAW, parse_channel
from orderfox_nb.sim.server.names import WHOLE_MARKET

_RESULTS: Final[Mapping[str, Any]] = {
    "public/test": {"version": "1.2.26"},
    "public/hello": {"version": "1.2.26"},
    "public/set_heartbeat": "ok",
    "public/disable_heartbeat": "ok",
    "public/unsubscribe_all": "ok",
}
"""What is answered to requests without an effect on what is sent; heartbeats are accepted and not sent."""


class _DeribitRequest(msgspec.Struct):
    method: str = ""
    params: dict[str, Any] = {}
    id: Any = None


class DeribitConversation:
    """The channels of one connection, and the answers to its requests.

    Args:
        known: Whether a symbol can be subscribed to.
        now_us: The venue's time.
    """

    combined = False

    def __init__(self, *, known: Callable[[str], bool], now_us: Callable[[], int]) -> None:
        self._known = known
        self._now_us = now_us
        self._channels: dict[str, None] = {}

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(self._channels)

    def answers(self, text: str | bytes) -> Sequence[bytes]:
        try:
            request = msgspec.json.decode(text, type=_DeribitRequest)
        except msgspec.MsgspecError:
            return [self._error(None, -32700, "Parse error")]
        if request.method in ("public/subscribe", "public/unsubscribe"):
            return [self._change(request)]
        if request.method == "public/unsubscribe_all":
            self._channels.clear()
        elif request.method not in _RESULTS:
            return [self._error(request, -32601, "Method not found")]
        return [self._result(request, _RESULTS[request.method])]

    def _change(self, request: _DeribitRequest) -> bytes:
        try:
            channels = msgspec.convert(request.params.get("channels"), list[str])
        except msgspec.ValidationError:
            return self._error(request, INVALID_PARAMETERS, "Invalid params")
        if any(channel.endswith(f".{RAW}") for channel in channels):
            return self._error(request, 13778, "raw_subscriptions_not_available_for_unauthorized")
        if request.method == "public/unsubscribe":
            for channel in channels:
                self._channels.pop(channel, None)
            return self._result(request, channels)
        # What there is not is left out of the answer.
        served = [channel for channel in channels if self._serves(channel)]
        self._channels |= dict.fromkeys(served)
        return self._result(request, served)

    def _serves(self, channel: str) -> bool:
        name = parse_channel(channel)
        return name is not None and (name.symbol == WHOLE_MARKET or self._known(name.symbol))

    def _result(self, request: _DeribitRequest, result: Any) -> bytes:
        return self._answer(request, {"result": result})

    def _error(self, request: _DeribitRequest | None, code: int, message: str) -> bytes:
        return self._answer(request, {"error": {"code": code, "message": message}})

    def _answer(self, request: _DeribitRequest | None, body: dict[str, Any]) -> bytes:
        named = {} if request is None else {"id": request.id}
        return msgspec.json.encode(envelope(named | body, now_us=self._now_us()))
