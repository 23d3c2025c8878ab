"""The candle chart's modules on their own, in Node: what is computed from bars, frames and the viewer's moves."""

from __future__ import annotations

import itertools
import json
import random
from statistics import fmean, pstdev

import pytest

from tests.widgets.conftest import RunModule, run_json

pytestmark = pytest.mark.widgets

RANDOM = random.Random(7)
CLOSES = [round(68_000 + RANDOM.uniform(-300, 300), 1) for _ in range(120)]


def test_an_exponential_average_begins_when_it_has_its_bars(run_module: RunModule):
    line = run_json(
        run_module,
        f"""import {{ emaLine }} from "./candle_lines.js";
        console.log(JSON.stringify([...emaLine({CLOSES}, 20)]));""",
    )
    assert isinstance(line, list)
    average = CLOSES[0]
    for at, close in enumerate(CLOSES):
        average += (close - average) * 2 / 21
        if at < 19:
            assert line[at] is None
        else:
            assert line[at] == pytest.approx(average, rel=1e-12)


def test_bollinger_lines_are_two_deviations_beside_the_mean(run_module: RunModule):
    lines = run_json(
        run_module,
        f"""import {{ bollingerLines }} from "./candle_lines.js";
        console.log(JSON.stringify(bollingerLines({CLOSES}, 20).map((line) => [...line])));""",
    )
    assert isinstance(lines, list)
    middle, upper, lower = lines
    assert middle[:19] == [None] * 19
    for at in range(19, len(CLOSES)):
        window = CLOSES[at - 19 : at + 1]
        assert middle[at] == pytest.approx(fmean(window), rel=1e-12)
        assert upper[at] == pytest.approx(fmean(window) + 2 * pstdev(window), rel=1e-9)
        assert lower[at] == pytest.approx(fmean(window) - 2 * pstdev(window), rel=1e-9)


def test_a_vwap_starts_again_with_each_utc_day_and_says_where(run_module: RunModule):
    day = 86_400
    times = [day - 120, day - 60, day, day + 60]
    bars = [times, [9, 9, 9, 9], [12, 21, 33, 42], [9, 18, 27, 36], [9, 21, 30, 42], [1, 3, 0, 2]]
    line, begins, title, partial = run_json(  # type: ignore[misc]
        run_module,
        f"""import {{ overlayLines, vwapLine }} from "./candle_lines.js";
        const {{ line, begins }} = vwapLine({bars}, 60);
        const late = {bars}.map((column) => column.slice(3));
        const titles = [{bars}, late].map((bars) => overlayLines(["vwap"], bars, 60)[0].title);
        console.log(JSON.stringify([[...line], [...begins], ...titles]));""",
    )
    assert line == [10, pytest.approx((10 + 3 * 20) / 4), None, 40]
    assert begins == [0, 2]
    assert title == "VWAP"
    assert partial.startswith("VWAP since ")


@pytest.mark.parametrize("name", ["ema", "vwap5", "sma20", "ema20 ", "bollinger", "<b>"])
def test_a_name_that_is_no_overlay_draws_nothing(run_module: RunModule, name: str):
    printed = run_json(
        run_module,
        f"""import {{ overlayLines }} from "./candle_lines.js";
        console.log(JSON.stringify(overlayLines([{json.dumps(name)}], [[], [], [], [], [], []], 60)));""",
    )
    assert printed == []


def test_a_liquidation_bar_tells_total_shares_and_net(run_module: RunModule):
    printed = run_json(
        run_module,
        """import { liquidationText } from "./candle_over.js";
        const columns = [[0, 60], [7500, 0], [2500, 0], [1, 1], [3, 0]];
        console.log(JSON.stringify([liquidationText(columns, 0), liquidationText(columns, 1)]));""",
    )
    assert printed == [
        [
            "Liquidated 10.00K",
            [
                ["shorts", "7.50K · 75.0 %", "of-bid"],
                ["longs", "2.50K · 25.0 %", "of-ask"],
                ["net", "+5.00K", "of-bid"],
                ["orders", "3", ""],
            ],
        ],
        None,
    ]


def test_an_unknown_past_of_liquidations_is_said_beside_their_bars(run_module: RunModule):
    titles = run_json(
        run_module,
        """import { liquidationTitle } from "./candle_panes.js";
        console.log(JSON.stringify(["complete", "missing", "none"].map(liquidationTitle)));""",
    )
    whole = "Liquidations, shorts − longs"
    assert titles == [whole, f"{whole} · only what was seen live", f"{whole} · only what was seen live"]


def test_a_chart_that_is_not_displayed_looks_for_its_figure_once_in_a_while(run_module: RunModule):
    hidden, found, left = run_json(  # type: ignore[misc]
        run_module,
        """
        let clock = 0;
        let timers = [];
        globalThis.setTimeout = (work, ms) => timers.push({ work, at: clock + ms });
        globalThis.clearTimeout = (number) => (timers = timers.map((one, at) => (at === number - 1 ? null : one)));
        const observers = new Set();
        globalThis.ResizeObserver = class {
            constructor(tell) { this.tell = tell; }
            observe() { observers.add(this); }
            disconnect() { observers.delete(this); }
        };
        const settle = async () => { for (let at = 0; at < 20; at++) await null; };
        const pass = async (ms) => {
            for (const until = clock + ms; clock < until; clock += 10) {
                timers.forEach((one, at) => one && one.at <= clock && ((timers[at] = null), one.work()));
                await settle();
            }
        };
        const { findFigureView } = await import("./figure_canvas.js");
        const view = { el: {}, rendered: true, plotareaWidth: 300 };
        let looks = 0;
        let shown = false;
        const figure = { views: {} };
        const chart = { contains: () => true };
        const el = { closest: () => (looks++, chart), getClientRects: () => (shown ? [{}] : []) };
        let found = null;
        findFigureView(figure, el, () => false).then((one) => (found = one));
        await pass(9_000);
        const hidden = looks;
        shown = true;
        observers.forEach((one) => one.tell());
        await pass(50);
        figure.views = { one: Promise.resolve(view) };
        await pass(200);
        console.log(JSON.stringify([hidden, found === view, observers.size]));""",
    )
    assert (hidden, found, left) == (1, True, 0)


@pytest.mark.parametrize("seed", range(4))
def test_no_tag_of_the_price_axis_covers_another_or_leaves_the_axis(run_module: RunModule, seed: int):
    random_ = random.Random(seed)
    cases = [
        {
            "last": random_.uniform(-50, 450),
            "cursor": random_.choice([None, random_.uniform(0, 400)]),
            "countdown": random_.random() < 0.8,
            "top": 8,
            "bottom": random_.choice([60, 200, 400]),
        }
        for _ in range(400)
    ]
    for case in cases[::3]:
        case["cursor"] = case["last"] + random_.uniform(-40, 40)  # where they meet
    placed = run_json(
        run_module,
        f"""import {{ placeTags }} from "./axis_tags.js";
        const cases = {json.dumps(cases)};
        console.log(JSON.stringify(cases.map((one) => placeTags(one))));""",
    )
    assert isinstance(placed, list)
    shown = 0
    for case, tags in zip(cases, placed, strict=True):
        places = sorted(y for y in tags.values() if y is not None)
        assert all(case["top"] + 9 <= y <= case["bottom"] - 9 for y in places), (case, tags)
        assert all(after - before > 17.98 for before, after in itertools.pairwise(places)), (case, tags)
        if case["top"] + 9 <= case["last"] <= case["bottom"] - 9:
            assert tags["last"] == case["last"], "the last price stands where it is"
        cursor = case["cursor"]
        if cursor is not None and case["top"] + 9 <= cursor <= case["bottom"] - 9:
            assert abs(tags["cursor"] - cursor) <= 36
        shown += tags["countdown"] is not None
        if case["countdown"] and case["bottom"] >= 200:
            assert tags["countdown"] is not None
    assert shown > 100


def test_labels_that_a_tag_would_cover_make_room_and_come_back(run_module: RunModule):
    printed = run_json(
        run_module,
        """import { makeRoom } from "./axis_tags.js";
        const ticks = [10, 40, 70, 100].map((value) => {
            const text = { textContent: "68,400", style: { visibility: "" } };
            return { __data__: value, text, querySelector: () => text };
        });
        const axis = { querySelectorAll: () => ticks };
        const seen = (tags) => {
            makeRoom(axis, (value) => value, tags, { vertical: true });
            return ticks.map(({ text }) => text.style.visibility);
        };
        const first = seen([{ at: 50, size: 18 }, { at: 115, size: 18 }]);
        console.log(JSON.stringify([first, seen([{ at: 85, size: 18 }]), seen([])]));""",
    )
    assert printed == [["", "hidden", "", "hidden"], ["", "", "hidden", "hidden"], ["", "", "", ""]]


def test_volume_and_liquidations_have_a_scale_inside_their_panes(run_module: RunModule):
    volume, liquidations, cut = run_json(  # type: ignore[misc]
        run_module,
        """import { liquidationScale, paintLiquidations, panesOf, scaleLabels } from "./candle_panes.js";
        const plot = { left: 0, top: 8, width: 600, height: 420 };
        const panes = panesOf({});
        const [top, bottom] = panes.volume.map((share) => plot.top + share * plot.height);
        const volume = scaleLabels([0, 183], (value) => bottom - (value / 183) * (bottom - top), [top, bottom]);
        const times = Array.from({ length: 40 }, (_, at) => at);
        const shorts = times.map((at) => (at === 20 ? 9_000_000 : 1_000));
        const longs = times.map((at) => (at === 10 ? 50_000 : 0));
        const liquidations = [times, shorts, longs, times.map(() => 500), times];
        const frame = { liquidation_history: "complete", liquidations };
        const texts = [];
        const context = new Proxy({}, { get: (_, name) => (name === "measureText"
            ? (text) => ({ width: text.length * 6 })
            : (...values) => name === "fillText" && texts.push(values[0])), set: () => true });
        const labels = paintLiquidations(context, { plot, panes, colours: {}, show: { average: true }, frame }, {
            first: 0, last: 39, centre: (at) => at * 10, width: 5, fillAll: () => {},
        });
        const scale = liquidationScale(plot, panes, frame.liquidations, 0, 39);
        const right = labels.every(([text, y]) => text !== "0" || Math.abs(y - scale.zero) < 1);
        console.log(JSON.stringify([volume, [labels, right], texts]));""",
    )
    assert [text for text, _ in volume] == ["100"]
    texts = [text for text, _ in liquidations[0]]
    assert len(texts) >= 2
    assert "0" in texts
    assert liquidations[1]
    places = [y for _, y in liquidations[0]]
    assert all(abs(after - before) >= 14 for before, after in itertools.pairwise(places))
    assert all(8 + 0.785 * 420 <= y <= 428 for y in places)
    assert any("cut" in text for text in cut), "what the break in a bar means"
