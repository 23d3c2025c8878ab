"""The window of time and price of the candle chart, in Node: what a viewer does to it and what new bars may."""

from __future__ import annotations

import math

import pytest

from tests.widgets.conftest import RunModule
from tests.widgets.test_chart_modules import run_json

pytestmark = pytest.mark.widgets


WINDOW = """
    import { CandleWindow } from "./candle_window.js";
    import { paneRange } from "./price_scale.js";
    const scale = () => ({ domain: [0, 1], sets: 0, set(values) {
        this.sets++;
        this.domain = [values.min ?? this.domain[0], values.max ?? this.domain[1]];
    } });
    const axis = () => ({ set(values) { Object.assign(this, values); }, get(name) { return this[name]; } });
    const scales = { xScale: scale(), yScale: scale(), logScale: scale() };
    const models = { ...scales, xAxis: axis(), yAxis: axis(), logAxis: axis() };
    const window_ = new CandleWindow(models);
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


def test_bars_of_a_venue_that_restarted_are_shown_at_their_newest_wherever_the_window_was(run_module: RunModule):
    newest, on = run_json(  # type: ignore[misc]
        run_module,
        f"""{WINDOW}
        take(bars(400, 1_000));
        window_.pan(-0.5);
        take(bars(1, 100));
        const newest = window_.domain.x;
        take(bars(400, 1_001));
        console.log(JSON.stringify([newest, window_.domain.x]));""",
    )
    assert newest[1] == (100 + 3) * 60_000
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
        """import { inLiquidations, panesOf } from "./candle_panes.js";
        import { paneRange, plotDomain } from "./price_scale.js";
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


def test_zooming_out_leaves_a_tenth_to_the_future_and_no_more_to_what_was_before_the_first_bar(run_module: RunModule):
    shares, panned, whole = run_json(  # type: ignore[misc]
        run_module,
        f"""{WINDOW}
        const known = bars(400);
        take(known);
        const end = 400 * 60_000;
        const future = () => (window_.domain.x[1] - end) / (window_.domain.x[1] - window_.domain.x[0]);
        window_.clamp(known, 60);
        window_.pan(0.6);
        window_.clamp(known, 60);
        const panned = future();
        const shares = [];
        for (let at = 0; at < 30; at++) {{ window_.zoom(1.25); window_.clamp(known, 60); shares.push(future()); }}
        window_.follow({{ name: "other", bars: known, lengthS: 60, digits: 1 }});
        window_.clamp(known, 60, true);
        for (let at = 0; at < 30; at++) {{ window_.zoom(1.25); window_.clamp(known, 60, true); }}
        const [from, to] = window_.domain.x;
        const whole = [future(), -from / (to - from), (to - from) / 60_000];
        console.log(JSON.stringify([shares, panned, whole]));""",
    )
    assert panned > 0.4, "a viewer may push the bars aside"
    assert max(shares) <= 0.1 + 1e-9
    assert whole[0] <= 0.1 + 1e-9
    assert whole[1] <= 0.1 + 1e-9
    assert whole[2] == pytest.approx(400 / 0.8)


def test_a_fixed_scale_stays_and_a_reset_one_is_fitted(run_module: RunModule):
    dragged, later, home, other, panes, fitted = run_json(  # type: ignore[misc]
        run_module,
        f"""{WINDOW}
        import {{ panesOf }} from "./candle_panes.js";
        const known = bars(400);
        const rise = ([times, ...columns], by) => [times, ...columns.map((column) => column.map((one) => one + by))];
        const cents = (price) => Math.round(price * 100) / 100;
        const range = () => paneRange(window_.domain.y, window_.panes, window_.log).map(cents);
        take(known);
        const [low, high] = range();
        window_.stretchPrice(window_.domain.y, 2, 1);
        const dragged = [(low + high) / 2, high - low, ...range()];
        take(rise(bars(400, 1), 50));
        const later = range();
        window_.name = ""; // the way back to the newest bar
        take(rise(bars(400, 1), 50));
        const home = range();
        window_.usePanes(panesOf({{ volume: false, liquidations: false }}));
        const panes = range();
        window_.follow({{ name: "ETHUSDT 1m", bars: rise(known, 900), lengthS: 60, digits: 1 }});
        const other = range();
        window_.useScale({{ log: false, fixed: false }});
        take(known);
        console.log(JSON.stringify([dragged, later, home, other, panes, [low, high, ...range()]]));""",
    )
    middle, span, low, high = dragged
    assert (low + high) / 2 == pytest.approx(middle, abs=0.02)
    assert high - low == pytest.approx(2 * span, abs=0.05)
    assert later == home == panes == [low, high]
    assert other[0] > 900, "another market has its own prices"
    assert fitted[:2] == pytest.approx(fitted[2:], abs=0.02)


def test_a_logarithmic_scale_puts_equal_ratios_at_equal_distances_and_keeps_what_is_fixed(run_module: RunModule):
    places, back, visible, kept, ticks = run_json(  # type: ignore[misc]
        run_module,
        f"""{WINDOW}
        import {{ priceAxis }} from "./price_scale.js";
        const steep = ([times]) => [times, ...Array(5).fill(times.map((time) => 10 * 1.01 ** (time / 60)))];
        window_.useScale({{ log: true, fixed: false }});
        take(steep(bars(400)));
        const price = priceAxis(window_.plot, window_.domain.y, true);
        const [low, high] = paneRange(window_.domain.y, window_.panes, true);
        const prices = [low, Math.sqrt(low * high), high];
        const places = prices.map((one) => price.yOf(one));
        const back = places.map((y, at) => price.priceAt(y) / prices[at]);
        const visible = [models.yAxis.visible, models.logAxis.visible];
        window_.useScale({{ log: true, fixed: true }});
        window_.useScale({{ log: false, fixed: true }});
        const kept = paneRange(window_.domain.y, window_.panes).map((price, at) => price / [low, high][at]);
        console.log(JSON.stringify([places, back, visible, kept, [...models.logAxis.tick_values]]));""",
    )
    assert places[0] - places[1] == pytest.approx(places[1] - places[2])
    assert back == pytest.approx([1, 1, 1])
    assert visible == [False, True]
    assert kept == pytest.approx([1, 1])
    assert len(ticks) >= 5


def test_an_axis_that_was_set_back_from_outside_is_written_again(run_module: RunModule):
    candles, depth, exponents = run_json(  # type: ignore[misc]
        run_module,
        f"""{WINDOW}
        import {{ DepthAxes }} from "./depth_axes.js";
        const model = () => ({{ set(values) {{ Object.assign(this, values); }}, get(name) {{ return this[name]; }} }});
        const back = {{ tick_values: [], tick_labels: {{}}, tick_format: null, min: null, max: null }};
        take(bars(400));
        models.yAxis.set(back);
        models.xAxis.set(back);
        take(bars(400));
        const candles = [models.yAxis.tick_values.length, models.xAxis.tick_values.length];
        const four = {{ xScale: model(), yScale: model(), xAxis: model(), yAxis: model() }};
        const axes = new DepthAxes(four);
        const frame = {{
            symbol: "BTCUSDT", range: "1", middle: 68_000, price_digits: 1, size_digits: 0,
            bids: [[], [1_900]], asks: [[], [2_100]],
        }};
        const plot = {{ left: 0, top: 0, width: 700, height: 160 }};
        axes.place(frame, plot);
        const first = {{ ...four.yAxis }};
        const values = () => [...four.yAxis.tick_values].map((size) => four.yAxis.tick_labels[size]);
        const before = values();
        const format = four.yAxis.tick_format;
        for (const one of Object.values(four)) one.set(back);
        axes.place(frame, plot);
        const same = four.yAxis.tick_values;
        axes.place(frame, plot);
        const depth = [before, values(), four.yScale.max, same === four.yAxis.tick_values];
        console.log(JSON.stringify([candles, depth, format]));""",
    )
    assert min(candles) >= 3
    assert depth[0] == depth[1] == ["1K", "2K"]
    assert 22 <= (1 - 2_100 / depth[2]) * 160 < 45, "room above the largest sum for a line of words"
    assert depth[3], "and left alone as long as nobody touches it"
    assert exponents == ",.0f"


def test_a_figure_gets_its_margins_once_it_is_displayed_and_keeps_those_that_somebody_chose(run_module: RunModule):
    printed = run_json(
        run_module,
        """import { setMargins } from "./figure_canvas.js";
        const view = { relayouts: 0, relayout() { this.relayouts++; } };
        const figure = (side) => ({
            fig_margin: { top: side, bottom: side, left: side, right: side },
            get(name) { return this[name]; }, set(name, value) { this[name] = value; },
        });
        const [fresh, chosen] = [figure(0), figure(40)];
        for (const right of [70, 70, 90]) setMargins(fresh, view, { top: 8, bottom: 26, left: 0, right });
        setMargins(chosen, view, { top: 8, bottom: 26, left: 0, right: 70 });
        console.log(JSON.stringify([fresh.fig_margin.right, chosen.fig_margin.right, view.relayouts]));""",
    )
    assert printed == [90, 40, 2]
