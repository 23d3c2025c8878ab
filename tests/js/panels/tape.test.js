import assert from "node:assert/strict";
import test from "node:test";
import { usePage } from "../support.js";

usePage();
const { GAP, Kept, amountOf, amountText } = await import("../../../orderfox_nb/widgets/panels/tape.js");

test("a tape that is held keeps no more than its length and counts what it missed", () => {
  const kept = new Kept();
  const frame = (from) => {
    const ids = Array.from({ length: 50 }, (_, at) => from + at);
    return [ids, ids, ids, ids.map((id) => id % 2), ids];
  };
  kept.apply(frame(0), 0, 50);
  kept.hold(true);
  for (let at = 10; at <= 1000; at += 10) kept.apply(frame(at), 1, 50);
  assert.deepEqual([kept.rows.length, kept.missed, kept.rows.at(-1)[0]], [50, 500, 1049]);
  kept.hold(false);
  assert.equal(kept.missed, 0);
});

test("trades that never came leave a mark between those before and after", () => {
  const kept = new Kept();
  const apply = (ids, size = 9, price = 2) =>
    kept.apply([ids, ids, ids.map(() => price), ids.map(() => size), ids], 18, 6);
  const shown = () => kept.rows.map(([id, time]) => (time === GAP ? `after ${id}` : id));
  const seen = [];
  for (const ids of [[23, 24], [24, 25], [26, 27], [40, 41], [42]]) seen.push((apply(ids), shown()));
  assert.deepEqual(seen, [
    [23, 24],
    [23, 24, 25],
    [23, 24, 25, 26, 27],
    [25, 26, 27, "after 27", 40, 41],
    [26, 27, "after 27", 40, 41, 42],
  ]);
  // Between trades that do not pass the filter a second mark would say nothing new.
  apply([60, 61], 1, 1);
  apply([70], 17, 1);
  apply([80]);
  assert.deepEqual(shown(), ["after 27", 40, 41, 42, "after 42", 80]);
});

test("trades of a venue that restarted take the place of those before", () => {
  const kept = new Kept();
  const seen = [];
  for (const ids of [[5_001, 5_002], [], [7, 8], [8, 9]]) {
    kept.apply([ids, ids, ids, ids, ids], 0, 6);
    seen.push(kept.rows.map(([id]) => id));
  }
  assert.deepEqual(seen, [[5001, 5002], [5001, 5002], [7, 8], [7, 8, 9]]);
});

// Five of a coin worth 3,000 were five of one worth 68,000 after a change of symbol.
test("the tape's filter is a value that means the same for every symbol", () => {
  const shown = (price, priceDigits, sizes, sizeDigits) => {
    const kept = new Kept();
    const ids = sizes.map((_, at) => at);
    kept.apply([ids, ids, ids.map(() => price), sizes, ids], 10_000 * 10 ** (priceDigits + sizeDigits), 50);
    return kept.rows.map(([, , , size]) => size / 10 ** sizeDigits);
  };
  assert.deepEqual(shown(318746, 2, [3137, 3138, 5000], 3), [3.138, 5]); // 3,187.46 with three digits of size
  assert.deepEqual(shown(684123, 1, [146, 147, 5000], 3), [0.147, 5]);
  assert.deepEqual(shown(17642, 5, [56_000, 57_000], 0), [57_000]);
});

test("amounts are read and written with their units", () => {
  const texts = ["2500", " 10k", "1.5 M", ".5", "0", "-1", "1e5", "k", "", "10kk", "1,000"];
  assert.deepEqual(texts.map(amountOf), [2500, 10_000, 1_500_000, 0.5, 0, null, null, null, null, null, null]);
  const amounts = [0.125, 999, 1000, 1250, 12_345, 1_500_000, 1e9].map(amountText);
  assert.deepEqual(amounts, ["0.125", "999", "1K", "1250", "12345", "1.5M", "1B"]);
});

test("the filtered tape keeps more than the last trades", () => {
  const kept = new Kept();
  const frame = (ids, sizes) => [ids, ids, ids.map(() => 2), sizes, ids.map(() => 1)];
  kept.apply(frame([1, 2, 3], [5, 50, 5]), 20, 3);
  kept.apply(frame([2, 3, 4, 5], [50, 5, 60, 5]), 20, 3);
  kept.apply(frame([6, 7, 8, 9], [70, 5, 80, 90]), 20, 3);
  assert.deepEqual([kept.rows.map(([id]) => id), kept.lastId, kept.counted], [[6, 8, 9], 9, 9]);
});

test("a replay that jumps begins the list again, and no trade is missing", () => {
  const kept = new Kept();
  const of = (ids) => [ids, ids, ids.map(() => 10), ids.map(() => 1), ids.map(() => 1)];
  kept.apply(of([5, 6]), 0, 50);
  kept.apply(of([90, 91]), 0, 50, { replayed: true });
  assert.deepEqual(kept.rows.map(([id]) => id), [90, 91]);
  kept.apply(of([91, 92]), 0, 50, { replayed: true });
  assert.deepEqual(kept.rows.map(([id]) => id), [90, 91, 92]);
  kept.apply(of([200]), 0, 50);
  assert.equal(kept.rows.at(-2)[1], GAP);
});
