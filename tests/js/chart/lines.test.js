// What is computed from bars: averages, bands, the tags of the axes, the panes below the candles.
import assert from "node:assert/strict";
import test from "node:test";
import { makeRoom, placeTags } from "../../../orderfox_nb/widgets/chart/axis_tags.js";
import { bollingerLines, emaLine, overlayLines, vwapLine } from "../../../orderfox_nb/widgets/chart/candle_lines.js";
import { liquidationText } from "../../../orderfox_nb/widgets/chart/candle_over.js";
import { visibleBars } from "../../../orderfox_nb/widgets/chart/candle_paint.js";
import {
  liquidationScale, liquidationTitles, paintLiquidations, panesOf, scaleLabels,
} from "../../../orderfox_nb/widgets/chart/candle_panes.js";
import { paneRange, plotDomain } from "../../../orderfox_nb/widgets/chart/price_scale.js";
import { random } from "../support.js";

const dice = random(7);
const CLOSES = Array.from({ length: 120 }, () => Math.round((68_000 + 600 * dice() - 300) * 10) / 10);

const near = (value, wanted, share) => assert.ok(Math.abs(value - wanted) <= share * Math.abs(wanted), `${value}`);

test("an exponential average begins when it has its bars", () => {
  const line = emaLine(CLOSES, 20);
  let average = CLOSES[0];
  CLOSES.forEach((close, at) => {
    average += ((close - average) * 2) / 21;
    if (at < 19) assert.ok(Number.isNaN(line[at]));
    else near(line[at], average, 1e-12);
  });
});

test("Bollinger lines are two deviations beside the mean", () => {
  const [middle, upper, lower] = bollingerLines(CLOSES, 20);
  assert.ok([...middle.slice(0, 19)].every(Number.isNaN));
  for (let at = 19; at < CLOSES.length; at++) {
    const window = CLOSES.slice(at - 19, at + 1);
    const mean = window.reduce((sum, one) => sum + one, 0) / 20;
    const deviation = Math.sqrt(window.reduce((sum, one) => sum + (one - mean) ** 2, 0) / 20);
    near(middle[at], mean, 1e-12);
    near(upper[at], mean + 2 * deviation, 1e-9);
    near(lower[at], mean - 2 * deviation, 1e-9);
  }
});

test("a VWAP starts again with each UTC day and says where", () => {
  const day = 86_400;
  const times = [day - 120, day - 60, day, day + 60];
  const bars = [times, [9, 9, 9, 9], [12, 21, 33, 42], [9, 18, 27, 36], [9, 21, 30, 42], [1, 3, 0, 2]];
  const { line, begins } = vwapLine(bars, 60);
  assert.deepEqual([...line], [10, (10 + 3 * 20) / 4, NaN, 40]);
  assert.deepEqual([...begins], [0, 2]);
  const title = (columns) => overlayLines(["vwap"], columns, 60)[0].title;
  assert.equal(title(bars), "VWAP");
  assert.match(title(bars.map((column) => column.slice(3))), /^VWAP since /);
});

test("a name that is no overlay draws nothing", () => {
  for (const name of ["ema", "vwap5", "sma20", "ema20 ", "bollinger", "<b>"]) {
    assert.deepEqual(overlayLines([name], [[], [], [], [], [], []], 60), [], name);
  }
});

test("a liquidation bar shows total, shares and net", () => {
  const columns = [[0, 60], [7500, 0], [2500, 0], [1, 1], [3, 0]];
  assert.deepEqual(liquidationText(columns, 0), [
    "Liquidated 10.00K",
    [
      ["shorts", "7.50K · 75.0 %", "of-bid"], ["longs", "2.50K · 25.0 %", "of-ask"], ["net", "+5.00K", "of-bid"],
      ["orders", "3", ""],
    ],
  ]);
  assert.equal(liquidationText(columns, 1), null);
});

test("an unknown past of liquidations is said beside their bars, in words that fit", () => {
  const panes = panesOf({});
  const said = (history, width) => {
    const texts = [];
    const context = new Proxy({}, {
      get: (_, name) => {
        if (name === "measureText") return (text) => ({ width: text.length * 6 });
        return (text) => name === "fillText" && texts.push(text);
      },
      set: () => true,
    });
    const frame = { liquidation_history: history, liquidations: [[0], [0], [0], [0], [0]] };
    const scene = { plot: { left: 0, top: 8, width, height: 420 }, panes, colours: {}, show: {}, frame };
    paintLiquidations(context, scene, { first: 0, last: 0, centre: () => 0, width: 5, fillAll: () => {} });
    return texts[0];
  };
  const whole = "Liquidations, shorts − longs";
  const part = "only what was seen live";
  assert.deepEqual(["complete", "missing", "none"].map((history) => said(history, 600)),
    [whole, `${whole} · ${part}`, `${whole} · ${part}`]);
  assert.deepEqual([300, 150].map((width) => said("missing", width)), [`Liquidations · ${part}`, part]);
  assert.deepEqual(liquidationTitles("complete").includes(said("complete", 120)), true);
});

test("prices stay inside their pane", () => {
  const panes = panesOf({});
  const domain = plotDomain([100, 200], panes);
  assert.ok(domain[0] < 100 && domain[1] > 200);
  assert.deepEqual(paneRange(domain, panes).map((price) => Math.round(price * 1e6) / 1e6), [100, 200]);
  assert.deepEqual(visibleBars([0, 60, 120, 180], 60, 150), [1, 2]);
});

test("no tag of the price axis covers another or leaves the axis", () => {
  let shown = 0;
  for (let round = 0; round < 1600; round++) {
    const last = 500 * dice() - 50;
    const meeting = round % 3 === 0; // where they meet
    const free = dice() < 0.5 ? null : 400 * dice();
    const one = {
      last, cursor: meeting ? last + 80 * dice() - 40 : free, countdown: dice() < 0.8, top: 8,
      bottom: [60, 200, 400][Math.floor(3 * dice())],
    };
    const tags = placeTags(one);
    const [lowest, highest] = [one.top + 9, one.bottom - 9];
    const inside = (y) => y !== null && y >= lowest && y <= highest;
    const places = Object.values(tags).filter((y) => y !== null).sort((a, b) => a - b);
    const detail = JSON.stringify([one, tags]);
    assert.ok(places.every(inside), detail);
    assert.ok(places.every((y, at) => at === 0 || y - places[at - 1] > 17.98), detail);
    if (inside(last)) assert.equal(tags.last, last, "the last price stands where it is");
    if (inside(one.cursor)) assert.ok(Math.abs(tags.cursor - one.cursor) <= 36, detail);
    shown += tags.countdown === null ? 0 : 1;
    if (one.countdown && one.bottom >= 200) assert.notEqual(tags.countdown, null, detail);
  }
  assert.ok(shown > 400);
});

test("labels that a tag would cover make room and come back", () => {
  const ticks = [10, 40, 70, 100].map((value) => {
    const text = { textContent: "68,400", style: { visibility: "" } };
    return { __data__: value, text, querySelector: () => text };
  });
  const axis = { querySelectorAll: () => ticks };
  const seen = (tags) => {
    makeRoom(axis, (value) => value, tags, { vertical: true });
    return ticks.map(({ text }) => text.style.visibility);
  };
  assert.deepEqual(seen([{ at: 50, size: 18 }, { at: 115, size: 18 }]), ["", "hidden", "", "hidden"]);
  assert.deepEqual(seen([{ at: 85, size: 18 }]), ["", "", "hidden", "hidden"]);
  assert.deepEqual(seen([]), ["", "", "", ""]);
});

test("volume and liquidations have a scale inside their panes", () => {
  const plot = { left: 0, top: 8, width: 600, height: 420 };
  const panes = panesOf({});
  const [top, bottom] = panes.volume.map((share) => plot.top + share * plot.height);
  const volume = scaleLabels([0, 183], (value) => bottom - (value / 183) * (bottom - top), [top, bottom]);
  assert.deepEqual(volume.map(([text]) => text), ["100"]);
  const times = Array.from({ length: 40 }, (_, at) => at);
  const shorts = times.map((at) => (at === 20 ? 9_000_000 : 1_000));
  const longs = times.map((at) => (at === 10 ? 50_000 : 0));
  const frame = { liquidation_history: "complete", liquidations: [times, shorts, longs, times.map(() => 500), times] };
  const [texts, calls] = [[], []];
  const method = (name) => (...values) => calls.push(name) && name === "fillText" && texts.push(values[0]);
  const context = new Proxy({}, {
    get: (_, name) => (name === "measureText" ? (text) => ({ width: text.length * 6 }) : method(name)),
    set: () => true,
  });
  const labels = paintLiquidations(context, { plot, panes, colours: {}, show: { average: true }, frame }, {
    first: 0, last: 39, centre: (at) => at * 10, width: 5, fillAll: () => {},
  });
  const scale = liquidationScale(plot, panes, frame.liquidations, 0, 39);
  const zeros = labels.filter(([text]) => text === "0");
  assert.ok(labels.length >= 2 && zeros.length > 0);
  assert.ok(zeros.every(([, y]) => Math.abs(y - scale.zero) < 1));
  const places = labels.map(([, y]) => y);
  assert.ok(places.every((y, at) => at === 0 || Math.abs(y - places[at - 1]) >= 14));
  assert.ok(places.every((y) => y >= 8 + 0.785 * 420 && y <= 428));
  assert.ok(texts.some((text) => text.includes("cut")), "what the break in a bar means");
  assert.ok(calls.lastIndexOf("stroke") < calls.indexOf("strokeText"), "the average strikes no words through");
});
