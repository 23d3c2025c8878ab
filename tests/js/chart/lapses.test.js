import assert from "node:assert/strict";
import test from "node:test";
import { Lapses, lapseAt, lapseBoxes } from "../../../orderfox_nb/widgets/chart/candle_lapses.js";

const row = ({ state, from, to, reason }) => [state, from, to, reason];

test("lapses are those that frames report and those that the page saw", () => {
  const lapses = new Lapses();
  lapses.note({ state: "syncing", since: 0 }, 1000, undefined); // a topic that only begins
  lapses.note({ state: "live", since: 2000 }, 2000, [["gap", 100, 900, "cut", 7], ["down", 950, null, "", -1]]);
  assert.deepEqual(lapses.all(5000).map(row), [["gap", 100, 900, "cut"], ["down", 950, 5000, ""]]);
  lapses.reset("other");
  lapses.note({ state: "live", since: 1 }, 1);
  lapses.note({ state: "gap", since: 30_000 }, 31_000);
  lapses.note({ state: "gap", since: 30_000 }, 32_000);
  assert.deepEqual(lapses.all(33_000).map(row), [["gap", 30_000, 33_000, ""]]);
  lapses.note({ state: "live", since: 40_000 }, 40_100);
  lapses.connection(false, 50_000);
  assert.equal(lapses.all(51_000).at(-1).state, "lost");
  lapses.connection(true, 60_000);
  assert.deepEqual(lapses.all(61_000).map(row), [["gap", 30_000, 40_000, ""]]);
});

test("a topic that synchronises after a lost connection is beginning and no lapse", () => {
  const lapses = new Lapses();
  lapses.connection(true, 0);
  lapses.note({ state: "live", since: 1000 }, 1000);
  lapses.connection(false, 2000);
  lapses.connection(true, 9000);
  // The server had closed the topic meanwhile: its bars are reloaded, and none is missing.
  lapses.note({ state: "syncing", since: 9100 }, 9200);
  lapses.note({ state: "live", since: 9900 }, 9900);
  assert.equal(lapses.all(10_000).length, 0);
  lapses.note({ state: "syncing", since: 20_000 }, 20_000);
  assert.deepEqual(lapses.all(21_000).map(({ state }) => state), ["syncing"]);
});

test("a lapse that the server reports is not shown twice", () => {
  const lapses = new Lapses();
  lapses.note({ state: "live", since: 1 }, 1);
  lapses.note({ state: "gap", since: 30_000 }, 31_000);
  lapses.note({ state: "live", since: 40_000 }, 40_000, [["gap", 29_500, 40_000, "overflow", 3]]);
  assert.deepEqual(lapses.all(41_000).map(({ reason }) => reason), ["overflow"]);
});

test("a lapse is at least three pixels wide and found under the hand", () => {
  const plot = { left: 10, width: 100 };
  const lapses = [{ from: 500, to: 501 }, { from: 800, to: 900 }, { from: 2000, to: 3000 }];
  const boxes = lapseBoxes(lapses, { plot, x: [0, 1000] });
  assert.deepEqual(boxes.map(({ left, width }) => [left, width]), [[60, 3], [90, 10]]);
  const at = (x) => lapseAt(boxes, x)?.from ?? null;
  assert.deepEqual([at(58), at(95), at(75)], [500, 800, null]);
});
