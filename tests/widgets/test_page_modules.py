from __future__ import annotations

import json

import pytest

from orderfox_nb.core.timeframes import TIMEFRAME_US
from orderfox_nb.widgets import Dashboard
from tests.widgets.conftest import RunModule
from tests.widgets.test_javascript import LINK

pytestmark = pytest.mark.widgets

PAGE = """
    globalThis.document = { getElementById: () => null, documentElement: { dataset: {} }, body: { dataset: {} } };
    globalThis.localStorage = { getItem: () => null, setItem() {} };
    globalThis.matchMedia = () => ({ matches: false, addEventListener() {} });
    globalThis.MutationObserver = class { observe() {} disconnect() {} };
    globalThis.location = new URL("http://127.0.0.1/");
    const page = await import("./page_url.js");
"""


def test_only_values_of_the_right_form_are_taken_from_an_address(run_module: RunModule):
    printed = run_module(f"""{PAGE}
        console.log(JSON.stringify([
            page.cleaned({{ symbol: "eth/usdt,<img>,SOLUSDT", rounding: "0.5,-1,1e5", rows: "20", layout: "book" }}, 3),
            page.cleaned({{ symbol: "BTCUSDT,ETHUSDT", rounding: "1,2" }}, 1),
            page.cleaned({{ symbol: "<b>", timeframe: "9x", rounding: "", rows: "7", layout: "constructor" }}, 1),
            page.cleaned(JSON.parse('{{"symbol": 5, "rows": [], "timeframe": null}}'), 1),
        ]));
    """)
    assert json.loads(printed) == [
        {"symbol": ["ETHUSDT", None, "SOLUSDT"], "rounding": ["0.5", None, None], "rows": 20, "layout": "book"},
        {"symbol": ["BTCUSDT"], "rounding": ["1"]},
        {},
        {"symbol": ["5"]},
    ]


def test_the_timeframes_of_an_address_are_those_of_the_wire(run_module: RunModule):
    asked = [*TIMEFRAME_US, "9m", "1y", "01m"]
    printed = run_module(f"""{PAGE}
        console.log(JSON.stringify({json.dumps(asked)}.map((one) => page.cleaned({{ timeframe: one }}, 1).timeframe)));
    """)
    assert json.loads(printed) == [*TIMEFRAME_US, None, None, None]


VIEW = """
    const view = (changes) => ({
        symbol: ["BTCUSDT"], timeframe: "1m", rounding: ["auto"], minimum_size: [0], rows: 20, layout: "default",
        overlays: [], depth_percent: 1, whole_market: false, span: "1h", show_volume: true, show_liquidations: true,
        show_liquidation_average: true, show_lapses: true, ...changes,
    });
"""


def test_a_view_as_code_names_only_what_is_not_by_itself(run_module: RunModule):
    printed = run_module(f"""{PAGE}{VIEW}
        const many = view({{
            symbol: ["BTCUSDT", "ETHUSDT"], rounding: ["auto", "0.5"], minimum_size: [0, 0.25], layout: "chart",
        }});
        console.log(JSON.stringify([page.viewCode(view()), page.viewCode(many), page.viewTexts(many)]));
    """)
    plain, many, texts = json.loads(printed)
    assert plain.splitlines()[-1] == 'Dashboard(symbol="BTCUSDT", timeframe="1m", rows=20)'
    assert many.splitlines()[-1] == (
        'Dashboard(symbols=["BTCUSDT", "ETHUSDT"], timeframe="1m", rounding=["auto", "0.5"], rows=20, '
        'minimum_size=[0, 0.25], layout="chart")'
    )
    assert texts == {
        "symbol": "BTCUSDT,ETHUSDT", "timeframe": "1m", "rounding": "auto,0.5", "minimum_size": "0,0.25", "rows": "20",
        "layout": "chart",
    }  # fmt: skip


def test_two_dashboards_of_a_page_keep_their_views_apart_in_its_address(run_module: RunModule):
    printed = run_module(f"""{PAGE}{VIEW}
        globalThis.history = {{ replaceState: (state, title, url) => (location = new URL(url)) }};
        const of = (symbol, layout) => view({{
            symbol, timeframe: "5m", rounding: symbol.map(() => "auto"), minimum_size: symbol.map(() => 0), layout,
        }});
        page.addressPrefix("dashboard");
        page.keep("second one", of(["ETHUSDT", "SOLUSDT"], "book"));
        page.keep("dashboard", of(["BTCUSDT"], "chart"));
        const asked = () => [page.fromUrl("dashboard", 1), page.fromUrl("second one", 2), page.fromUrl("third", 1)];
        const both = asked();
        page.keep("second one", of(["ETHUSDT", "SOLUSDT"], "default"));
        console.log(JSON.stringify([both, asked().map(({{ layout }}) => layout ?? null)]));
    """)
    (first, second, third), layouts = json.loads(printed)
    assert first == {"symbol": ["BTCUSDT"], "rounding": ["auto"], "timeframe": "5m", "layout": "chart", "rows": 20}
    assert (second["symbol"], second["layout"]) == (["ETHUSDT", "SOLUSDT"], "book")
    assert third == {}
    assert layouts == ["chart", None, None]


def test_a_copied_link_leaves_the_server_s_token_out(run_module: RunModule):
    printed = run_module(f"""{PAGE}
        globalThis.location = new URL("http://127.0.0.1/desk/?token=secret&symbol=BTCUSDT,ETHUSDT&zone=utc#top");
        console.log(page.viewLink());
    """)
    assert printed.strip() == "http://127.0.0.1/desk/?symbol=BTCUSDT,ETHUSDT&zone=utc#top"


def test_two_pickers_do_not_overwrite_each_other_s_favourites(run_module: RunModule):
    printed = run_module("""
        const held = new Map();
        let full = false;
        globalThis.localStorage = {
            getItem: (name) => held.get(name) ?? null,
            setItem(name, text) { if (full) throw new Error("quota"); held.set(name, text); },
        };
        const { keepFavourites, readFavourites, toggled } = await import("./symbol_list.js");
        let [one, other] = [["SOLUSDT"], ["SOLUSDT"]];
        keepFavourites(one);
        keepFavourites((one = toggled(one, "BTCUSDT")));
        keepFavourites((other = toggled(other, "ETHUSDT")));
        const seen = [readFavourites()];
        keepFavourites((one = toggled(one, "BTCUSDT")));
        keepFavourites((other = toggled(other, "XRPUSDT")));
        seen.push(readFavourites()); // what one has let go does not come back with the other
        held.clear();
        full = true;
        keepFavourites((one = toggled(one, "ETHUSDT")));
        seen.push(one);
        console.log(JSON.stringify(seen));
    """)
    assert json.loads(printed) == [
        ["SOLUSDT", "BTCUSDT", "ETHUSDT"], ["SOLUSDT", "ETHUSDT", "XRPUSDT"], ["SOLUSDT"],
    ]  # fmt: skip


CHOSEN = {
    "timeframe": "15m", "rows": 10, "overlays": ["vwap", "ema20"], "depth_percent": 0.25, "whole_market": True,
    "span": "15m", "show_volume": False, "show_liquidations": False, "show_liquidation_average": False,
    "show_lapses": False, "layout": "book", "symbol": ["ETHUSDT"], "rounding": ["0.5"], "minimum_size": [0.125],
}  # fmt: skip


def test_everything_that_is_chosen_comes_back_from_the_code_and_from_the_address(run_module: RunModule):
    printed = run_module(f"""{PAGE}{VIEW}
        const chosen = view({json.dumps(CHOSEN)});
        console.log(JSON.stringify([page.viewCode(chosen), page.cleaned(page.viewTexts(chosen), 1)]));
    """)
    code, back = json.loads(printed)
    assert back == CHOSEN
    made = eval(code.strip().splitlines()[-1], {"Dashboard": Dashboard})
    state = made.page_state
    lists = {"symbol": state.symbols, "rounding": state.roundings, "minimum_size": state.minimum_sizes}
    named = {name: lists.get(name, getattr(made, name, made.arrangement)) for name in CHOSEN}
    assert {**named, "layout": made.arrangement} == CHOSEN
    assert (made.chart.overlays, made.chart.show_lapses, made.depth.percent) == (["vwap", "ema20"], False, 0.25)
    assert (made.tape.minimum_size, made.liquidations.whole_market, made.liquidations.span) == (0.125, True, "15m")


def test_what_a_cell_gave_is_said_in_the_address_also_where_it_was_chosen_away(run_module: RunModule):
    printed = run_module(f"""{PAGE}{VIEW}
        const texts = page.viewTexts(view(), new Set(["overlays", "minimum_size", "whole_market"]));
        console.log(JSON.stringify(page.cleaned(texts, 1)));
    """)
    back = json.loads(printed)
    assert (back["overlays"], back["minimum_size"], back["whole_market"]) == ([], [0], False)


@pytest.mark.parametrize("bad", ["ema1", "ema501", "vwap,", "vwap,<b>", "ema020", "sma20", ",vwap"])
def test_overlays_of_an_address_are_those_of_the_chart(run_module: RunModule, bad: str):
    printed = run_module(f"""{PAGE}
        const overlays = (text) => page.cleaned({{ overlays: text }}, 1).overlays ?? null;
        console.log(JSON.stringify([overlays({json.dumps(bad)}), overlays("vwap,ema2,bollinger500")]));
    """)
    assert json.loads(printed) == [None, ["vwap", "ema2", "bollinger500"]]


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


def test_a_server_that_takes_the_question_and_never_answers_is_nobody_within_seconds(run_module: RunModule):
    printed = run_module("""
        import { createServer } from "node:http";
        const { serverAnswers } = await import("./transport.js");
        const answers = {
            "/silent/": () => {},
            "/half/": (answer) => answer.writeHead(200).write('{"service": '),
            "/ours/": (answer) => answer.end('{"service": "orderfox"}'),
            "/other/": (answer) => answer.writeHead(404).end("<html>"),
            "/proxy/": (answer) => answer.writeHead(502).end("<html>"),
        };
        const server = createServer(({ url }, answer) => answers[url.replace("api/v1/health", "")](answer));
        await new Promise((done) => server.listen(0, "127.0.0.1", done));
        const base = `http://127.0.0.1:${server.address().port}`;
        const told = {};
        for (const path of ["/ours/", "/other/", "/proxy/"]) told[path] = await serverAnswers(`${base}${path}`);
        // The bound itself is real; only its seconds pass fifty times as fast.
        const bound = AbortSignal.timeout;
        AbortSignal.timeout = (ms) => bound(ms / 50);
        const unbounded = new Promise((done) => setTimeout(done, 5_000, "no answer"));
        for (const path of ["/silent/", "/half/"]) {
            told[path] = await Promise.race([serverAnswers(`${base}${path}`), unbounded]);
        }
        console.log(JSON.stringify(told));
        process.exit(0);
    """)
    assert json.loads(printed) == {
        "/ours/": "ours", "/other/": "another", "/proxy/": "nobody", "/silent/": "nobody", "/half/": "nobody",
    }  # fmt: skip


def test_a_tape_that_is_held_keeps_no_more_than_its_length_and_counts_what_it_missed(run_module: RunModule):
    printed = run_module("""
        globalThis.document = { getElementById: () => null };
        const { Kept } = await import("./tape.js");
        const kept = new Kept();
        const frame = (from) => {
            const ids = Array.from({ length: 50 }, (_, at) => from + at);
            return [ids, ids, ids, ids.map((id) => id % 2), ids];
        };
        kept.take(frame(0), 0, 50);
        kept.hold(true);
        for (let at = 10; at <= 1000; at += 10) kept.take(frame(at), 1, 50);
        const held = [kept.rows.length, kept.missed, kept.rows.at(-1)[0]];
        kept.hold(false);
        console.log(JSON.stringify([held, kept.missed]));
    """)
    assert json.loads(printed) == [[50, 500, 1049], 0]


def test_trades_that_never_came_leave_a_mark_between_those_before_and_after(run_module: RunModule):
    printed = run_module("""
        globalThis.document = { getElementById: () => null };
        const { GAP, Kept } = await import("./tape.js");
        const kept = new Kept();
        const take = (ids, size = 9) => kept.take([ids, ids, ids, ids.map(() => size), ids], 5, 6);
        const shown = () => kept.rows.map(([id, time]) => (time === GAP ? `after ${id}` : id));
        const seen = [];
        for (const ids of [[23, 24], [24, 25], [26, 27], [40, 41], [42]]) seen.push((take(ids), shown()));
        // Between trades that do not pass the filter a second mark would say nothing new.
        take([60, 61], 1);
        take([70], 1);
        take([80]);
        console.log(JSON.stringify([seen, shown()]));
    """)
    seen, last = json.loads(printed)
    assert seen == [
        [23, 24],
        [23, 24, 25],
        [23, 24, 25, 26, 27],
        [25, 26, 27, "after 27", 40, 41],
        [26, 27, "after 27", 40, 41, 42],
    ]
    assert last == ["after 27", 40, 41, 42, "after 42", 80]
