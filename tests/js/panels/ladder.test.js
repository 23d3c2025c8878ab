// The ladder's price axis, its room and its numbers.
import assert from "node:assert/strict";
import test from "node:test";
import { usePage } from "../support.js";

usePage();
const { axisOf, fitRows, LadderWindow, sideRows, wireRows } = await import(
  "../../../orderfox_nb/widgets/panels/ladder_axis.js"
);
const { ColumnFit, fitColumns, fittingText } = await import("../../../orderfox_nb/widgets/panels/column_fit.js");
const { compactText, shortSizes } = await import("../../../orderfox_nb/widgets/page/format.js");

/** A book frame whose rows have one size each; prices are in units of 10^-digits. */
function bookFrame(bids, asks, { rounding = "20", digits = 0, rows = 10, size = 5 } = {}) {
  const side = (prices) => [prices, prices.map(() => size), prices.map((_, at) => size * (at + 1))];
  return {
    symbol: "PEPEUSDT", rounding, price_digits: digits, size_digits: 3, tick_digits: digits, rows,
    bids: side(bids), asks: side(asks), best_bid: bids[0] ?? null, best_ask: asks[0] ?? null,
    quality: { state: "live", coverage: "complete" },
  };
}

function rowsOf(frame, count) {
  const axis = axisOf(frame);
  return { bids: sideRows(axis, "bids", count), asks: sideRows(axis, "asks", count) };
}

test("every step of the price is a row whether a level lies on it or not", () => {
  const found = rowsOf(bookFrame([100, 60, 40], [160, 180, 260]), 6);
  const seen = (rows) => rows.map(({ key, own, at }) => [key * 20, own, at]);
  // 120 and 140 lie between the best prices and belong to the nearer side; nothing is below a price of 20.
  assert.deepEqual(seen(found.bids), [
    [120, false, -1], [100, true, 0], [80, false, 0], [60, true, 1], [40, true, 2], [20, false, 2],
  ]);
  assert.deepEqual(seen(found.asks), [
    [140, false, -1], [160, true, 0], [180, true, 1], [200, false, 1], [220, false, 1], [240, false, 1],
  ]);
});

test("of rows beyond a frame that ends early nothing is said", () => {
  const whole = rowsOf(bookFrame([100, 80], [120, 140], { rows: 10 }), 4);
  assert.ok([...whole.bids, ...whole.asks].every(({ known }) => known));
  const cut = rowsOf(bookFrame([100, 80], [120, 140], { rows: 2 }), 4);
  assert.deepEqual(cut.bids.map(({ known }) => known), [true, true, false, false]);
});

test("prices keep their place until the market leaves the middle half", () => {
  const seen = [];
  const steps = new LadderWindow();
  const at = (boundary, held) => {
    const { moved, drift, asks, bids } = steps.place(boundary, 10, held);
    seen.push([moved, drift, boundary - bids + 1, boundary + asks]);
  };
  for (const boundary of [100, 103, 97, 105]) at(boundary);
  at(108, true); // a reader is scrolling
  at(110, true); // the market left the axis
  at(112);
  steps.recentre();
  at(112);
  at(90);
  assert.deepEqual(seen, [
    [true, 0, 91, 110], [false, 3, 91, 110], [false, -3, 91, 110], [false, 5, 91, 110], [false, 8, 91, 110],
    [true, 0, 101, 120], [false, 2, 101, 120], [true, 0, 103, 122], [true, 0, 81, 100],
  ]);
});

test("there are as many rows as have room and a chosen number is that number", () => {
  const rooms = [60, 150, 300, 500, 660, 900, 2_500];
  for (const room of rooms) {
    const fit = fitRows("fit", room);
    assert.ok(!fit.scrolls || fit.half === 3);
    if (fit.half <= 3 || fit.half >= 50) continue;
    assert.ok(2 * fit.half * fit.px <= room && room < 2 * (fit.half + 1) * 19, `${room}`);
  }
  for (const rows of [10, 20, 50]) {
    for (const room of rooms) {
      const fit = fitRows(rows, room);
      assert.equal(fit.half, rows);
      assert.ok(fit.px >= 16 && fit.px <= 24, `${fit.px}`);
      assert.equal(fit.scrolls, 2 * rows * fit.px > room);
    }
  }
  // 20 rows a side have room in the dashboard's panel at 900 px, and the wire has what a ladder off its middle shows.
  assert.equal(fitRows(20, 900).scrolls, false);
  assert.deepEqual([1, 13, 14, 20, 33, 34, 50].map(wireRows), [50, 50, 50, 50, 50, 100, 100]);
});

test("columns have room for every digit or change their form by rule", () => {
  const columns = [
    { forms: [70], drop: 0 }, { forms: [91, 49, 42], drop: 0 }, { forms: [105, 49, 42], drop: 1 },
    { forms: [49], drop: 2 },
  ];
  const found = [400, 340, 300, 250, 190, 175, 130, 60].map((room) => {
    const { chosen, widths, scale } = fitColumns(room, columns);
    const shown = chosen.filter((form) => form >= 0).length;
    const need = widths.reduce((sum, one) => sum + one, 0) + 10 * (shown - 1);
    return [chosen, Number(scale.toFixed(2)), need * scale <= room + 1e-9 || scale === 0.7];
  });
  assert.deepEqual(found, [
    [[0, 0, 0, 0], 1, true], // all of it
    [[0, 0, 0, -1], 1, true], // without the notional
    [[0, 0, 0, -1], 1, true],
    [[0, 0, 1, -1], 1, true], // the longer column first
    [[0, 1, 1, -1], 1, true],
    [[0, 2, 2, -1], 1, true],
    [[0, 2, -1, -1], 1, true],
    [[0, 2, -1, -1], 0.7, true],
  ]);
});

const measure = (text) => text.length * 7;

test("columns grow with their numbers and shrink for another symbol", () => {
  const set = {};
  const table = { style: { setProperty: (name, value) => (set[name] = value) }, dataset: {} };
  const fit = new ColumnFit(table, ["", "Size", ""], measure);
  const tracks = (key, text) => {
    const chosen = fit.fit(key, 200, [
      { texts: ["1"] }, { texts: [text, "999.9M"] }, { texts: ["1234567"], drop: 2 },
    ]);
    return [set["--of-tracks"].match(/\d+(?=px)/g).join(), chosen.join(), table.dataset.without];
  };
  assert.deepEqual(tracks("A", "1,234"), ["7,35,49", "0,0,0", ""]);
  assert.deepEqual(tracks("A", "1,234,567.0"), ["7,77,49", "0,0,0", ""]);
  assert.deepEqual(tracks("A", "1"), ["7,77,49", "0,0,0", ""]);
  assert.deepEqual(tracks("B", "1"), ["7,27,49", "0,0,0", ""]);
  assert.deepEqual(tracks("B", "123,456,789,012,345,678,901"), ["7,42", "0,1,-1", "2"]);
});

test("of several texts the first one that has room is shown", () => {
  assert.equal(fittingText(50, ["12345678", "1234567", "1"], measure), "1234567");
});

test("short forms have room for sizes beyond their last letter", () => {
  assert.deepEqual(shortSizes(12_345_678_901, 0), ["999.99M", "999.9M"]);
  assert.deepEqual(shortSizes(8_370_512_345_678_901, 0), ["8370.51T", "8370.5T"]);
});

for (const [units, digits, shown] of [
  [12_345_678_901, 0, "12.35B"], [999_999, 0, "1.00M"], [7, 3, "0.007"], [123_456, 3, "123.5"],
  [99_999, 3, "99.999"], [0, 0, "0"],
]) {
  test(`a size of ${units} in few characters is ${shown}`, () => assert.equal(compactText(units, digits), shown));
}
