"""The subscriptions of one connection: the venue's live subscription protocol, without the socket."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Any, Final, cast

import msgspec

METHODS: Final = ("SUBSCRIBE", "UNSUBSCRIBE", "LIST_SUBSCRIPTIONS", "SET_PROPERTY", "GET_PROPERTY")
_MAX_ID: Final = 2**64 - 1


class _Refusal(Exception):
    def __init__(self, code: int, message: str) -> None:
        super().__init__(code, message)
        self.code = code
        self.message = message


class Subscriptions:
    """The streams of one connection, and the answers to its requests.

    Args:
        names: Streams named in the URL.
        combined: Whether frames are wrapped with their stream's name.
        limit: How many streams one connection may have.
    """

    def __init__(self, names: Iterable[str] = (), *, combined: bool, limit: int = 1_024) -> None:
        self._names = dict.fromkeys(names)
        self._limit = limit
        self.combined = combined

    @property
    def names(self) -> tuple[str, ...]:
        """Every name, served or not, in the order of subscription."""
        return tuple(self._names)

    @property
    def too_many(self) -> bool:
        return len(self._names) > self._limit

    def answers(self, text: str | bytes) -> Sequence[bytes]:
        """Apply a request and return its one answer."""
        return [self.answer(text)]

    def answer(self, text: str | bytes) -> bytes:
        """Apply a request and return the answer to send."""
        request: dict[str, Any] = {}
        try:
            request = _parsed(text)
            result = self._apply(request)
        except _Refusal as refusal:
            answer: dict[str, Any] = {"code": refusal.code, "msg": refusal.message}
            if _is_id(request.get("id")):
                answer["id"] = request["id"]
            return msgspec.json.encode(answer)
        return msgspec.json.encode({"result": result, "id": request.get("id")})

    def _apply(self, request: dict[str, Any]) -> Any:
        method = request.get("method")
        if method is None:
            raise _Refusal(2, "Invalid request: missing field `method` at line 1 column 1")
        if method not in METHODS:
            expected = ", ".join(f"`{name}`" for name in METHODS)
            raise _Refusal(2, f"Invalid request: unknown variant `{method}`, expected one of {expected}")
        if request.get("id") is not None and not _is_id(request["id"]):
            raise _Refusal(2, "Invalid request: request ID must be an unsigned integer")
        params: Any = request.get("params", [])
        if not isinstance(params, list):
            raise _Refusal(2, "Invalid request: params must be a list")
        params = cast("list[Any]", params)
        if method == "LIST_SUBSCRIPTIONS":
            return list(self._names)
        if method in ("SET_PROPERTY", "GET_PROPERTY"):
            return self._property(method, params)
        return self._change(method, params)

    def _change(self, method: str, names: list[Any]) -> None:
        if not names:
            raise _Refusal(2, "Invalid request: missing field `params` at line 1 column 1")
        if not all(isinstance(name, str) for name in names):
            raise _Refusal(2, "Invalid request: stream name must be a string")
        if method == "UNSUBSCRIBE":
            for name in names:
                self._names.pop(name, None)
            return
        wanted = self._names | dict.fromkeys(names)
        if len(wanted) > self._limit:
            raise _Refusal(2, f"Invalid request: more than {self._limit} streams on one connection")
        self._names = wanted

    def _property(self, method: str, params: list[Any]) -> bool | None:
        if not params or not isinstance(params[0], str):
            raise _Refusal(2, "Invalid request: property name must be a string")
        if params[0] != "combined":
            raise _Refusal(0, "Unknown property")
        if method == "GET_PROPERTY":
            return self.combined
        if len(params) > 2:
            raise _Refusal(2, "Invalid request: too many parameters")
        if len(params) < 2 or not isinstance(params[1], bool):
            raise _Refusal(1, "Invalid value type: expected Boolean")
        self.combined = params[1]
        return None


def _parsed(text: str | bytes) -> dict[str, Any]:
    try:
        request = json.loads(text)
    except json.JSONDecodeError as error:
        raise _Refusal(3, f"Invalid JSON: expected value at line {error.lineno} column {error.colno}") from None
    except (UnicodeDecodeError, RecursionError):
        raise _Refusal(3, "Invalid JSON: expected value at line 1 column 1") from None
    if not isinstance(request, dict):
        raise _Refusal(2, "Invalid request: request must be an object")
    return cast("dict[str, Any]", request)


def _is_id(value: Any) -> bool:
    # The venue documents an unsigned integer and also accepts strings; a bool is an int only in Python.
    if isinstance(value, str):
        return len(value) <= 36
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= _MAX_ID
