# jupyter_client's messages have no types.
# pyright: reportUnknownVariableType=false
"""The state of every widget that a notebook declared, as its kernel sends it to a page."""

from __future__ import annotations

import asyncio
import base64
import uuid
from typing import Any, Final

import msgspec

from orderfox_nb.server.viewer.modules import PackedScript, Scripts

_CONTROL: Final = "jupyter.widget.control"
_CONTROL_VERSION: Final = "1.0.0"


class States(msgspec.Struct, frozen=True):
    """Answer to ``request_states`` of the widgets' control channel."""

    data: bytes = b'{"method":"update_states","states":{},"buffer_paths":[]}'
    """The answer as JSON, without a ``<``: it stands in a script element."""
    buffers: bytes = b"[]"
    """Its binary parts, base64 in a JSON list."""
    models: frozenset[tuple[str, str]] = frozenset()
    """Module and name of each kind of model."""
    modules: tuple[PackedScript, ...] = ()
    """Their scripts."""


async def read_states(client: Any, scripts: Scripts) -> States:
    """Ask a kernel for the states of its widgets; the caller limits the time.

    Args:
        client: Client of the kernel, with open channels and nothing in progress.
        scripts: Receives the widgets' modules, which are moved out of the states.
    """
    comm = uuid.uuid4().hex
    session, shell = client.session, client.shell_channel
    opening = {"comm_id": comm, "target_name": _CONTROL, "data": {}}
    shell.send(session.msg("comm_open", opening, metadata={"version": _CONTROL_VERSION}))
    request = session.msg("comm_msg", {"comm_id": comm, "data": {"method": "request_states"}})
    shell.send(request)
    while True:
        message = await client.get_iopub_msg(timeout=None)
        content = message["content"]
        if message["msg_type"] == "comm_msg" and content["comm_id"] == comm:
            return await asyncio.to_thread(_packed, content["data"], message["buffers"], scripts)
        answered = message["parent_header"].get("msg_id") == request["header"]["msg_id"]
        if answered and message["msg_type"] == "status" and content["execution_state"] == "idle":
            return States()  # a notebook without widgets has no comm that answers


def _packed(data: dict[str, Any], buffers: list[Any], scripts: Scripts) -> States:
    modules = scripts.take(data["states"])
    text = msgspec.json.encode(data).replace(b"<", b"\\u003c")
    models = frozenset((one["model_module"], one["model_name"]) for one in data["states"].values())
    return States(
        text, msgspec.json.encode([base64.b64encode(one).decode() for one in buffers]), models, tuple(modules)
    )
