"""The candle chart's modules on their own, in Node: what is computed from bars, frames and the viewer's moves."""

from __future__ import annotations

import itertools
import json
import random
from statistics import fmean, pstdev

import pytest

from tests.widgets.conftest import RunModule

pytestmark = pytest.mark.widgets

RANDOM = random.Random(7)
CLOSES = [round(68_000 + RANDOM.uniform(-300, 300), 1) for _ in range(120)]


def run_json(run_module: RunModule, text: str) -> object:
    return json.loads(run_module(text))


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


def test_a_vwap_begins_anew_with_each_utc_day_and_says_where(run_module: RunModule):
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


def test_lapses_are_those_that_frames_tell_and_those_that_the_page_saw(run_module: RunModule):
    told, seen, open_ = run_json(  # type: ignore[misc]
        run_module,
        """import { Lapses } from "./candle_lapses.js";
        const row = ({ state, from, to, reason }) => [state, from, to, reason];
        const lapses = new Lapses();
        lapses.note({ state: "syncing", since: 0 }, 1000, undefined); // a topic that only begins
        lapses.note({ state: "live", since: 2000 }, 2000, [["gap", 100, 900, "cut", 7], ["down", 950, null, "", -1]]);
        const told = lapses.all(5000).map(row);
        lapses.reset("other");
        lapses.note({ state: "live", since: 1 }, 1);
        lapses.note({ state: "gap", since: 30_000 }, 31_000);
        lapses.note({ state: "gap", since: 30_000 }, 32_000);
        const open = lapses.all(33_000).map(row);
        lapses.note({ state: "live", since: 40_000 }, 40_100);
        lapses.connection(false, 50_000);
        const lost = lapses.all(51_000).at(-1).state;
        lapses.connection(true, 60_000);
        console.log(JSON.stringify([told, lapses.all(61_000).map(row), [...open, lost]]));""",
    )
    assert told == [["gap", 100, 900, "cut"], ["down", 950, 5000, ""]]
    assert open_ == [["gap", 30_000, 33_000, ""], "lost"]
    assert seen == [["gap", 30_000, 40_000, ""]]


def test_a_topic_that_synchronises_after_a_lost_connection_is_beginning_and_no_lapse(run_module: RunModule):
    printed = run_json(
        run_module,
        """import { Lapses } from "./candle_lapses.js";
        const lapses = new Lapses();
        lapses.connection(true, 0);
        lapses.note({ state: "live", since: 1000 }, 1000);
        lapses.connection(false, 2000);
        lapses.connection(true, 9000);
        // The server had closed the topic meanwhile: its bars are loaded anew, and none is missing.
        lapses.note({ state: "syncing", since: 9100 }, 9200);
        lapses.note({ state: "live", since: 9900 }, 9900);
        const back = lapses.all(10_000).length;
        lapses.note({ state: "syncing", since: 20_000 }, 20_000);
        console.log(JSON.stringify([back, lapses.all(21_000).map(({ state }) => state)]));""",
    )
    assert printed == [0, ["syncing"]]


def test_a_lapse_that_the_server_tells_is_not_shown_twice(run_module: RunModule):
    printed = run_json(
        run_module,
        """import { Lapses } from "./candle_lapses.js";
        const lapses = new Lapses();
        lapses.note({ state: "live", since: 1 }, 1);
        lapses.note({ state: "gap", since: 30_000 }, 31_000);
        lapses.note({ state: "live", since: 40_000 }, 40_000, [["gap", 29_500, 40_000, "overflow", 3]]);
        console.log(JSON.stringify(lapses.all(41_000).map(({ reason }) => reason)));""",
    )
    assert printed == ["overflow"]


def test_a_lapse_is_at_least_three_pixels_wide_and_found_under_the_hand(run_module: RunModule):
    boxes, found, missed = run_json(  # type: ignore[misc]
        run_module,
        """import { lapseAt, lapseBoxes } from "./candle_lapses.js";
        const plot = { left: 10, width: 100 };
        const lapses = [{ from: 500, to: 501 }, { from: 800, to: 900 }, { from: 2000, to: 3000 }];
        const boxes = lapseBoxes(lapses, { plot, x: [0, 1000] });
        const at = (x) => lapseAt(boxes, x)?.from ?? null;
        console.log(JSON.stringify([boxes.map(({ left, width }) => [left, width]), [at(58), at(95)], at(75)]));""",
    )
    assert boxes == [[60, 3], [90, 10]]
    assert (found, missed) == ([500, 800], None)


OLDER = """
    import { Older } from "./older_bars.js";
    const columns = (times) => ({
        symbol: "BTCUSDT", interval: "1m",
        bars: [times, ...[1, 2, 3, 4, 5].map((number) => times.map((time) => time + number))],
        liquidations: [times, ...[1, 2, 3, 4].map((number) => times.map((time) => time * number))],
    });
    const answers = [];
    const asked = [];
    const link = { request: async (what, wanted) => {
        asked.push([what, wanted.end]);
        const answer = answers.shift();
        if (answer instanceof Error) throw answer;
        return answer;
    } };
    const states = [];
    const older = new Older(() => states.push(older.loading));
"""


def test_older_bars_stand_before_the_live_ones_and_are_kept_as_it_moves_on(run_module: RunModule):
    more, times, moved, volumes, asked, states = run_json(  # type: ignore[misc]
        run_module,
        f"""{OLDER}
        const live = columns([600, 660, 720]);
        answers.push(columns([420, 480, 540, 600]));
        const more = await older.load(link, live, live);
        const first = older.joined(live, 60).bars[0].slice();
        const moved = older.joined(columns([720, 780, 840]), 60);
        console.log(JSON.stringify([more, first, moved.bars[0], moved.liquidations[2], asked, states]));""",
    )
    assert more is True
    assert times == [420, 480, 540, 600, 660, 720]
    assert moved == [420, 480, 540, 600, 660, 720, 780, 840]
    assert volumes == [2 * time for time in moved]
    assert asked == [["candles", 599_999]]
    assert states == [True, False]


def test_a_hole_after_a_long_absence_is_not_shown_as_whole(run_module: RunModule):
    printed = run_json(
        run_module,
        f"""{OLDER}
        const live = columns([600, 660, 720]);
        answers.push(columns([480, 540]));
        await older.load(link, live, live);
        console.log(JSON.stringify([older.joined(columns([9000, 9060]), 60).bars[0], older.columns]));""",
    )
    assert printed == [[9000, 9060], None]


def test_older_bars_of_a_venue_that_began_anew_are_not_shown_with_the_new_ones(run_module: RunModule):
    printed = run_json(
        run_module,
        f"""{OLDER}
        const live = columns([600, 660, 720]);
        answers.push(columns([480, 540]));
        await older.load(link, live, live);
        const none = older.joined(columns([]), 60).bars[0];
        const other = columns([660, 720, 780]);
        other.bars[1] = other.bars[1].map((open) => open + 7);
        console.log(JSON.stringify([none, older.joined(other, 60).bars[0], older.columns]));""",
    )
    assert printed == [[], [660, 720, 780], None]


def test_a_failure_is_told_and_asked_again_later_the_end_of_history_is_not(run_module: RunModule):
    error, soon, asked, end = run_json(  # type: ignore[misc]
        run_module,
        f"""{OLDER}
        const live = columns([600, 660]);
        answers.push(new Error("The connection was lost"), columns([]));
        await older.load(link, live, live);
        const error = older.error;
        await older.load(link, live, live);
        const soon = asked.length;
        older.failed = -Infinity;
        await older.load(link, live, live);
        await older.load(link, live, live);
        console.log(JSON.stringify([error, soon, asked.length, older.end]));""",
    )
    assert (error, soon, asked, end) == ("The connection was lost", 1, 2, "no older candles")


def test_a_page_that_keeps_no_more_bars_does_not_say_that_there_are_none(run_module: RunModule):
    before, bars, after, asked = run_json(  # type: ignore[misc]
        run_module,
        f"""{OLDER}
        const {{ OLDER_MOST }} = await import("./older_bars.js");
        const until = OLDER_MOST * 60;
        const live = columns([until, until + 60]);
        const times = (from, to) => Array.from({{ length: (to - from) / 60 }}, (_, at) => from + 60 * at);
        answers.push(columns(times(240, until)), columns(times(0, 240)));
        await older.load(link, live, live);
        const before = older.end;
        await older.load(link, live, live);
        await older.load(link, live, live);
        console.log(JSON.stringify([before, older.columns.bars[0].length, older.end, asked.length]));""",
    )
    assert (before, bars, after, asked) == ("", 20_002, "this page keeps 20,000 candles", 2)


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
