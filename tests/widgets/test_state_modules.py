"""What the page says of its data's state and lag, in Node."""

from __future__ import annotations

import itertools
import json
import random

import pytest

from tests.widgets.conftest import RunModule
from tests.widgets.test_javascript import LINK

pytestmark = pytest.mark.widgets

STEADY = """
    globalThis.document = { getElementById: () => null };
    const { stateRank, Steady } = await import("./steady_state.js");
    let clock = 0;
    let alarm = null;
    const shown = [];
    const steady = new Steady(({ state }) => shown.at(-1)?.[1] !== state && shown.push([clock, state]), {
        rank: ({ state }) => stateRank(state), now: () => clock,
        later: (wake, ms) => (alarm = { at: clock + ms, wake }), cancel: (one) => one === alarm && (alarm = null),
    });
    const until = (time) => {
        while (alarm && alarm.at <= time) {
            const { at, wake } = alarm;
            [alarm, clock] = [null, at];
            wake();
        }
        clock = time;
    };
    const say = (events) => {
        for (const [time, state] of events) { until(time); steady.set({ state }); }
        until(clock + 10_000);
    };
"""


def shown_of(run_module: RunModule, events: list[tuple[int, str]]) -> list[tuple[int, str]]:
    printed = run_module(f"{STEADY} say({json.dumps(events)}); console.log(JSON.stringify(shown));")
    return [(time, state) for time, state in json.loads(printed)]


def test_what_opens_is_live_at_once_and_a_flapping_topic_stays_in_the_worse_of_its_states(run_module: RunModule):
    opened = [(0, "connecting"), (50, "waiting"), (90, "syncing"), (120, "live")]
    flaps = [(5_000 + 300 * at, "stale" if at % 2 == 0 else "live") for at in range(20)]
    assert shown_of(run_module, opened + flaps) == [*opened, (5_000, "stale"), (5_000 + 300 * 19 + 1_000, "live")]


def test_a_lapse_that_is_over_at_once_is_still_shown(run_module: RunModule):
    events = [(0, "live"), (400, "gap"), (430, "syncing"), (450, "live")]
    assert shown_of(run_module, events) == [(0, "live"), (1_000, "gap"), (2_000, "live")]


def test_states_change_at_most_once_a_second_and_end_as_they_are(run_module: RunModule):
    dice = random.Random(8)
    states = ["live", "stale", "syncing", "skewed", "gap", "down", "reconnecting"]
    for _ in range(4):
        times = sorted(dice.sample(range(1, 20_000), 60))
        events = [(0, "live"), *((time, dice.choice(states)) for time in times)]
        shown = shown_of(run_module, events)
        assert all(after - before >= 1_000 for (before, _), (after, _) in itertools.pairwise(shown))
        assert shown[-1][1] == events[-1][1]
        # Nothing is called better than it has been for the whole second before.
        for at, state in shown[1:]:
            before = [one for time, one in events if at - 1_000 < time <= at]
            assert not before or state in before


def test_another_symbol_starts_again(run_module: RunModule):
    printed = run_module(f"""{STEADY}
        steady.set({{ state: "live" }});
        until(100);
        steady.set({{ state: "gap" }});
        steady.reset();
        for (const state of ["waiting", "live"]) steady.set({{ state }});
        until(10_000);
        console.log(JSON.stringify(shown));
    """)
    assert json.loads(printed) == [[0, "live"], [100, "waiting"], [100, "live"]]


def test_lag_has_a_scale_and_a_browser_that_cannot_keep_up_is_told_from_a_slow_way(run_module: RunModule):
    printed = run_module("""
        let clock = 0;
        performance.now = () => clock;
        const { Lag, lagLevel, lagText } = await import("./lag.js");
        const seen = [[0, 249, 250, 1_999, 2_000].map(lagLevel), [0.4, 999, 1_240].map(lagText)];
        const lag = new Lag();
        const tell = () => seen.push([lagLevel(lag.total), lag.keepsUp]);
        lag.frame(100);
        for (let at = 0; at < 100; at++) { clock += 500; lag.beat(); lag.drawn(12); lag.frame(100); }
        tell();
        for (let at = 0; at < 100; at++) lag.frame(900); // the way is slow, this browser is not
        tell();
        for (let at = 0; at < 20; at++) { clock += 3_500; lag.beat(); } // no timer fires in time
        tell();
        lag.forget();
        tell();
        for (let at = 0; at < 60; at++) lag.drawn(400); // drawing takes longer than frames are apart
        tell();
        console.log(JSON.stringify(seen));
    """)
    assert json.loads(printed) == [
        ["low", "low", "raised", "raised", "high"],
        ["0 ms", "999 ms", "1.2 s"],
        ["low", True],
        ["raised", True],
        ["high", False],
        ["low", True],
        ["raised", False],
    ]


LAST = """
    globalThis.document = { getElementById: () => null };
    const { LastPrices, moveClass } = await import("./last_price.js");
    const last = new LastPrices();
    const seen = [];
    const entry = (stream, frame, symbol = "SOLUSDT") => ({ request: { symbol, stream }, frame });
    const trades = (...rows) => entry("trades", {
        price_digits: 2, trades: [rows.map((_, at) => at), ...[0, 1].map((at) => rows.map((row) => row[at]))],
    });
    const ticker = (time, price) => entry("ticker", { price_digits: 2, last: price, last_time: time });
    const show = (one) => seen.push(one && [one.text, moveClass(one)]);
"""


def test_the_last_price_is_the_newest_of_trades_and_ticker_coloured_by_its_move(run_module: RunModule):
    printed = run_module(f"""{LAST}
        last.commit([ticker(1, 1)]); // nobody shows it: nothing is kept
        const end = last.listen("SOLUSDT", show);
        for (const entries of [
            [ticker(5, 16482.1), entry("ticker", {{ price_digits: 1, last: 7, last_time: 99 }}, "BTCUSDT")],
            [ticker(5, 16482.1), trades([3, 1648000], [6, 1648220], [7, 1648220])],
            [ticker(7, 16483), trades([3, 1648000], [6, 1648220], [7, 1648220])], // at one time the trade counts
            [ticker(9, 16481), trades([3, 1648000], [6, 1648220], [7, 1648220])],
            [trades([10, 1648100]), ticker(9, 16481)], // the same price again keeps its colour
            [trades([2, 1648150])], // the venue restarted: its times are lower
            [trades([4, 1648150], [5, 1648160], [6, 1648155])], // down against the price before, up against the shown
            [entry("trades", null), ticker(9, null)],
        ]) last.commit(entries);
        end();
        last.commit([ticker(50, 1)]);
        console.log(JSON.stringify([seen, last.of("SOLUSDT")]));
    """)
    assert json.loads(printed) == [
        [
            None,
            ["16,482.10", ""],
            ["16,482.20", "of-bid"],
            ["16,481.00", "of-ask"],
            ["16,481.50", "of-bid"],
            ["16,481.55", "of-ask"],
        ],
        None,
    ]


def test_all_that_show_the_last_price_change_in_one_step(run_module: RunModule):
    printed = run_module(f"""{LINK}
        const symbol = "BTCUSDT";
        const shown = [null, null];
        shown.forEach((_, at) => link.last.listen(symbol, (one) => (shown[at] = one?.text ?? null)));
        const equal = [];
        link.subscribe({{ symbol, stream: "ticker", parameters: {{}} }}, {{ paint: () => equal.push([...shown]) }});
        const both = (sequence, price, later) => {{
            link.receive({{ type: "frame", key: "sim/BTCUSDT/trades?rows=50", sequence, base: null, time: 0,
                price_digits: 0, trades: [[1], [sequence], [price], [1], [1]] }}, 1);
            equal.push([...shown]); // a frame that has come is not shown before its paint
            link.receive({{ type: "frame", key: "sim/BTCUSDT/ticker", sequence, base: null, time: 0,
                price_digits: 0, last: later, last_time: sequence + 1 }}, 1);
            paint();
        }};
        both(1, 5, 6); both(9, 7, 8);
        console.log(JSON.stringify(equal));
    """)
    assert json.loads(printed) == [[None, None], ["6", "6"], ["6", "6"], ["8", "8"]]
