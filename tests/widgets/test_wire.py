"""One schema for what a page and its server say, ``core/wire.py``: the modules are held to it from both sides."""

from __future__ import annotations

import json
import re
from typing import Any, get_args

import msgspec
import pytest

from orderfox_nb.core.origin import Origin
from orderfox_nb.core.quality import QualityView
from orderfox_nb.core.wire import (
    WIRE,
    ErrorMessage,
    FrameMessage,
    GoneMessage,
    Heartbeat,
    HelloMessage,
    PageMessage,
    Pong,
    Request,
    ResponseMessage,
    ServerMessage,
    StatusMessage,
)
from orderfox_nb.desk.page_requests import REQUESTS
from tests.widgets.conftest import WIDGETS, RunModule

pytestmark = pytest.mark.widgets

LINK = f"""
    // The page's surroundings as far as the link uses them.
    globalThis.requestAnimationFrame = () => {{}};
    globalThis.document = {{ hidden: false, getElementById: () => null }};
    const {{ Link }} = await import("./page/link.js");
    const link = new Link(null);
    const sent = [];
    link.transport = {{ send: (message) => sent.push(message), close() {{}} }};
    link.receive({{ type: "hello", wire: {WIRE}, venue: "sim", time: 0, origin: {{}} }}, 0);
    const request = {{ symbol: "BTCUSDT", stream: "trades", parameters: {{ rows: 50 }} }};
    const end = link.subscribe(request, {{ paint() {{}} }});
"""
ORIGIN = Origin(source="sim", venue="sim", simulated=True)
KEY = "sim/BTCUSDT/trades?rows=50"
COLUMNS = {"trades": [[1], [1], [1], [1], [1]], "rate": 1.0}
SAID: tuple[ServerMessage, ...] = (
    HelloMessage(wire=WIRE, version="1", venue="sim", origin=ORIGIN, origins={"sim": ORIGIN}, time=1, times={"sim": 1}),
    FrameMessage(key=KEY, sequence=1, base=None, time=1, quality=QualityView("live", "complete", 1)),
    FrameMessage(key=KEY, sequence=2, base=1, time=2, quality=QualityView("live", "complete", 1)),
    FrameMessage(key=KEY, sequence=9, base=8, time=3, quality=QualityView("live", "complete", 1)),
    ResponseMessage(id=1, data=msgspec.Raw(b"[1]")),
    ErrorMessage(message="no", id=2),
    ErrorMessage(message="no", key=KEY),
    StatusMessage(state="down", message="ill", venue="sim", origin=ORIGIN),
    Heartbeat(),
    Pong(),
    GoneMessage(key=KEY, message="gone"),
)


def fields(kind: type) -> list[str]:
    """Return the names of a message's fields as its JSON schema has them."""
    (_,), found = msgspec.json.schema_components([kind])
    return [*found[kind.__name__]["properties"]]


def test_the_page_reads_no_field_that_its_server_does_not_send_and_sends_what_it_reads(run_module: RunModule) -> None:
    schema = {str(one.__struct_config__.tag): fields(type(one)) for one in SAID}
    said: list[dict[str, Any]] = [
        {**json.loads(msgspec.json.encode(one)), **(COLUMNS if isinstance(one, FrameMessage) else {})} for one in SAID
    ]
    printed = run_module(f"""{LINK}
        const schema = {json.dumps(schema)};
        const columns = {json.dumps([*COLUMNS])};
        const unknown = [];
        const held = (message) => new Proxy(message, {{ get(target, name) {{
            // A key is looked up before the type is known.
            const known = ["key", ...schema[target.type], ...(target.type === "frame" ? columns : [])];
            if (typeof name === "string" && !known.includes(name)) unknown.push(`${{target.type}}.${{name}}`);
            return target[name];
        }} }});
        const answers = [1, 2].map((number) => link.request("symbols", {{ symbols: [`${{number}}`] }}));
        const settled = Promise.allSettled(answers);
        for (const one of {json.dumps(said)}) link.receive(held(one), 1);
        end();
        const states = [link.state, link.hello.origin.source, link.counters.frames, link.counters.resumes];
        console.log(JSON.stringify([unknown, sent, states, (await settled).map((one) => one.status)]));
        process.exit();
    """)
    unknown, sent, states, answers = json.loads(printed)
    assert unknown == []
    assert (states, answers) == (["open", "sim", 3, 1], ["fulfilled", "rejected"])
    assert {"ping", "subscribe", "unsubscribe", "resume", "request"} == {message["type"] for message in sent}
    for message in sent:
        command: PageMessage = msgspec.convert(message, PageMessage)
        beside = {} if not isinstance(command, Request) else {"symbols": message["symbols"]}
        assert {**msgspec.to_builtins(command), **beside} == message, "a field that nobody reads"


def test_every_request_of_the_modules_is_one_that_a_session_answers() -> None:
    found: set[str] = set()
    for path in WIDGETS.rglob("*.js"):
        for what, given in re.findall(r'\.request\("(\w+)", \{([^}]*)\}', path.read_text(encoding="utf-8")):
            names = {part.split(":")[0].strip() for part in given.split(",")}
            parameters = msgspec.structs.fields(REQUESTS[what].parameters)
            assert names <= {field.name for field in parameters}, (path.name, what)
            assert names >= {field.name for field in parameters if field.required}, (path.name, what)
            found.add(what)
    assert found == REQUESTS.keys()


def test_every_message_has_a_type_of_its_own() -> None:
    for union in (PageMessage, ServerMessage):
        kinds = [kind.__struct_config__.tag for kind in get_args(union)]
        assert len(kinds) == len(set(kinds))
