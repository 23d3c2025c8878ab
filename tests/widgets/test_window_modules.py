"""The window of time and price of the candle chart, in Node: what a viewer does to it and what new bars may."""

from __future__ import annotations

import math

import pytest

from tests.widgets.conftest import RunModule
from tests.widgets.test_chart_modules import run_json

pytestmark = pytest.mark.widgets


WINDOW = """
    import { CandleWindow } from "./candle_window.js";
    const scale = () => ({ domain: [0, 0], sets: 0, set(values) {
        this.sets++;
        this.domain = [values.min ?? this.domain[0], values.max ?? this.domain[1]];
    } });
    const axis = () => ({ set(values) { Object.assign(this, values); } });
    const window_ = new CandleWindow({ xScale: scale(), yScale: scale(), xAxis: axis(), yAxis: axis() });
    window_.view = { margin: { left: 0, top: 0 }, plotareaWidth: 600, plotareaHeight: 400 };
    const bars = (count, from = 0) => {
        const times = Array.from({ length: count }, (_, at) => (from + at) * 60);
        const near = (by) => times.map((time) => 100 + by + Math.sin(time / 600));
        return [times, near(0), near(0.5), near(-0.5), near(0.1), times.map(() => 1)];
    };
    const take = (columns) => window_.follow({ name: "BTCUSDT 1m", bars: columns, lengthS: 60, digits: 1 });
"""


def test_a_window_at_the_newest_bar_moves_on_and_one_elsewhere_stays(run_module: RunModule):
    start, moved, back, left = run_json(  # type: ignore[misc]
        run_module,
        f"""{WINDOW}
        take(bars(400));
        const start = window_.domain.x;
        take(bars(400, 1));
        const moved = window_.domain.x;
        window_.pan(-0.5);
        const back = window_.domain.x;
        take(bars(400, 2));
        console.log(JSON.stringify([start, moved, back, window_.domain.x]));""",
    )
    assert start[1] == (399 + 3) * 60_000
    assert start[1] - start[0] == 100 * 60_000, "as many bars as fit at their usual width"
    assert moved == [time + 60_000 for time in start]
    assert left == back


def test_bars_of_a_venue_that_began_anew_are_shown_at_their_newest_wherever_the_window_was(run_module: RunModule):
    anew, on = run_json(  # type: ignore[misc]
        run_module,
        f"""{WINDOW}
        take(bars(400, 1_000));
        window_.pan(-0.5);
        take(bars(1, 100));
        const anew = window_.domain.x;
        take(bars(400, 1_001));
        console.log(JSON.stringify([anew, window_.domain.x]));""",
    )
    assert anew[1] == (100 + 3) * 60_000
    assert on[1] == (1_400 + 3) * 60_000


def test_a_resize_leaves_bars_as_wide_as_they_were_and_the_right_edge_where_it_was(run_module: RunModule):
    usual, zoomed, back, tall = run_json(  # type: ignore[misc]
        run_module,
        f"""{WINDOW}
        const known = bars(400);
        take(known);
        const resize = (plotareaWidth, plotareaHeight = 400) => {{
            Object.assign(window_.view, {{ plotareaWidth, plotareaHeight }});
            window_.resize({{ bars: known, lengthS: 60, digits: 1 }});
            const [from, to] = window_.domain.x;
            return [to, (to - from) / 60_000];
        }};
        const usual = [60, 300, 900].map((width) => resize(width));
        window_.zoom(0.5);
        const zoomed = [resize(450), resize(900)];
        window_.pan(-2);
        const right = window_.domain.x[1];
        const back = [right, resize(1800)];
        console.log(JSON.stringify([usual, zoomed, back, resize(1800, 200)]));""",
    )
    newest = (399 + 3) * 60_000
    assert usual == [[newest, 20], [newest, 50], [newest, 150]], "as many bars as fit at their usual width"
    edge = zoomed[0][0]
    assert zoomed == [[edge, pytest.approx(37.5)], [edge, pytest.approx(75)]]
    right, after = back
    assert right < newest
    assert after == [right, pytest.approx(150)]
    assert tall == after


def test_the_price_axis_writes_each_tick_with_all_its_digits(run_module: RunModule):
    form, ticks = run_json(  # type: ignore[misc]
        run_module,
        f"""{WINDOW}
        const cheap = ([times, ...columns]) => [times, ...columns.map((column) => column.map((at) => at / 2_700))];
        window_.follow({{ name: "DOGEUSDT 1m", bars: cheap(bars(400)), lengthS: 60, digits: 5 }});
        window_.setTicks(5);
        console.log(JSON.stringify([window_.yAxis.tick_format, [...window_.yAxis.tick_values]]));""",
    )
    assert len(ticks) > 3
    assert [float(format(tick, form)) for tick in ticks] == pytest.approx(ticks, rel=1e-9)


def test_a_drag_is_not_disturbed_by_a_new_bar_and_price_moves_rarely(run_module: RunModule):
    during, after, sets = run_json(  # type: ignore[misc]
        run_module,
        f"""{WINDOW}
        take(bars(400));
        const start = window_.domain.x[0];
        window_.held = true;
        take(bars(400, 1));
        const during = window_.domain.x[0] - start;
        window_.held = false;
        take(bars(400, 2));
        const after = window_.domain.x[0] - start;
        const before = window_.yScale.sets;
        for (let at = 3; at < 60; at++) take(bars(400, at));
        console.log(JSON.stringify([during, after, window_.yScale.sets - before]));""",
    )
    assert during == 0
    assert after == 120_000
    assert sets == 0, "the same range of prices needs no other scale"


def test_zoom_keeps_the_newest_bar_in_its_place_and_ends_somewhere(run_module: RunModule):
    shares, least, most, edges = run_json(  # type: ignore[misc]
        run_module,
        f"""{WINDOW}
        const known = bars(400);
        take(known);
        const share = () => (399 * 60_000 - window_.domain.x[0]) / (window_.domain.x[1] - window_.domain.x[0]);
        const before = share();
        window_.zoom(2);
        const shares = [before, share()];
        const bars_ = () => (window_.domain.x[1] - window_.domain.x[0]) / 60_000;
        for (let at = 0; at < 40; at++) {{ window_.zoom(0.5); window_.clamp(known, 60); }}
        const least = bars_();
        for (let at = 0; at < 40; at++) {{ window_.zoom(2); window_.clamp(known, 60); }}
        const most = bars_();
        window_.pan(50);
        window_.clamp(known, 60);
        const right = window_.domain.x[0] <= 399 * 60_000;
        window_.pan(-50);
        window_.clamp(known, 60);
        console.log(JSON.stringify([shares, least, most, [right, window_.domain.x[1] >= 120_000]]));""",
    )
    assert math.isclose(*shares)
    assert (least, most) == (8, 6000)
    assert edges == [True, True]


def test_the_price_has_more_room_where_liquidations_are_hidden(run_module: RunModule):
    with_, without, inside = run_json(  # type: ignore[misc]
        run_module,
        """import { inLiquidations, paneRange, panesOf, plotDomain } from "./candle_paint.js";
        const [shown, hidden] = [true, false].map((liquidations) => panesOf({ liquidations }));
        const span = (panes) => { const [low, high] = plotDomain([100, 200], panes); return high - low; };
        const plot = { top: 0, height: 100 };
        const back = paneRange(plotDomain([100, 200], shown), shown).map(Math.round);
        console.log(JSON.stringify([span(shown), span(hidden), [
            inLiquidations(shown, plot, 90), inLiquidations(hidden, plot, 90), back,
        ]]));""",
    )
    assert with_ > without > 100
    assert inside == [True, False, [100, 200]]
