// The window of time and price of the candle chart: what a viewer does to it and what new bars may.
import assert from "node:assert/strict";
import test, { beforeEach } from "node:test";
import { inLiquidations, panesOf } from "../../../orderfox_nb/widgets/chart/candle_panes.js";
import { CandleWindow } from "../../../orderfox_nb/widgets/chart/candle_window.js";
import { DepthAxes } from "../../../orderfox_nb/widgets/chart/depth_axes.js";
import { setMargins } from "../../../orderfox_nb/widgets/chart/figure_canvas.js";
import { paneRange, plotDomain, priceAxis } from "../../../orderfox_nb/widgets/chart/price_scale.js";
import { allClose, close } from "../support.js";

const scale = () => ({
  domain: [0, 1], sets: 0,
  set(values) {
    this.sets++;
    this.domain = [values.min ?? this.domain[0], values.max ?? this.domain[1]];
  },
});
const model = () => ({
  set(values) {
    Object.assign(this, values);
  },
  get(name) {
    return this[name];
  },
});

let models;
let chart;
beforeEach(() => {
  models = { xScale: scale(), yScale: scale(), logScale: scale(), xAxis: model(), yAxis: model(), logAxis: model() };
  chart = new CandleWindow(models);
  chart.view = { margin: { left: 0, top: 0 }, plotareaWidth: 600, plotareaHeight: 400 };
});

const bars = (count, from = 0) => {
  const times = Array.from({ length: count }, (_, at) => (from + at) * 60);
  const near = (by) => times.map((time) => 100 + by + Math.sin(time / 600));
  return [times, near(0), near(0.5), near(-0.5), near(0.1), times.map(() => 1)];
};
const follow = (columns, { name = "BTCUSDT 1m", digits = 1 } = {}) =>
  chart.follow({ name, bars: columns, lengthS: 60, digits });
/** How many bars the window is wide. */
const width = () => (chart.domain.x[1] - chart.domain.x[0]) / 60_000;

test("a window at the newest bar moves on and one elsewhere stays", () => {
  follow(bars(400));
  const start = chart.domain.x;
  assert.equal(start[1], (399 + 3) * 60_000);
  assert.equal(width(), 100, "as many bars as fit at their usual width");
  follow(bars(400, 1));
  assert.deepEqual(chart.domain.x, start.map((time) => time + 60_000));
  chart.pan(-0.5);
  const back = chart.domain.x;
  follow(bars(400, 2));
  assert.deepEqual(chart.domain.x, back);
});

test("bars of a venue that restarted are shown at their newest wherever the window was", () => {
  follow(bars(400, 1_000));
  chart.pan(-0.5);
  follow(bars(1, 100));
  assert.equal(chart.domain.x[1], (100 + 3) * 60_000);
  follow(bars(400, 1_001));
  assert.equal(chart.domain.x[1], (1_400 + 3) * 60_000);
});

test("a rewind takes a window at the newest bar back with it, and forward again", () => {
  follow(bars(400, 1_000));
  chart.zoom(0.5);
  const [start, wide] = [chart.domain.x, width()];
  follow(bars(400, 990));
  assert.deepEqual(chart.domain.x, start.map((time) => time - 600_000));
  follow(bars(400, 1_020));
  assert.deepEqual([chart.domain.x, width()], [start.map((time) => time + 1_200_000), wide]);
});

test("a resize leaves bars as wide as they were and the right edge where it was", () => {
  const known = bars(400);
  follow(known);
  const resize = (plotareaWidth, plotareaHeight = 400) => {
    Object.assign(chart.view, { plotareaWidth, plotareaHeight });
    chart.resize({ bars: known, lengthS: 60, digits: 1 });
    return [chart.domain.x[1], width()];
  };
  const newest = (399 + 3) * 60_000;
  const usual = [60, 300, 900].map((room) => resize(room));
  assert.deepEqual(usual, [[newest, 20], [newest, 50], [newest, 150]], "as many bars as fit at their usual width");
  chart.zoom(0.5);
  const zoomed = [resize(450), resize(900)];
  assert.equal(zoomed[0][0], zoomed[1][0]);
  allClose(zoomed.map(([, wide]) => wide), [37.5, 75]);
  chart.pan(-2);
  const right = chart.domain.x[1];
  assert.ok(right < newest);
  const after = resize(1800);
  assert.equal(after[0], right);
  close(after[1], 150);
  assert.deepEqual(resize(1800, 200), after);
});

test("the price axis writes each tick with all its digits", () => {
  const cheap = ([times, ...columns]) => [times, ...columns.map((column) => column.map((at) => at / 2_700))];
  follow(cheap(bars(400)), { name: "DOGEUSDT 1m", digits: 5 });
  chart.setTicks(5);
  const ticks = [...models.yAxis.tick_values];
  assert.ok(ticks.length > 3);
  const [, digits] = /^,?\.(\d+)f$/.exec(models.yAxis.tick_format);
  allClose(ticks.map((tick) => Number(tick.toFixed(Number(digits)))), ticks, { share: 1e-9 });
});

test("a narrow chart has a time of its own and no two in one place", () => {
  for (let width = 90; width <= 300; width += 7) {
    chart.view.plotareaWidth = width;
    for (let minute = 0; minute < 60; minute++) {
      follow(bars(400, minute));
      chart.setTicks(1);
      const [from, to] = chart.domain.x;
      const places = [...models.xAxis.tick_values].map((tick) => ((tick - from) / (to - from)) * width);
      assert.ok(places.length > 0, `${width} px at minute ${minute}`);
      for (const [at, place] of places.entries()) assert.ok(at === 0 || place - places[at - 1] >= 45);
    }
  }
});

test("a drag is not disturbed by a new bar and price moves rarely", () => {
  follow(bars(400));
  const start = chart.domain.x[0];
  chart.held = true;
  follow(bars(400, 1));
  assert.equal(chart.domain.x[0] - start, 0);
  chart.held = false;
  follow(bars(400, 2));
  assert.equal(chart.domain.x[0] - start, 120_000);
  const before = models.yScale.sets;
  for (let at = 3; at < 60; at++) follow(bars(400, at));
  assert.equal(models.yScale.sets - before, 0, "the same range of prices needs no other scale");
});

test("zoom keeps the newest bar in its place and ends somewhere", () => {
  const known = bars(400);
  follow(known);
  const share = () => (399 * 60_000 - chart.domain.x[0]) / (chart.domain.x[1] - chart.domain.x[0]);
  const before = share();
  chart.zoom(2);
  close(share(), before, { share: 1e-9 });
  const often = (factor) => {
    for (let at = 0; at < 40; at++) {
      chart.zoom(factor);
      chart.clamp(known, 60);
    }
    return width();
  };
  assert.deepEqual([often(0.5), often(2)], [8, 6000]);
  chart.pan(50);
  chart.clamp(known, 60);
  assert.ok(chart.domain.x[0] <= 399 * 60_000);
  chart.pan(-50);
  chart.clamp(known, 60);
  assert.ok(chart.domain.x[1] >= 120_000);
});

test("the price has more room where liquidations are hidden", () => {
  const [shown, hidden] = [true, false].map((liquidations) => panesOf({ liquidations }));
  const span = (panes) => {
    const [low, high] = plotDomain([100, 200], panes);
    return high - low;
  };
  assert.ok(span(shown) > span(hidden));
  assert.ok(span(hidden) > 100);
  const plot = { top: 0, height: 100 };
  assert.deepEqual([inLiquidations(shown, plot, 90), inLiquidations(hidden, plot, 90)], [true, false]);
  assert.deepEqual(paneRange(plotDomain([100, 200], shown), shown).map(Math.round), [100, 200]);
});

test("zooming out leaves a tenth to the future and no more to what was before the first bar", () => {
  const known = bars(400);
  follow(known);
  const end = 400 * 60_000;
  const future = () => (chart.domain.x[1] - end) / (chart.domain.x[1] - chart.domain.x[0]);
  chart.clamp(known, 60);
  chart.pan(0.6);
  chart.clamp(known, 60);
  assert.ok(future() > 0.4, "a viewer may push the bars aside");
  for (let at = 0; at < 30; at++) {
    chart.zoom(1.25);
    chart.clamp(known, 60);
    assert.ok(future() <= 0.1 + 1e-9, `${future()}`);
  }
  follow(known, { name: "other" });
  chart.clamp(known, 60, true);
  for (let at = 0; at < 30; at++) {
    chart.zoom(1.25);
    chart.clamp(known, 60, true);
  }
  const [from, to] = chart.domain.x;
  assert.ok(future() <= 0.1 + 1e-9);
  assert.ok(-from / (to - from) <= 0.1 + 1e-9);
  close(width(), 400 / 0.8);
});

test("a fixed scale stays and a reset one is fitted", () => {
  const known = bars(400);
  const rise = ([times, ...columns], by) => [times, ...columns.map((column) => column.map((one) => one + by))];
  const cents = (price) => Math.round(price * 100) / 100;
  const range = () => paneRange(chart.domain.y, chart.panes, chart.log).map(cents);
  follow(known);
  const [low, high] = range();
  chart.stretchPrice(chart.domain.y, 2, 1);
  const dragged = range();
  close((dragged[0] + dragged[1]) / 2, (low + high) / 2, { by: 0.02 });
  close(dragged[1] - dragged[0], 2 * (high - low), { by: 0.05 });
  follow(rise(bars(400, 1), 50));
  assert.deepEqual(range(), dragged);
  chart.name = ""; // the way back to the newest bar
  follow(rise(bars(400, 1), 50));
  assert.deepEqual(range(), dragged);
  chart.usePanes(panesOf({ volume: false, liquidations: false }));
  assert.deepEqual(range(), dragged);
  follow(rise(known, 900), { name: "ETHUSDT 1m" });
  assert.ok(range()[0] > 900, "another market has its own prices");
  chart.useScale({ log: false, fixed: false });
  follow(known);
  allClose(range(), [low, high], { by: 0.02 });
});

test("a logarithmic scale puts equal ratios at equal distances and keeps what is fixed", () => {
  const steep = ([times]) => [times, ...Array(5).fill(times.map((time) => 10 * 1.01 ** (time / 60)))];
  chart.useScale({ log: true, fixed: false });
  follow(steep(bars(400)));
  const price = priceAxis(chart.plot, chart.domain.y, true);
  const [low, high] = paneRange(chart.domain.y, chart.panes, true);
  const prices = [low, Math.sqrt(low * high), high];
  const places = prices.map((one) => price.yOf(one));
  close(places[0] - places[1], places[1] - places[2]);
  allClose(places.map((y, at) => price.priceAt(y) / prices[at]), [1, 1, 1]);
  assert.deepEqual([models.yAxis.visible, models.logAxis.visible], [false, true]);
  chart.useScale({ log: true, fixed: true });
  chart.useScale({ log: false, fixed: true });
  allClose(paneRange(chart.domain.y, chart.panes).map((one, at) => one / [low, high][at]), [1, 1]);
  assert.ok(models.logAxis.tick_values.length >= 5);
});

// What a figure's Python side may write over the page's axes.
const BACK = { tick_values: [], tick_labels: {}, tick_format: null, min: null, max: null };

test("an axis that was set back from outside is written again", () => {
  follow(bars(400));
  models.yAxis.set(BACK);
  models.xAxis.set(BACK);
  follow(bars(400));
  assert.ok(models.yAxis.tick_values.length >= 3);
  assert.ok(models.xAxis.tick_values.length >= 3);
});

test("the axes of the depth chart have round sums, and are written again once they were set back", () => {
  const four = { xScale: model(), yScale: model(), xAxis: model(), yAxis: model() };
  const axes = new DepthAxes(four);
  const frame = {
    symbol: "BTCUSDT", range: "1", middle: 68_000, price_digits: 1, size_digits: 0,
    bids: [[], [1_900]], asks: [[], [2_100]],
  };
  const plot = { left: 0, top: 0, width: 700, height: 160 };
  const labels = () => [...four.yAxis.tick_values].map((size) => four.yAxis.tick_labels[size]);
  axes.place(frame, plot);
  assert.deepEqual(labels(), ["1K", "2K"]);
  assert.equal(four.yAxis.tick_format, ",.0f");
  for (const one of Object.values(four)) one.set(BACK);
  axes.place(frame, plot);
  assert.deepEqual(labels(), ["1K", "2K"]);
  const same = four.yAxis.tick_values;
  axes.place(frame, plot);
  assert.equal(four.yAxis.tick_values, same, "left alone as long as nobody touches it");
  const above = (1 - 2_100 / four.yScale.max) * 160;
  assert.ok(above >= 22 && above < 45, `room above the largest sum for a line of words: ${above} px`);
});

test("a figure gets its margins once it is displayed and keeps those that somebody chose", () => {
  const view = {
    relayouts: 0,
    relayout() {
      this.relayouts++;
    },
  };
  const figure = (side) => ({
    fig_margin: { top: side, bottom: side, left: side, right: side },
    get(name) {
      return this[name];
    },
    set(name, value) {
      this[name] = value;
    },
  });
  const [fresh, chosen] = [figure(0), figure(40)];
  for (const right of [70, 70, 90]) setMargins(fresh, view, { top: 8, bottom: 26, left: 0, right });
  setMargins(chosen, view, { top: 8, bottom: 26, left: 0, right: 70 });
  assert.deepEqual([fresh.fig_margin.right, chosen.fig_margin.right, view.relayouts], [90, 40, 2]);
});
