// Several venues on one page: which one is meant, what the picker lists, and what a page opens with.
import assert from "node:assert/strict";
import test from "node:test";
import { settings, usePage, view } from "../support.js";

usePage();
const WIDGETS = "../../../orderfox_nb/widgets/page/";
const { Venues } = await import(`${WIDGETS}venues.js`);
const { joinedLists } = await import(`${WIDGETS}symbol_lists.js`);
const { listSymbols, marketAt } = await import(`${WIDGETS}symbol_list.js`);
const { answeredView, namedMarkets, openingView, withVenues } = await import(`${WIDGETS}page_opening.js`);
const { viewCode, viewTexts } = await import(`${WIDGETS}page_url.js`);
const { LastPrices } = await import(`${WIDGETS}last_price.js`);

const origin = (venue, more = {}) => ({ source: venue, venue, simulated: true, absent: [], ...more });
const hello = {
  venue: "sim", time: 1_000, times: { sim: 1_000, "sim-spot": 5_000 },
  origins: { sim: origin("sim"), "sim-spot": origin("sim-spot", { absent: ["mark"] }) },
};
const greeted = (message = hello) => {
  const venues = new Venues();
  venues.greeted(message, 10_000);
  return venues;
};

test("the first venue has no name on a page and no label where it is alone", () => {
  const venues = greeted();
  assert.deepEqual(["", "sim", "sim-spot"].map((one) => venues.idOf(one)), ["", "", "sim-spot"]);
  assert.deepEqual(["", "sim-spot"].map((one) => venues.labelOf(one)), ["sim", "sim-spot"]);
  assert.deepEqual(["", "sim-spot", "okx"].map((one) => venues.has(one)), [true, true, false]);
  const alone = greeted({ ...hello, origins: { sim: origin("sim") } });
  assert.deepEqual([alone.labelOf(""), alone.areSeveral], ["", false]);
});

test("each venue has its own source, channels and clock", () => {
  const venues = greeted();
  assert.deepEqual([venues.isAbsent("mark"), venues.isAbsent("mark", "sim-spot")], [false, true]);
  assert.deepEqual([venues.lagOf("").offset, venues.lagOf("sim-spot").offset], [9_000, 5_000]);
  venues.changed({ venue: "sim-spot", origin: origin("sim-spot", { problem: "down" }) });
  venues.changed({ venue: "okx", origin: origin("okx") });
  assert.deepEqual([venues.originOf("").problem, venues.originOf("sim-spot").problem], [undefined, "down"]);
  assert.deepEqual(venues.names, ["sim", "sim-spot"]);
});

test("the picker lists and searches all venues, with a favourite of one venue alone", () => {
  const frame = (kind, ...ids) => ({ symbols: [ids, ids, ids.map(() => 1), ids, ids, ids, ids.map(() => kind)] });
  const symbols = joinedLists([["", frame("PERPETUAL", "BTCUSDT", "ETHUSDT")], ["sim-spot", frame("SPOT", "BTCUSDT")]]);
  const labelOf = (venue) => venue || "sim";
  const found = (options) => listSymbols(symbols, { labelOf, ...options }).map((row) => {
    const { venue, symbol } = marketAt(symbols, row);
    return `${venue}/${symbol}`;
  });
  assert.deepEqual(found({ search: "btc" }), ["/BTCUSDT", "sim-spot/BTCUSDT"]);
  assert.deepEqual(found({ search: "sim-spot:btc" }), ["sim-spot/BTCUSDT"]);
  assert.deepEqual(found({ search: "SIM:" }), ["/BTCUSDT", "/ETHUSDT"]);
  assert.deepEqual(found({ search: "BTC/USDT" }), ["/BTCUSDT", "sim-spot/BTCUSDT"]);
  assert.deepEqual(found({ search: "BTC/USDT:USDT" }), ["/BTCUSDT"]);
  const [first] = found({ favourites: ["sim-spot:BTCUSDT"] });
  assert.equal(first, "sim-spot/BTCUSDT");
});

const cell = { symbol: ["BTCUSDT"], venue: [""], rounding: ["auto"], minimum_notional: [0], timeframe: "1m", rows: 20 };
const open = (link, { stored = {}, given = [], own = cell } = {}) => {
  const views = withVenues({ settings, link, stored, cell: own, given: new Set(given) });
  const opened = openingView({ settings, ...views, given: new Set(given) });
  return [opened.symbol, opened.venue, opened.rounding];
};

test("a venue belongs to the symbol that it is named with, and so does a row height", () => {
  const stored = { symbol: ["BTCUSDT"], venue: ["sim-spot"], rounding: ["5"] };
  assert.deepEqual(open({}, { stored }), [["BTCUSDT"], ["sim-spot"], ["5"]]);
  assert.deepEqual(open({ symbol: ["BTCUSDT"] }, { stored }), [["BTCUSDT"], [""], ["auto"]]);
  assert.deepEqual(open({ symbol: ["BTCUSDT"], venue: ["sim-spot"] }, { stored }), [["BTCUSDT"], ["sim-spot"], ["5"]]);
  assert.deepEqual(open({ venue: ["sim-spot"] }), [["BTCUSDT"], ["sim-spot"], ["auto"]]);
  assert.deepEqual(open({}, { stored, given: ["symbol"] }), [["BTCUSDT"], [""], ["auto"]]);
  const own = { ...cell, venue: ["okx"] };
  assert.deepEqual(open({}, { stored, given: ["venue"], own }), [["BTCUSDT"], ["okx"], ["auto"]]);
});

test("a venue that the server does not have gives way with a notice", () => {
  const rows = [
    { asked: "BTCUSDT", venue: "", id: "", symbol: "BTCUSDT" },
    { asked: "eth", venue: "sim-spot", id: "sim-spot", symbol: "ETHUSDT" },
    { asked: "BTCUSDT", venue: "okx", id: "", symbol: null, message: "There is no venue okx here.", suggestions: [] },
  ];
  const answer = (link) => {
    const views = withVenues({ settings, link, stored: {}, cell, given: new Set() });
    assert.ok(namedMarkets(...[views.link, views.cell]).length >= 1);
    const { view: shown, notes } = answeredView({ settings, ...views, given: new Set(), rows });
    return [shown.symbol, shown.venue, notes.map(({ text }) => text)];
  };
  assert.deepEqual(answer({ symbol: ["eth"], venue: ["sim-spot"] }), [["ETHUSDT"], ["sim-spot"], []]);
  const unknown = { symbol: ["BTCUSDT"], venue: ["okx"] };
  assert.deepEqual(answer(unknown), [["BTCUSDT"], [""], ["There is no venue okx here."]]);
  assert.deepEqual(answer({ symbol: ["BTCUSDT", "eth"], venue: ["okx", "sim-spot"] }).slice(0, 2),
    [["ETHUSDT"], ["sim-spot"]]);
});

test("address and code name the venue, and nothing names the only one", () => {
  const two = view({ symbol: ["BTCUSDT", "BTCUSDT"], venue: ["sim", "sim-spot"], rounding: ["auto", "auto"] });
  assert.equal(viewTexts(two, settings).venue, "sim,sim-spot");
  assert.match(viewCode(two, settings), /symbols=\["BTCUSDT", "BTCUSDT"\], venue=\["sim", "sim-spot"\]/);
  const { view: back } = settings.readView(viewTexts(two, settings));
  assert.deepEqual(back.venue, ["sim", "sim-spot"]);
  const alone = view({ symbol: ["BTCUSDT"] });
  assert.deepEqual([viewTexts(alone, settings).venue, viewCode(alone, settings).includes("venue")], [undefined, false]);
  assert.equal(settings.readView({ venue: "no venue" }).refused[0].reason, "expected a venue such as binance");
});

test("one symbol has a last price at each venue", () => {
  const prices = new LastPrices();
  const seen = {};
  for (const market of ["BTCUSDT", "sim-spot/BTCUSDT"]) prices.listen(market, (one) => (seen[market] = one?.text));
  const entry = (venue, last) => ({
    request: { venue, symbol: "BTCUSDT", stream: "ticker" }, frame: { last, last_time: 1, price_digits: 0 },
  });
  prices.commit([entry("", 10), entry("sim-spot", 20)]);
  assert.deepEqual(seen, { BTCUSDT: "10", "sim-spot/BTCUSDT": "20" });
});
