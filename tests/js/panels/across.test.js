// What a panel over several venues says: parts of a row, a crossing, trades that come late.
import assert from "node:assert/strict";
import { test } from "node:test";
import "../support.js";

const { crossingText, memberName, partsImage } =
  await import("../../../orderfox_nb/widgets/panels/across_view.js");
const { coverageText } = await import("../../../orderfox_nb/widgets/panels/liquidations.js");
const { KeptAcross } = await import("../../../orderfox_nb/widgets/panels/tape.js");
const { partLines } = await import("../../../orderfox_nb/widgets/panels/order_book_tip.js");
const { spreadTexts } = await import("../../../orderfox_nb/widgets/panels/ladder_texts.js");
const { askedOf, Venues, venuesMeant } = await import("../../../orderfox_nb/widgets/page/venues.js");

const members = ["sim", "sim-b"].map((venue) => ({ venue, market: `${venue}:BTCUSDT`, quote: "USDT" }));
const crossing = {
  kind: "arbitrage", buy: 0, sell: 1, ask: "50000.1", bid: "50000.5", width: "0.4", size: "2", gross: "0.8",
  opportunity: true, unconfirmed: "",
};

test("the sums of a venue stand beside a word for what its stream covers", () => {
  const sums = { "1h": [9_460, 14_950] };
  const textOf = (coverage, covers, since) => coverageText({ sums, coverage, covers, since }, "sim", "1h");
  assert.deepEqual([textOf("sampled", "sampled: at most one"), textOf("none", "none reported")], [
    "sim: longs 14.95K, shorts 9.46K, sampled", "sim: none reported",
  ]);
  assert.match(textOf("complete", "all orders", 1_790_000_000_000), /, all orders since \d\d:\d\d$/);
});

test("a bar is divided by venue, and one that has nothing has no part", () => {
  assert.equal(
    partsImage([1, 0, 3], 4),
    "linear-gradient(to left, var(--of-venue-0) 0.00% 25.00%, var(--of-venue-2) 25.00% 100.00%)",
  );
});

test("an opportunity says where to buy and to sell, and one that is not confirmed only why", () => {
  const frame = { crossing, members, tick_digits: 1, base_asset: "BTC" };
  assert.equal(
    crossingText(frame),
    "0.08 bp arbitrage: buy sim 50,000.1, sell sim-b 50,000.5 · 2.000 BTC, 0.80 USDT before fees",
  );
  const unconfirmed = "sim-b:BTCUSDT last changed 2.4 s ago (at most 2 s)";
  const old = { ...crossing, opportunity: false, unconfirmed, size: null, gross: null };
  assert.equal(crossingText({ ...frame, crossing: old }), `Crossed by 0.4, not confirmed: ${unconfirmed}`);
  assert.equal(crossingText({ ...frame, crossing: null }), "");
  assert.equal(spreadTexts({ best_bid: 500_005, best_ask: 500_001, tick_digits: 1 })[0], "crossed by 0.4 · 0.08 bp");
});

test("two markets of one venue are named with their symbols", () => {
  assert.equal(memberName(members[0], members), "sim");
  const two = [members[0], { venue: "sim", market: "sim:BTCUSDC" }];
  assert.equal(memberName(two[1], two), "sim:BTCUSDC");
});

test("a late trade of one venue stands at its time, and none stands twice", () => {
  const kept = new KeptAcross();
  kept.apply([[1, 2], [10, 30], [100, 100], [1, 1], [1, 1], [0, 0]], 0, 10);
  kept.apply([[1, 1, 2], [10, 20, 30], [100, 101, 100], [1, 1, 1], [1, -1, 1], [0, 1, 0]], 0, 10);
  assert.deepEqual(kept.rows.map(([id, time, , , , place]) => [id, time, place]), [[1, 10, 0], [1, 20, 1], [2, 30, 0]]);
  kept.apply([[90], [90], [100], [1], [1], [0]], 0, 10);
  assert.deepEqual(kept.rows.map(([id]) => id), [90], "what came in between is not known");
});

test("a row says what each venue has in it", () => {
  const frame = { bids: [[1], [3000], [3000], [[1000], [2000]]], members, size_digits: 3 };
  assert.deepEqual(partLines("bid", 0, frame), [["sim", "1.000"], ["sim-b", "2.000"]]);
  assert.deepEqual(partLines("bid", 0, { ...frame, bids: [[1], [3000], [3000]] }), []);
});

test("a widget of several venues asks for their markets and its currency", () => {
  const traits = { symbol: "BTCUSDT", symbols: ["sim:BTCUSDT", "sim-b:BTCUSDT"], currency: "apart" };
  const model = { get: (name) => traits[name] };
  const link = { venues: new Venues(), playhead: { isPast: false } };
  assert.deepEqual(askedOf(model, link, "book", { rows: 50 }), {
    symbol: "sim:BTCUSDT,sim-b:BTCUSDT", stream: "book", parameters: { rows: 50, currency: "apart" },
  });
  traits.symbols = [];
  const one = { symbol: "BTCUSDT", stream: "book", parameters: { rows: 50 } };
  assert.deepEqual(askedOf(model, link, "book", { rows: 50 }), one);
});

test("a widget over all venues asks for its market with its venue, once the venues are known", () => {
  const traits = { symbol: "BTCUSDT", venue: "", symbols: [], currency: "apart", all_venues: true };
  const model = { get: (name) => traits[name] };
  const link = { venues: new Venues(), playhead: { isPast: false } };
  const one = { symbol: "BTCUSDT", stream: "book", parameters: {} };
  const all = { symbol: "sim:BTCUSDT", stream: "book", parameters: { currency: "apart" } };
  assert.equal(askedOf(model, link, "book", {}), null, "the first venue has no name yet");
  link.venues.greeted({ venue: "sim", origins: { sim: {}, "sim-b": {} }, time: 0 }, 0);
  assert.deepEqual(askedOf(model, link, "book", {}), all);
  assert.deepEqual(venuesMeant(model, link), ["sim", "sim-b"]);
  traits.venue = "sim-b";
  assert.equal(askedOf(model, link, "book", {}).symbol, "sim-b:BTCUSDT");
  for (const [name, value] of [["symbol", "*"], ["whole_market", true], ["all_venues", false]]) {
    const before = traits[name];
    traits[name] = value;
    assert.equal(askedOf(model, link, "liquidations", {}).parameters.currency, undefined, name);
    traits[name] = before;
  }
  link.playhead.isPast = true;
  assert.deepEqual(askedOf(model, link, "book", {}), one, "the past is that of one venue");
  link.playhead.isPast = false;
  link.venues.greeted({ venue: "sim", origins: { sim: {} }, time: 0 }, 0);
  assert.deepEqual(askedOf(model, link, "book", {}), one, "one venue is all");
  assert.deepEqual(venuesMeant(model, link), []);
});
