"""The messages of the widgets' socket, from the structs that encode and decode them."""

from __future__ import annotations

from typing import Any, Final, get_args

from generate.models import schemas, struct_table, structs
from orderfox_nb.core import wire

_HEAD: Final = """# Messages of the widgets' socket

Each message of `/api/v1/ws/live` is JSON text. [The widgets' socket](../live.md) explains how they work together and
which columns a frame has. The version of these messages is {version}; a page subscribes to at most {keys} keys and has
at most {requests} requests answered at the same time.
"""


def page() -> str:
    """Return the page."""
    sent, received = get_args(wire.PageMessage), get_args(wire.ServerMessage)
    known: dict[str, Any] = structs(wire.__name__)
    others = [kind for kind in known.values() if kind not in (*sent, *received)]
    components = schemas([*sent, *received, *others])
    lines = [_HEAD.format(version=wire.WIRE, keys=wire.MAX_KEYS, requests=wire.MAX_REQUESTS)]
    groups = {"From the page": sent, "From the server": received, "Parameters and answers of requests": tuple(others)}
    done: set[str] = set()
    for title, kinds in groups.items():
        lines += [f"## {title}", ""]
        for kind in kinds:
            done.add(kind.__name__)
            lines += struct_table(kind.__name__, components[kind.__name__], kind)
    lines += ["## Parts of messages", ""]
    for name, schema in components.items():
        if name not in done:
            lines += struct_table(name, schema, None)
    return "\n".join(lines)
