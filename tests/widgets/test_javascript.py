from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from orderfox_nb.widgets.esm import module_text, style_text
from tests.conftest import missing
from tests.widgets.conftest import WIDGETS, RunModule

pytestmark = pytest.mark.widgets

ROOT = Path(__file__).parents[2]
ENTRIES = [path.name for path in sorted(WIDGETS.glob("*.js")) if "export default" in path.read_text(encoding="utf-8")]


@pytest.mark.parametrize("name", ENTRIES)
def test_a_joined_module_is_one_module_that_imports_nothing(name: str):
    node = shutil.which("node")
    if node is None:
        pytest.skip("node is not installed")
    text = module_text(name)
    assert text.count("export default") == 1
    assert not any(line.startswith(("import ", "export function", "export class")) for line in text.splitlines())
    # Also finds two files that declare one name: they share a scope once they are joined.
    done = subprocess.run(
        [node, "--input-type=module", "--check"], input=text, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr


def test_modules_come_after_what_they_import():
    text = module_text("order_book.js")
    positions = [text.index(f"// {name}\n") for name in ("fold.js", "link.js", "panel.js", "order_book.js")]
    assert positions == sorted(positions)


def test_a_style_begins_with_the_tokens():
    text = style_text("order_book.css")
    assert text.index("--of-bid") < text.index(".of-ladder")


def test_nothing_is_asked_of_another_host_and_no_text_becomes_html():
    for path in (*WIDGETS.glob("*.js"), *WIDGETS.glob("*.css"), *WIDGETS.parent.glob("labextension/**/*.js")):
        text = path.read_text(encoding="utf-8")
        for forbidden in ("http://", "https://", "//cdn", "innerHTML", "insertAdjacentHTML", "@import", "eval("):
            assert forbidden not in text, f"{forbidden} in {path.name}"


def test_the_linter_has_nothing_to_say():
    linter = ROOT / "node_modules" / ".bin" / "eslint"
    if not linter.exists():
        missing("eslint", "npm ci has not been run: eslint is not there")
    done = subprocess.run(
        [str(linter), "orderfox_nb"], cwd=ROOT, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stdout


def test_numbers_are_written_digit_by_digit(run_module: RunModule):
    printed = run_module("""
        import * as format from "./format.js";
        console.log(JSON.stringify([
            format.unitsText(616597, 1), format.unitsText(5, 3), format.unitsText(-25, 1), format.unitsText(61676, 0),
            format.unitsText(23419, 3), format.roundedText(7849, 3), format.priceText(0.00000123, 8),
            format.priceText(61659.7, 1), format.shortText(12590000000), format.shortText(1000),
            format.shortText(12.3), format.percentText(0.0184), format.percentText(0.0001, 4, false),
            format.countdownText(8047000), format.countdownText(23000), format.shortText(null),
            format.shortText(999999.9), format.shortText(999994), format.shortText(-999999999),
            format.shortText(996000), format.shortText(999.996), format.shortText(999.96, 1),
        ]));
    """)
    assert json.loads(printed) == [
        "61,659.7", "0.005", "-2.5", "61,676", "23.419", "7.85", "0.00000123", "61,659.7",
        "12.59B", "1.00K", "12.30", "+1.84 %", "0.0100 %", "02:14:07", "00:23", "–",
        "1.00M", "999.99K", "-1.00B", "996.00K", "1.00K", "1.0K",
    ]  # fmt: skip


def test_a_trades_delta_appends_and_the_oldest_go(run_module: RunModule):
    printed = run_module("""
        import { foldFrame } from "./fold.js";
        const full = { sequence: 1, trades: [[1, 2], [10, 20], [100, 100], [5, 6], [1, -1]] };
        const delta = { sequence: 2, base: 1, trades: [[3, 4], [30, 40], [101, 102], [7, 8], [1, 1]] };
        const after = foldFrame("trades", { rows: 3 }, full, delta);
        console.log(JSON.stringify([after.trades, after.sequence, full.trades[0]]));
    """)
    trades, sequence, untouched = json.loads(printed)
    assert trades == [[2, 3, 4], [20, 30, 40], [100, 101, 102], [6, 7, 8], [-1, 1, 1]]
    assert (sequence, untouched) == (2, [1, 2])


def test_a_candles_delta_replaces_corrects_and_appends_both_column_sets(run_module: RunModule):
    printed = run_module("""
        import { foldFrame } from "./fold.js";
        const bars = (times, value) => [times, ...[0, 1, 2, 3, 4].map((n) => times.map(() => value + n))];
        const volumes = (times, value) => [times, ...[0, 1, 2, 3].map((n) => times.map(() => value + n))];
        const full = { bars: bars([60, 120, 180], 10), liquidations: volumes([60, 120, 180], 1) };
        const delta = { base: 1, bars: bars([120, 180, 240], 20), liquidations: volumes([120, 180, 240], 5) };
        const after = foldFrame("candles", { bars: 3 }, full, delta);
        console.log(JSON.stringify([after.bars[0], after.bars[1], after.liquidations[0], after.liquidations[1]]));
    """)
    assert json.loads(printed) == [[120, 180, 240], [20, 20, 20], [120, 180, 240], [5, 5, 5]]


def test_prices_stay_inside_their_pane(run_module: RunModule):
    printed = run_module("""
        import { visibleBars } from "./candle_paint.js";
        import { panesOf } from "./candle_panes.js";
        import { paneRange, plotDomain } from "./price_scale.js";
        const panes = panesOf({});
        const domain = plotDomain([100, 200], panes);
        console.log(JSON.stringify([
            domain[0] < 100, domain[1] > 200, paneRange(domain, panes).map((price) => Math.round(price * 1e6) / 1e6),
            visibleBars([0, 60, 120, 180], 60, 150),
        ]));
    """)
    assert json.loads(printed) == [True, True, [100, 200], [1, 2]]


def test_a_search_finds_beginnings_first_and_in_any_form(run_module: RunModule):
    printed = run_module("""
        globalThis.document = { getElementById: () => null };
        const { matchSymbols } = await import("./symbol_list.js");
        const symbols = [["BTCUSDT", "WBTCUSDT", "ETHUSDT", "BTCUSDC"]];
        console.log(JSON.stringify([matchSymbols(symbols, "btc"), matchSymbols(symbols, "eth/usdt"),
            matchSymbols(symbols, "x"), matchSymbols(symbols, "").length]));
    """)
    assert json.loads(printed) == [[0, 3, 1], [2], [], 4]


def test_keys_have_their_parameters_in_alphabetical_order(run_module: RunModule):
    printed = run_module("""
        const { subscriptionText } = await import("./link.js");
        console.log(subscriptionText({ symbol: "BTCUSDT", stream: "book", parameters: { rows: 20, rounding: "0.5" } }));
    """)
    assert printed.strip() == "BTCUSDT/book?rounding=0.5&rows=20"


LINK = """
    // The page's surroundings as far as the link uses them; frames are painted when the test says so.
    const frames = [];
    globalThis.requestAnimationFrame = (paint) => frames.push(paint);
    globalThis.document = { hidden: false, getElementById: () => null };
    const paint = () => frames.splice(0).forEach((one) => one());
    const { Link } = await import("./link.js");
    const link = new Link(null);
    const sent = [];
    link.transport = { send: (message) => sent.push(message), close() {} };
    const hello = { type: "hello", wire: 1, venue: "sim", time: 0, origin: {} };
    link.receive(hello, 0);
    const seen = [];
    const request = { symbol: "BTCUSDT", stream: "trades", parameters: { rows: 50 } };
    const key = "sim/BTCUSDT/trades?rows=50";
    const end = link.subscribe(request, { paint: ({ frame }) => seen.push(frame.trades[0].at(-1)) });
    const message = (sequence, base, ids) =>
        link.receive({ type: "frame", key, sequence, base, time: 0, trades: [ids, ids, ids, ids, ids] }, 1);
"""


def test_every_message_is_folded_and_only_the_paint_waits(run_module: RunModule):
    printed = run_module(f"""{LINK}
        message(1, null, [1]); message(2, 1, [2]); message(3, 2, [3]);
        const before = seen.length;
        paint();
        console.log(JSON.stringify([before, seen, link.counters.frames, link.counters.paints, sent]));
    """)
    before, seen, frames, paints, sent = json.loads(printed)
    assert (before, seen, frames, paints) == (0, [3], 3, 1)
    assert sent == [{"type": "ping"}, {"type": "subscribe", "key": "sim/BTCUSDT/trades?rows=50"}]


def test_a_delta_of_another_base_is_not_folded_and_asks_once_for_a_full_frame(run_module: RunModule):
    printed = run_module(f"""{LINK}
        message(1, null, [1]); message(5, 4, [5]); message(6, 5, [6]); paint();
        message(7, null, [7]); message(8, 7, [8]); paint();
        console.log(JSON.stringify([seen, sent.filter((one) => one.type === "resume").length]));
    """)
    assert json.loads(printed) == [[8], 1]


def test_after_a_reconnection_every_key_is_asked_for_again(run_module: RunModule):
    printed = run_module(f"""{LINK}
        message(1, null, [1]);
        sent.length = 0;
        link.receive({{ ...hello, venue: "binance" }}, 0);
        console.log(JSON.stringify(sent.filter((one) => one.type !== "ping")));
    """)
    assert json.loads(printed) == [{"type": "subscribe", "key": "binance/BTCUSDT/trades?rows=50"}]


def test_two_views_share_a_key_and_the_last_one_ends_it(run_module: RunModule):
    printed = run_module(f"""{LINK}
        const endOther = link.subscribe(request, {{ paint: () => seen.push("other") }});
        message(1, null, [1]); paint();
        end();
        const between = sent.length;
        endOther();
        message(2, 1, [2]); paint();
        console.log(JSON.stringify([seen, between, sent.map((one) => one.type)]));
    """)
    assert json.loads(printed) == [[1, "other"], 2, ["ping", "subscribe", "unsubscribe"]]


def test_lag_is_measured_against_the_quickest_frame_whatever_the_clocks_say(run_module: RunModule):
    printed = run_module("""
        const { Lag } = await import("./lag.js");
        const lag = new Lag();
        lag.reset(500);
        lag.roundTrip = 4;
        const offsets = [lag.offset];
        for (const age of [981, 981, 1001]) { lag.frame(age); offsets.push(lag.offset); }
        console.log(JSON.stringify([offsets, lag.ms]));
    """)
    assert json.loads(printed) == [[500, 981, 981, 981], 3]


def test_a_server_of_another_wire_version_asks_for_a_reload(run_module: RunModule):
    printed = run_module(f"""{LINK}
        link.receive({{ ...hello, wire: 2 }}, 0);
        console.log(link.state, link.detail);
    """)
    assert printed.strip() == "reload This page is older than its server: reload it"
