// A strip of recorded minutes as pixels, typed times, and what a drag sends.
import assert from "node:assert/strict";
import test from "node:test";
import { random, usePage } from "../support.js";

usePage();
const strip = await import("../../../orderfox_nb/widgets/panels/rewind_strip.js");
const { paintStrip } = await import("../../../orderfox_nb/widgets/panels/rewind_paint.js");
const { askedTime, fillPlaces, gapSpans, LatestWins, nearWindow, pixelsOf, timeOfX, wholeWindow, xOfTime } = strip;

const MINUTE = 60_000;
const T0 = 1_700_000_040_000 - (1_700_000_040_000 % MINUTE);

/** Columns of minutes that rise by one a minute; minutes in `left` are not there. */
function minutesOf(count, left = new Set()) {
  const rows = Array.from({ length: count }, (_, at) => at).filter((at) => !left.has(at));
  return {
    time: rows.map((at) => T0 + at * MINUTE), low: rows.map((at) => 100 + at), high: rows.map((at) => 102 + at),
    volume: rows.map(() => 1), buy_liquidations: rows.map((at) => (at % 2 ? 10 : 0)),
    sell_liquidations: rows.map(() => 5),
  };
}

test("times and pixels are the inverse of each other", () => {
  const window = [T0, T0 + 1_440 * MINUTE];
  const next = random(3);
  for (let one = 0; one < 200; one++) {
    const time = window[0] + next() * (window[1] - window[0]);
    assert.ok(Math.abs(timeOfX(xOfTime(time, window, 917), window, 917) - time) < 1);
  }
  assert.deepEqual([timeOfX(-50, window, 917), timeOfX(5_000, window, 917)], window); // beside the strip: its ends
});

test("many minutes of a pixel are folded into it, and nothing of them is lost", () => {
  const columns = minutesOf(1_440);
  const pixels = pixelsOf(columns, [T0, T0 + 1_440 * MINUTE], 144);
  assert.deepEqual([pixels.low[0], pixels.high[0], pixels.low[143], pixels.high[143]], [100, 111, 1_530, 1_541]);
  const sum = (column) => column.reduce((all, value) => all + value, 0);
  assert.deepEqual([sum(pixels.volume), sum(pixels.bought), sum(pixels.sold)], [1_440, 7_200, 7_200]);
  assert.deepEqual([pixels.range, pixels.peaks], [[100, 1_541], { volume: 10, liquidated: 50 }]);
});

test("a minute of many pixels fills them, with its liquidations in the middle", () => {
  const pixels = pixelsOf(minutesOf(10), [T0, T0 + 10 * MINUTE], 300);
  assert.deepEqual([...new Set(pixels.low.slice(30, 60))], [101]);
  assert.deepEqual([pixels.low[29], pixels.low[60]], [100, 102]);
  assert.deepEqual([pixels.bought[30], pixels.bought[45], pixels.bought[59]], [0, 10, 0]);
});

test("minutes that are not there leave their pixels empty", () => {
  const pixels = pixelsOf(minutesOf(10, new Set([4, 5])), [T0, T0 + 10 * MINUTE], 10);
  const empty = [...pixels.low].flatMap((low, x) => (Number.isNaN(low) ? [x] : []));
  assert.deepEqual([empty, pixels.volume[4]], [[4, 5], 0]);
  const none = pixelsOf(minutesOf(0), [T0, T0 + MINUTE], 50);
  assert.deepEqual([none.range, none.peaks], [null, { volume: 0, liquidated: 0 }]);
});

test("gaps are as wide as they lasted, never invisible, and cut at the window", () => {
  const window = [T0, T0 + 100 * MINUTE];
  const minutes = (...pair) => pair.map((at) => T0 + at * MINUTE);
  const gaps = [minutes(-50, 10), minutes(20, 20.01), minutes(99, 400), minutes(200, 300), minutes(-9, -5)];
  assert.deepEqual(gapSpans(gaps, window, 100), [[0, 10], [20, 2], [98, 2]]);
});

test("fills stand where they were traded, those of a pixel and price once", () => {
  const fill = (timestamp, side, price) => ({ timestamp, side, price });
  const fills = [
    fill(999, "buy", "5.0"), fill(1_000, "buy", "5.0"), fill(1_004, "buy", "5.0"), fill(1_004, "sell", "5.0"),
    fill(1_500, "sell", "7.5"), fill(2_000, "sell", "7.5"),
  ];
  assert.deepEqual(fillPlaces(fills, [1_000, 2_000], 100), [
    { x: 0, price: 5, side: "buy" }, { x: 0, price: 5, side: "sell" }, { x: 50, price: 7.5, side: "sell" },
  ]);
});

test("the mark of each fill is drawn whole, also at the edges of the strip", () => {
  const data = {
    time: [T0, T0 + MINUTE], low: [100, 101], high: [109, 110], volume: [1, 1], buy_liquidations: [0, 0],
    sell_liquidations: [0, 0], gaps: [],
  };
  const prices = ["110", "100", "105", "999"];
  const fills = [T0, T0 + MINUTE, T0 + 2 * MINUTE - 1].flatMap((timestamp) =>
    prices.flatMap((price) => ["buy", "sell"].map((side) => ({ timestamp, side, price }))),
  );
  const [window, width] = [[T0, T0 + 2 * MINUTE], 120];
  for (const height of [30, 64]) {
    const calls = [];
    const context = new Proxy({}, {
      get: (own, name) => own[name] ?? ((...given) => calls.push([name, ...given]) && { width: 20 }),
    });
    assert.equal(paintStrip(context, { data, fills, window, width, height, colours: {} }), fills.length);
    const marks = calls.flatMap(([name], at) => (name === "closePath" ? [calls.slice(at - 3, at)] : []));
    assert.equal(marks.length, fills.length);
    for (const [, x, y] of marks.flat()) {
      assert.ok(x >= 0 && x <= width && y >= 0 && y <= height - 14, `${x} ${y}`); // the times are below
    }
    const tips = marks.filter((_, at) => fills[at].price === "105").map(([[, , y]]) => Math.round(y));
    if (height === 64) assert.equal(new Set(tips).size, 1); // what has room stands at its price
  }
});

test("a young recording does not fill the strip, and live is at its right edge", () => {
  const live = T0 + 2 * MINUTE;
  assert.deepEqual(wholeWindow({ start: T0, end: T0 + MINUTE, live }), [live - 10 * MINUTE, live]);
  assert.deepEqual(wholeWindow({ start: T0, end: T0 + 60 * MINUTE, live: null }), [T0, T0 + 60 * MINUTE]);
  assert.deepEqual(nearWindow(T0), [T0 - 5 * MINUTE, T0 + 5 * MINUTE]);
});

test("a typed time is a time of day of the page's zone, or so long ago", () => {
  const live = Date.UTC(2026, 10, 29, 14, 30);
  const asked = (text, offset = 0) => askedTime(text, { near: live, live, offset });
  assert.equal(asked("14:05"), Date.UTC(2026, 10, 29, 14, 5));
  assert.equal(asked(" 9:05:07 "), Date.UTC(2026, 10, 29, 9, 5, 7));
  assert.equal(asked("14:05", 3_600_000), Date.UTC(2026, 10, 29, 13, 5));
  assert.equal(asked("23:59"), Date.UTC(2026, 10, 28, 23, 59)); // it has not been today yet
  assert.deepEqual(["-10m", "90 s", "-1.5h", "−12:34", "-1:00:00"].map((text) => live - asked(text)), [
    600_000, 90_000, 5_400_000, 754_000, 3_600_000,
  ]);
  for (const text of ["", "noon", "24:00", "12:60", "12:00:75", "1e3", "12:3"]) assert.equal(asked(text), null, text);
});

test("of a drag the first position goes at once, then the latest of each while", () => {
  const [sent, timers] = [[], []];
  const sender = new LatestWins((value) => sent.push(value), {
    later: (work) => timers.push(work), cancel: () => timers.pop(),
  });
  for (const value of [1, 2, 3]) sender.set(value);
  assert.deepEqual(sent, [1]);
  timers.shift()();
  assert.deepEqual(sent, [1, 3]);
  timers.shift()(); // nothing has come: the next one goes at once
  sender.set(4);
  sender.set(5);
  sender.end(); // the release says where it ended
  assert.deepEqual([sent, timers], [[1, 3, 4], []]);
  sender.set(6);
  assert.equal(sent.at(-1), 6);
});
