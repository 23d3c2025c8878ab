// What the panels compute of their frames.
import assert from "node:assert/strict";
import test from "node:test";
import { depthAt, maxDepth } from "../../../orderfox_nb/widgets/chart/depth_paint.js";
import { usePage } from "../support.js";

usePage();
const { fillAt, fillLines } = await import("../../../orderfox_nb/widgets/panels/order_book_tip.js");
const { lastLapses, marketNote, OwnLapses, unverifiedNote, worstState } = await import(
  "../../../orderfox_nb/widgets/panels/quality_tip.js"
);

test("a fill gives average price and slippage of a row", () => {
  const frame = {
    bids: [[100, 99], [5, 5], [5, 10]], asks: [[101, 102], [2, 6], [2, 8]], averages: [[100, 99.5], [101, 101.75]],
    best_bid: 1000, best_ask: 1010, tick_digits: 1, price_digits: 0, size_digits: 0,
  };
  const fill = fillAt(frame, "ask", 1);
  assert.deepEqual([fill.size, fill.notional, fill.slippage], [8, 814, 0.75]);
  assert.equal(fillAt(frame, "bid", 2), null);
  assert.deepEqual(fillLines(fill, "ask", frame).at(-1), ["Slippage", "0.75 · 74.26 bp"]);
});

test("depth at a price is that of the last point before it", () => {
  const frame = {
    middle: 100, price_digits: 1, size_digits: 2,
    bids: [[999, 990, 950], [100, 300, 900], [100, 298, 870]], asks: [[1001, 1010], [50, 150], [50, 151]],
  };
  const at = (price) => {
    const one = depthAt(frame, price);
    return one && [one.side, one.index, one.size];
  };
  assert.deepEqual([99.95, 99.9, 97, 10, 100.5, 101].map(at), [
    null, ["bids", 0, 1], ["bids", 1, 3], ["bids", 2, 9], ["asks", 0, 0.5], ["asks", 1, 1.5],
  ]);
  assert.equal(maxDepth(frame), 9);
});

const NOW = 10_000_000;
const entry = (stream, state) => ({ request: { symbol: "A", stream }, frame: { quality: { state } } });

test("lapses of the last hour come newest first with those of the page", () => {
  const lapse = (state, start, end) => ({ state, start, end, reason: "", lost: null });
  const answer = {
    topics: [
      { topic: "sim/BTCUSDT/book", lapses: [lapse("down", 1_000, 2_000), lapse("gap", NOW - 9_000, NOW - 8_000)] },
      { topic: "sim/BTCUSDT/trades", lapses: [lapse("stale", NOW - 5_000, null)] },
    ],
  };
  assert.deepEqual(lastLapses(answer, NOW).map(({ channel, state, to }) => [channel, state, to]), [
    ["trades", "stale", NOW], ["book", "gap", NOW - 8_000],
  ]);
  const own = new OwnLapses();
  for (const [open, time] of [[true, 1], [false, 5], [false, 7], [true, NOW - 10], [false, NOW - 5]]) {
    own.note(open, time);
  }
  assert.deepEqual(own.all(NOW).map(({ from, to }) => [from, to]), [[5, NOW - 10], [NOW - 5, NOW]]);
});

test("the worst state of a market is named with its streams", () => {
  const entries = [entry("book", "live"), entry("trades", "gap"), entry("depth", "gap")];
  assert.deepEqual(worstState(entries, "A"), ["gap", ["trades", "depth"]]);
  assert.equal(worstState([], "A"), null);
});

test("a market that is closed or goes says so", () => {
  const of = (quality) => ({ request: { symbol: "A" }, frame: { quality } });
  const going = of({ state: "down", status: "A is being delisted (SETTLING)" });
  assert.deepEqual(marketNote([entry("book", "live"), going], "A"), {
    status: "A is being delisted (SETTLING)", session: "",
  });
  assert.deepEqual(marketNote([of({ state: "live", session: "closed" })], "A"), { status: "", session: "closed" });
});

test("what a venue cannot show about itself is said", () => {
  assert.equal(unverifiedNote(undefined), "");
  assert.equal(unverifiedNote({ unverified: [] }), "");
  assert.equal(
    unverifiedNote({ unverified: ["book", "trades"] }),
    "Not verifiable at this venue: the order book and trades. A loss there may go unnoticed.",
  );
});
