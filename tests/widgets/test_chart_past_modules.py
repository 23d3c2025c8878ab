"""What a candle chart knows of its past, in Node: lapses, and the older bars that are loaded as one pans."""

from __future__ import annotations

import pytest

from tests.widgets.conftest import RunModule, run_json

pytestmark = pytest.mark.widgets


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
        // The server had closed the topic meanwhile: its bars are reloaded, and none is missing.
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


def test_older_bars_of_a_venue_that_restarted_are_not_shown_with_the_new_ones(run_module: RunModule):
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
