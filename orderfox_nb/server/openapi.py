"""The OpenAPI document, made from the routes' own parameters and the structs of their answers."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

import msgspec

from orderfox_nb import __version__
from orderfox_nb.desk.parameters import Parameter
from orderfox_nb.server.operations import Operation
from orderfox_nb.views.contract import ErrorAnswer

_REFERENCE: Final = "#/components/schemas/{name}"
_ERRORS: Final = {
    "400": "A value that cannot be used",
    "401": "No token where one is needed",
    "403": "Not allowed",
    "404": "No such symbol, bot or route",
    "405": "Not this method",
    "409": "Not yet, or no more: the detail says what to do",
    "413": "A body that is too large",
    "422": "A body that does not fit its schema",
    "429": "Too many writes: retry after Retry-After seconds",
    "503": "The venue or the database cannot be reached",
}
_ABOUT: Final = """Market data of crypto perpetuals: symbols, order book, trades, candles, liquidations.

Every message carries `quality` (state, coverage, since when) and `sequence`. The same data is pushed by WebSockets:

{sockets}

Every socket takes `venue` in its query, sends `status`, `error` and `heartbeat` messages too, and answers
`{{"type":"ping"}}`. When the server closes a socket, the code says why, and the reason says it in words:

| code | why | what to do |
|---|---|---|
| 1001 | the server stops or the stream has ended | connect again |
| 1008 | too many messages, or too many frames | send fewer |
| 1011 | the server failed | connect again; the reason has the id under which its log has details |
| 1013 | the venue or the server cannot serve it now, as the `error` message before it says | connect again later |
| 4000 | a wrong path or query, as the `error` message before it says | correct the request |
| 4008 | the reader did not keep up | read faster, or fewer streams |
"""
_TOKEN: Final = {"type": "apiKey", "in": "header", "name": "Authorization", "description": "token <the server's token>"}


def document(
    base_url: str,
    routes: Iterable[tuple[str, type[Any]]],
    sockets: Iterable[tuple[str, type[Any]]],
    set_by: Mapping[type[Any], Sequence[Parameter]],
) -> bytes:
    """Return the document's JSON text.

    Args:
        base_url: Prefix of every path.
        routes: Patterns and handlers of the REST routes.
        sockets: Patterns and handlers of the WebSockets; those about a symbol are described.
        set_by: Parameters of a handler that the server's settings decide.
    """
    routes = list(routes)
    operations = [operation for _, handler in routes for operation in handler.operations().values()]
    models = [model for one in operations for model in (one.model, one.body) if model is not None]
    schemas, components = msgspec.json.schema_components([ErrorAnswer, *models], ref_template=_REFERENCE)
    answers = dict(zip([ErrorAnswer, *(str(model) for model in models)], schemas, strict=True))
    paths: dict[str, Any] = {}
    for pattern, handler in routes:
        path = readable(pattern, handler.path)
        paths[path] = {
            method: _operation(method, operation, handler, set_by.get(handler, ()), answers)
            for method, operation in handler.operations().items()
        }
    return msgspec.json.encode(
        {
            "openapi": "3.1.0",
            "info": {
                "title": "OrderFox",
                "version": __version__,
                "description": _ABOUT.format(sockets=_socket_table(sockets)),
            },
            "servers": [{"url": base_url.rstrip("/") or "/"}],
            "paths": paths,
            "components": {"schemas": components, "securitySchemes": {"token": _TOKEN}},
        }
    )


def _socket_table(sockets: Iterable[tuple[str, type[Any]]]) -> str:
    """Describe each WebSocket in a row: the document's format has no place for them."""
    rows = ["| path | query | messages | |", "|---|---|---|---|"]
    for pattern, handler in sockets:
        shown = getattr(handler, "described", None) or f"{pattern.partition('(')[0]}/{{symbol}}"
        if not getattr(handler, "messages", ()):
            continue
        query = ", ".join(f"`{rule.name}`" for rule in handler.query)
        messages = ", ".join(f"`{name}`" for name in handler.messages)
        about = (handler.__doc__ or "").split("\n", 1)[0].replace("``", "`")
        rows.append(f"| `{shown}` | {query} | {messages} | {about} |")
    return "\n".join(rows)


def readable(pattern: str, parameters: Iterable[Parameter]) -> str:
    """Turn a route's pattern into a path with named parameters."""
    path = re.sub(r"\((?:[^()]|\([^()]*\))*\)", "{}", pattern).replace("\\", "")
    return path.format(*("{" + rule.name + "}" for rule in parameters))


def _operation(
    method: str, described: Operation, handler: Any, set_by: Sequence[Parameter], answers: dict[Any, Any]
) -> dict[str, Any]:
    error = answers[ErrorAnswer]
    content: dict[str, Any]
    if described.model is None:
        content = {described.content: {"schema": {"type": "string" if "text" in described.content else "object"}}}
    else:
        content = {"application/json": {"schema": answers[str(described.model)]}}
    answer: dict[str, Any] = {"description": "The answer"}
    if described.status != 204:
        answer["content"] = content
    if described.headers:
        answer["headers"] = {
            name: {"description": about, "schema": {"type": "string"}} for name, about in described.headers.items()
        }
    responses: dict[str, Any] = {str(described.status): answer}
    for status, description in _ERRORS.items():
        if status != "422" or described.body is not None:
            responses[status] = {"description": description, "content": {"application/json": {"schema": error}}}
    parameters = (*handler.path, *set_by, *described.query, *handler.shared)
    operation: dict[str, Any] = {
        "operationId": described.name,
        "summary": described.summary,
        "parameters": [parameter_schema(rule) for rule in parameters],
        "responses": responses,
    }
    if described.body is not None:
        schema = answers[str(described.body)]
        operation["requestBody"] = {"required": True, "content": {"application/json": {"schema": schema}}}
    if method != "get":
        operation["security"] = [{"token": []}]
    return operation


def parameter_schema(rule: Parameter) -> dict[str, Any]:
    """Describe one parameter."""
    schema: dict[str, Any] = {"type": rule.kind}
    if rule.choices:
        schema["enum"] = list(rule.choices)
    if rule.above is not None:
        schema["exclusiveMinimum"] = rule.above
    if rule.low is not None:
        schema["minimum"] = rule.low
    if rule.high is not None and not rule.lowers:
        schema["maximum"] = rule.high
    if rule.default is not None and rule.default != rule.word:
        schema["default"] = rule.default
    description = rule.description
    if rule.lowers:
        description += f"; lowered to {rule.high} if it is higher"
    return {
        "name": rule.name,
        "in": rule.place,
        "required": rule.place == "path" or rule.required,
        "description": description,
        "schema": schema,
        **({"example": rule.example} if rule.example is not None else {}),
    }
