"""The page's link and the kernel sessions behind it, in Node."""

from __future__ import annotations

import json

import pytest

from tests.widgets.conftest import RunModule
from tests.widgets.test_javascript import LINK

pytestmark = pytest.mark.widgets


KERNEL = """
    const { watchKernel } = await import("./kernel.js");
    const signal = () => ({ slots: new Set(), connect(slot) { this.slots.add(slot); },
        disconnect(slot) { this.slots.delete(slot); }, emit() { [...this.slots].forEach((slot) => slot()); } });
    const kernel = { id: "a", status: "idle", connectionStatus: "connected",
        statusChanged: signal(), connectionStatusChanged: signal() };
    const manager = { kernel };
    let clock = 0;
    performance.now = () => clock;
    let served = true;
    const seen = [];
    const pump = { comm_live: true };
    const told = (state) => seen.at(-1) !== state && seen.push(state);
    const end = watchKernel({ manager, pump, served: () => served }, told);
    const is = (changes, later = 0) => {
        clock += later;
        Object.assign(kernel, changes);
        kernel.statusChanged.emit();
    };
"""


def test_a_kernel_that_works_long_is_busy_and_one_that_ended_stays_dead(run_module: RunModule):
    printed = run_module(f"""{KERNEL}
        is({{ status: "busy" }}); is({{}}, 500); is({{ status: "idle" }});
        is({{ status: "busy" }}); is({{}}, 1500); is({{ status: "idle" }});
        is({{ status: "autorestarting" }}); is({{ status: "idle" }});
        end();
        console.log(JSON.stringify([seen, kernel.statusChanged.slots.size, kernel.connectionStatusChanged.slots.size]));
    """)
    assert json.loads(printed) == [["idle", "busy", "idle", "dead"], 0, 0]


def test_a_kernel_out_of_reach_is_dead_only_where_the_server_answers(run_module: RunModule):
    printed = run_module(f"""{KERNEL}
        served = false;
        is({{ connectionStatus: "connecting" }}); is({{}}, 60000);
        served = true;
        is({{}}, 10); is({{}}, 2000);
        const before = seen.slice();
        is({{}}, 3000);
        end();
        console.log(JSON.stringify([before, seen]));
    """)
    assert json.loads(printed) == [["idle"], ["idle", "dead"]]


def test_sessions_of_one_kernel_before_and_after_its_restart_are_told_apart(run_module: RunModule):
    printed = run_module(f"""{KERNEL}
        const {{ Sessions }} = await import("./kernel.js");
        const all = [];
        const sessions = new Sessions(() => true, ({{ state }}) => all.push(state));
        const before = sessions.hold(pump, manager);
        const twice = sessions.hold(pump, manager) === before;
        is({{ status: "restarting" }}); pump.comm_live = false; is({{ status: "idle" }});
        const after = sessions.hold({{ comm_live: true }}, manager);
        const copied = sessions.hold({{ comm_live: false }}, manager); // of an output that is shown once more
        is({{}}, 5000);
        const states = [before, after, copied].map(({{ state }}) => state);
        const chosen = sessions.pump === after.pump;
        for (const one of [before, before, after, copied]) sessions.release(one);
        end();
        const left = sessions.known.size + kernel.statusChanged.slots.size;
        console.log(JSON.stringify([twice, states, chosen, all, left]));
    """)
    assert json.loads(printed) == [True, ["dead", "idle", "dead"], True, ["idle", "dead", "idle", "dead"], 0]


def test_a_server_at_its_limit_is_quoted_and_tried_again_later(run_module: RunModule):
    printed = run_module(f"""{LINK}
        const waits = [];
        globalThis.setTimeout = (work, ms) => waits.push(ms);
        link.receive({{ type: "error", message: "This server has 2 viewers and takes no more" }}, 0);
        link.lost(1013, "busy");
        const first = [link.state, link.detail];
        link.lost(1006, "");
        console.log(JSON.stringify([first, link.state, waits.map((ms) => ms >= 7500)]));
        process.exit(0);
    """)
    assert json.loads(printed) == [
        ["refused", "This server has 2 viewers and takes no more"],
        "reconnecting",
        [True, False],
    ]


def test_a_dead_kernel_ends_its_comm_at_once_and_is_not_asked_again(run_module: RunModule):
    printed = run_module(f"""{LINK}
        const pump = {{ comm_live: true, on() {{}}, send() {{ throw new Error("asked"); }} }};
        const session = link.sessions.hold(pump, null);
        link.transport = {{ kind: "comm", pump, send() {{}}, close() {{}} }};
        session.state = "dead";
        link.kernelChanged(session);
        const state = link.state;
        await link.connect();
        console.log(state, link.state, link.transport);
        process.exit(0);
    """)
    assert printed.split() == ["reconnecting", "reconnecting", "null"]


ACQUIRED = f"""{LINK}
    Object.assign(globalThis.document, {{ addEventListener() {{}}, removeEventListener() {{}} }});
    globalThis.addEventListener = globalThis.removeEventListener = () => {{}};
    link.transport = null;
    const asked = [];
    const nothing = {{ comm_live: true, on() {{}}, off() {{}} }};
    const pump = (name) => ({{ ...nothing, send: ({{ type }}) => asked.push(`${{name}} ${{type}}`) }});
"""


def test_frames_go_on_by_another_kernel_when_the_views_of_one_are_closed(run_module: RunModule):
    printed = run_module(f"""{ACQUIRED}
        const one = link.acquire(pump("one"), null);
        const other = link.acquire(pump("other"), null);
        await Promise.resolve();
        link.release(one);
        await Promise.resolve();
        link.receive(hello, 0);
        console.log(JSON.stringify(asked));
        process.exit(0);
    """)
    asked = json.loads(printed)
    assert asked == ["one hello", "one unsubscribe", "other hello", "other ping", "other subscribe"]


def test_a_socket_that_answers_no_ping_is_given_up_and_a_busy_kernel_s_comm_is_not(run_module: RunModule):
    printed = run_module(f"""{LINK}
        let clock = 0;
        performance.now = () => clock;
        globalThis.setTimeout = () => 0;
        const after = (kind, answered, ticks) => {{
            link.transport = {{ kind, send() {{}}, close() {{}} }};
            link.state = "open";
            link.pulse.begin();
            for (let at = 0; at < ticks; at++) {{
                clock += 5000;
                link.checkPulse();
                if (answered) link.receive({{ type: "pong" }}, 0);
            }}
            return link.state;
        }};
        console.log(JSON.stringify([
            after("socket", true, 20), after("socket", false, 2), after("socket", false, 3),
            after("comm", false, 8), after("comm", false, 9),
        ]));
    """)
    assert json.loads(printed) == ["open", "open", "reconnecting", "open", "reconnecting"]


def test_after_a_restart_a_cell_that_runs_again_has_its_frames_by_the_new_kernel(run_module: RunModule):
    printed = run_module(f"""{ACQUIRED}
        const signal = () => ({{ slots: [], connect(slot) {{ this.slots.push(slot); }}, disconnect() {{}} }});
        const kernel = {{ id: "a", status: "idle", connectionStatus: "connected",
            statusChanged: signal(), connectionStatusChanged: signal() }};
        const before = pump("before");
        link.acquire(before, {{ kernel }});
        link.acquire(before, {{ kernel }});
        await Promise.resolve();
        link.receive(hello, 0);
        before.comm_live = false; // JupyterLab's manager says so of every model, then tells of the restart
        kernel.status = "restarting";
        kernel.statusChanged.slots.forEach((slot) => slot());
        kernel.status = "idle";
        asked.length = 0;
        link.acquire(pump("after"), {{ kernel }});
        await Promise.resolve();
        link.receive(hello, 0);
        console.log(JSON.stringify(asked));
        process.exit(0);
    """)
    assert json.loads(printed) == ["after hello", "after ping", "after subscribe"]


def test_views_that_come_after_a_hidden_tab_closed_its_last_one_get_frames(run_module: RunModule):
    printed = run_module(f"""{ACQUIRED}
        const session = link.acquire(pump("one"), null);
        await Promise.resolve();
        link.receive(hello, 0);
        link.pause();
        link.release(session);
        asked.length = 0;
        link.acquire(pump("one"), null);
        await Promise.resolve();
        link.receive(hello, 0);
        console.log(JSON.stringify(asked));
        process.exit(0);
    """)
    assert json.loads(printed) == ["one hello", "one ping", "one subscribe"]


def test_a_tab_that_is_opened_in_the_background_takes_no_frames_until_it_is_shown(run_module: RunModule):
    printed = run_module(f"""{ACQUIRED}
        const waits = [];
        globalThis.setTimeout = (work) => waits.push(work);
        document.hidden = true;
        link.acquire(pump("one"), null);
        await Promise.resolve();
        waits.splice(0).forEach((work) => work());
        link.receive(hello, 0);
        const hidden = asked.splice(0).includes("one subscribe");
        document.hidden = false;
        link.visibilityChanged();
        console.log(JSON.stringify([hidden, asked.includes("one subscribe")]));
        process.exit(0);
    """)
    assert json.loads(printed) == [False, True]


def test_who_answers_below_the_base_and_what_the_page_sends_to_learn_it(run_module: RunModule):
    printed = run_module("""
        import { createServer } from "node:http";
        globalThis.document = { cookie: 'other_xsrf=no; _xsrf=of-this-path; _xsrf=of-the-hub' };
        const { askServer } = await import("./transport.js");
        const ours = { "X-OrderFox": "1" };
        const answers = {
            "/silent/": () => {},
            "/half/": (answer) => answer.writeHead(200).write('{"service": '),
            "/ours/": (answer) => answer.end('{"service": "orderfox"}'),
            "/degraded/": (answer) => answer.writeHead(503, ours).end('{"service": "orderfox", "detail": "down"}'),
            "/barred/": (answer) => answer.writeHead(403, ours).end('{"detail": "log in", "status_code": 403}'),
            "/other/": (answer) => answer.writeHead(404).end("<html>"),
            "/refused/": (answer) => answer.writeHead(403).end('{"message": "Forbidden"}'),
            "/proxy/": (answer) => answer.writeHead(502).end("<html>"),
            "/hub/": (answer) => answer.writeHead(424).end('{"message": "alice is not running"}'),
        };
        const sent = new Set();
        const server = createServer(({ url, headers }, answer) => {
            sent.add(headers["x-xsrftoken"]);
            answers[url.replace("api/v1/health", "")](answer);
        });
        await new Promise((done) => server.listen(0, "127.0.0.1", done));
        const base = `http://127.0.0.1:${server.address().port}`;
        const found = {};
        const ask = async (path) => Object.values(await askServer(`${base}${path}`)).join(": ");
        for (const path of Object.keys(answers).slice(2)) found[path] = await ask(path);
        // The bound itself is real; only its seconds pass fifty times as fast.
        const bound = AbortSignal.timeout;
        AbortSignal.timeout = (ms) => bound(ms / 50);
        const unbounded = new Promise((done) => setTimeout(done, 5_000, "no answer"));
        for (const path of ["/silent/", "/half/"]) found[path] = await Promise.race([ask(path), unbounded]);
        console.log(JSON.stringify([found, [...sent]]));
        process.exit(0);
    """)
    found, sent = json.loads(printed)
    assert found == {
        "/ours/": "ours", "/degraded/": "ours", "/barred/": "barred: log in", "/other/": "another",
        "/refused/": "another", "/proxy/": "nobody", "/hub/": "nobody", "/silent/": "nobody", "/half/": "nobody",
    }  # fmt: skip
    assert sent == ["of-this-path"]


def test_a_websocket_that_is_refused_twice_while_the_server_answers_is_explained(run_module: RunModule):
    printed = run_module(f"""{LINK}
        globalThis.location = {{ origin: "https://desk.example" }};
        globalThis.setTimeout = () => 0;
        const states = [];
        for (const opened of [false, true, false, false]) {{
            link.transport = {{ kind: "socket", opened, send() {{}}, close() {{}} }};
            link.lost(1006, "");
            states.push(link.state);
        }}
        console.log(JSON.stringify([states, link.detail]));
        process.exit(0);
    """)
    states, detail = json.loads(printed)
    assert states == ["reconnecting", "reconnecting", "reconnecting", "refused"]
    assert "CORS_ORIGINS must list https://desk.example" in detail
    assert "Host" in detail
