"""REST routes and public WebSockets, from the server's OpenAPI document and the structs of its answers."""

from __future__ import annotations

import json
from typing import Any, Final

import msgspec

from generate.models import one_line, struct_table, structs, type_text
from orderfox_nb.server.openapi import document
from orderfox_nb.server.routes import REST, sockets
from orderfox_nb.views import bot_contract, contract, range_contract

_CONTRACTS: Final = (contract, bot_contract, range_contract)
_HEAD: Final = """# REST and public WebSockets

A running server has this description as `/api/v1/openapi.json`, and as a page to try it on `/api/v1/docs`. Errors are
`{"detail": …, "status_code": …}`. Writing needs the server's token in the header `Authorization: token …`; reading
needs it on a Jupyter server only.

Symbols may be written in any common form: `BTCUSDT`, `btc`, `BTC-USDT`. Each message carries its `quality`.

"""


def page() -> str:
    """Return the page."""
    api = json.loads(document("/", REST, sockets(), {}))
    known: dict[str, Any] = {name: kind for one in _CONTRACTS for name, kind in structs(one.__name__).items()}
    lines = [_HEAD, "## WebSockets", "", api["info"]["description"].split("\n\n", 1)[1], "", "## Routes", ""]
    for path, methods in api["paths"].items():
        for method, operation in methods.items():
            lines += _operation(f"{method.upper()} {path}", operation)
    components = {**_messages(known), **api["components"]["schemas"]}
    lines += ["## Answers and messages", ""]
    for name in sorted(components):
        lines += struct_table(name, components[name], known.get(name))
    return "\n".join(lines)


def _messages(known: dict[str, Any]) -> dict[str, Any]:
    """Return the schemas of what only sockets send."""
    _, components = msgspec.json.schema_components(list(known.values()), ref_template="#/components/schemas/{name}")
    return components


def _operation(title: str, operation: dict[str, Any]) -> list[str]:
    lines = [f"### `{title}`", "", operation["summary"], ""]
    if operation["parameters"]:
        lines += ["| parameter | in | type | meaning |", "|---|---|---|---|"]
    for rule in operation["parameters"]:
        schema = rule["schema"]
        meaning = one_line(rule.get("description", ""))
        if "default" in schema:
            meaning += f"; default `{schema['default']}`"
        lines.append(f"| `{rule['name']}` | {rule['in']} | {one_line(type_text(schema))} | {meaning} |")
    body = operation.get("requestBody")
    if body:
        lines += ["", "Body: " + type_text(body["content"]["application/json"]["schema"]) + "."]
    status, answer = next(iter(operation["responses"].items()))
    for kind, content in answer.get("content", {}).items():
        shown = type_text(content["schema"]) if kind == "application/json" else f"`{kind}`"
        lines += ["", f"Answer {status}: {shown}."]
    return [*lines, ""]
