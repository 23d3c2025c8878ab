// How frames are folded, and how their numbers are written.
import assert from "node:assert/strict";
import test from "node:test";
import { foldFrame } from "../../../orderfox_nb/widgets/page/fold.js";
import * as format from "../../../orderfox_nb/widgets/page/format.js";

test("numbers are written digit by digit", () => {
  const { countdownText, percentText, priceText, roundedText, unitsText } = format;
  assert.deepEqual([unitsText(616597, 1), unitsText(5, 3), unitsText(-25, 1)], ["61,659.7", "0.005", "−2.5"]);
  assert.deepEqual([unitsText(61676, 0), unitsText(23419, 3), roundedText(7849, 3)], ["61,676", "23.419", "7.85"]);
  assert.deepEqual([priceText(0.00000123, 8), priceText(61659.7, 1)], ["0.00000123", "61,659.7"]);
  assert.deepEqual([percentText(0.0184), percentText(0.0001, 4, false)], ["+1.84 %", "0.0100 %"]);
  assert.deepEqual([percentText(-0.0184), percentText(-0.00001)], ["−1.84 %", "0.00 %"]);
  assert.deepEqual([countdownText(8047000), countdownText(23000)], ["02:14:07", "00:23"]);
});

test("a short number never has a digit more than its unit allows", () => {
  const texts = [12590000000, 1000, 12.3, null, 999999.9, 999994, -999999999, 996000, 999.996].map((one) =>
    format.shortText(one),
  );
  assert.deepEqual(texts, ["12.59B", "1.00K", "12.30", "–", "1.00M", "999.99K", "−1.00B", "996.00K", "1.00K"]);
  assert.equal(format.shortText(999.96, 1), "1.0K");
});

test("a delta of trades appends, and the oldest go", () => {
  const full = { sequence: 1, trades: [[1, 2], [10, 20], [100, 100], [5, 6], [1, -1]] };
  const delta = { sequence: 2, base: 1, trades: [[3, 4], [30, 40], [101, 102], [7, 8], [1, 1]] };
  const after = foldFrame("trades", { rows: 3 }, full, delta);
  assert.deepEqual(after.trades, [[2, 3, 4], [20, 30, 40], [100, 101, 102], [6, 7, 8], [-1, 1, 1]]);
  assert.deepEqual([after.sequence, full.trades[0]], [2, [1, 2]]);
});

test("a delta of candles replaces, corrects and appends both column sets", () => {
  const bars = (times, value) => [times, ...[0, 1, 2, 3, 4].map((n) => times.map(() => value + n))];
  const volumes = (times, value) => [times, ...[0, 1, 2, 3].map((n) => times.map(() => value + n))];
  const full = { bars: bars([60, 120, 180], 10), liquidations: volumes([60, 120, 180], 1) };
  const delta = { base: 1, bars: bars([120, 180, 240], 20), liquidations: volumes([120, 180, 240], 5) };
  const after = foldFrame("candles", { bars: 3 }, full, delta);
  assert.deepEqual([after.bars[0], after.bars[1]], [[120, 180, 240], [20, 20, 20]]);
  assert.deepEqual([after.liquidations[0], after.liquidations[1]], [[120, 180, 240], [5, 5, 5]]);
});

test("a delta of bots replaces, adds and removes, newest first", () => {
  const bot = (id, createdAt, state = "running") => ({ id, createdAt, state });
  const full = { total: 3, bots: [bot("c", "03"), bot("b", "02"), bot("a", "01")] };
  const delta = { base: 1, total: 3, bots: [bot("d", "04"), bot("a", "01", "stopped")], removed: ["b"] };
  const after = foldFrame("bots", {}, full, delta);
  assert.deepEqual(after.bots, [bot("d", "04"), bot("c", "03"), bot("a", "01", "stopped")]);
  assert.deepEqual(foldFrame("bots", {}, full, { base: 1, total: 3, bots: [] }).bots, full.bots);
  assert.equal(full.bots.length, 3);
});

test("a delta of one bot appends what happened and replaces the last moment of its equity", () => {
  const full = {
    bot: { id: "a" }, orders: [{ number: 1 }], fills: [{ number: 1 }], log: [{ number: 1 }],
    equity: [[60, 120], [1, 2], [3, 4], [1, 2]],
  };
  const same = foldFrame("bot", {}, full, { base: 1, orders: [], equity: [[120], [5], [6], [5]] });
  assert.deepEqual([same.orders, same.fills, same.log], [[], full.fills, full.log]);
  assert.deepEqual(same.equity, [[60, 120], [1, 5], [3, 6], [1, 5]]);
  const next = foldFrame("bot", {}, full, { base: 1, fills: [{ number: 2 }], equity: [[180], [7], [8], [7]] });
  assert.deepEqual([next.fills.length, next.equity[0], next.orders], [2, [60, 120, 180], full.orders]);
  const lines = [{ number: 1, times: 3 }, { number: 2, times: 1 }];
  assert.deepEqual(foldFrame("bot", {}, full, { base: 1, log: lines }).log, lines);
  const many = Array.from({ length: 300 }, (_, number) => ({ number }));
  assert.equal(foldFrame("bot", {}, full, { base: 1, log: many }).log.length, 200);
});
