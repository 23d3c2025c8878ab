import assert from "node:assert/strict";
import test from "node:test";
import { settings, usePage } from "../support.js";

usePage();
const { answeredView, openingView, untouchedView } = await import("../../../orderfox_nb/widgets/page/page_opening.js");

const cell = (changes = {}) => ({
  symbol: ["BTCUSDT"], rounding: ["auto"], minimum_notional: [0], timeframe: "1m", rows: 20, ...changes,
});
const row = (asked, symbol, tick_size) => ({ asked, symbol, tick_size });
const unknown = (asked, ...suggestions) =>
  ({ asked, symbol: null, message: `Symbol ${asked} not found.`, suggestions, largest: "BTCUSDT" });

// A row height of 0.01 was kept for a symbol whose tick is 0.1.
test("what was chosen for one symbol never goes to another", () => {
  const stored = { symbol: ["SOLUSDT", "ETHUSDT"], rounding: ["0.01", "0.5"], minimum_notional: [5000, 0] };
  const open = (link, given = [], own = {}) => {
    const opened = openingView({ settings, link, stored, cell: cell(own), given: new Set(given) });
    return [opened.symbol, opened.rounding, opened.minimum_notional];
  };
  const sol = { symbol: ["SOLUSDT"], rounding: ["0.1"] };
  assert.deepEqual(open({}), [["SOLUSDT", "ETHUSDT"], ["0.01", "0.5"], [5000, 0]]);
  // A value in quote currency means the same for every symbol.
  assert.deepEqual(open({ symbol: ["BTCUSDT"] }), [["BTCUSDT"], ["auto"], [5000]]);
  assert.deepEqual(open({ symbol: ["eth/usdt"] }), [["eth/usdt"], ["0.5"], [5000]]);
  assert.deepEqual(open({ symbol: ["BTCUSDT"], rounding: ["10"] }), [["BTCUSDT"], ["10"], [5000]]);
  assert.deepEqual(open({}, ["symbol"]), [["BTCUSDT"], ["auto"], [5000]]);
  assert.deepEqual(open({ symbol: ["XRPUSDT"] }, ["symbol", "rounding"], sol), [["XRPUSDT"], ["auto"], [5000]]);
  assert.deepEqual(open({ symbol: ["SOLUSDT"] }, ["symbol", "rounding"], sol), [["SOLUSDT"], ["0.1"], [5000]]);
});

const rows = [
  row("btc", "BTCUSDT", "0.1"), row("BTCUSDT", "BTCUSDT", "0.1"), row("币安人生", "币安人生USDT", "0.00001"),
  row("SOLUSDT", "SOLUSDT", "0.01"), unknown("NOPE"), unknown("BTCUSD", "BTCUSDT"),
];
const answer = (link, { stored = {}, given = [], own = {} } = {}) => {
  const { view, notes } = answeredView({ settings, link, stored, cell: cell(own), given: new Set(given), rows });
  const symbols = (suggestions) => suggestions.map(({ symbol }) => symbol);
  const said = notes.map(({ text, suggestions, beside }) => [text, symbols(suggestions), beside]);
  return [view.symbol, view.rounding, said];
};

test("a link opens what it says, or the page says why not", () => {
  assert.deepEqual(answer({ symbol: ["btc", "币安人生"], rounding: ["0.01", "0.001"] }), [
    ["BTCUSDT", "币安人生USDT"], ["0.1", "0.001"],
    [["The link says rounding=0.01: prices of BTCUSDT go in steps of 0.1. Shown: 0.1.", [], true]],
  ]);
  assert.deepEqual(answer({ symbol: ["BTCUSD", "SOLUSDT"], rounding: ["10", "0.5"] }), [
    ["SOLUSDT"], ["0.5"], [["Symbol BTCUSD not found. Shown: SOLUSDT.", ["BTCUSDT"], true]],
  ]);
  assert.deepEqual(answer({ symbol: ["BTCUSD"] }, { stored: { symbol: ["SOLUSDT"], rounding: ["0.001"] } }), [
    ["SOLUSDT"], ["auto"], [["Symbol BTCUSD not found. Shown: SOLUSDT.", ["BTCUSDT"], false]],
  ]);
});

test("what is not listed gives way to the largest symbol unless a cell has named it", () => {
  const [forgotten, , notes] = answer({}, { stored: { symbol: ["NOPE"] } });
  assert.deepEqual(forgotten, ["BTCUSDT"]);
  assert.deepEqual(notes, [["NOPE, shown last time, is not listed. Shown: BTCUSDT.", [], false]]);
  assert.deepEqual(answer({}, { own: { symbol: ["NOPE"] } }), [["BTCUSDT"], ["auto"], []], "nobody asked for it");
  const [given, , said] = answer({}, { own: { symbol: ["NOPE"] }, given: ["symbol"] });
  assert.deepEqual([given, said], [["NOPE"], [["Symbol NOPE not found.", [], false]]]);
});

// A row height chosen while the server was asked which symbols are meant went back with its answer.
test("the answer changes nothing that the viewer has chosen meanwhile", () => {
  const first = { symbol: ["btc"], rounding: ["auto"], minimum_notional: [0] };
  const shown = { ...first, rounding: ["10"], timeframe: "1h" };
  const answered = { symbol: ["BTCUSDT"], rounding: ["auto"], minimum_notional: [0] };
  assert.deepEqual({ ...shown, ...untouchedView(answered, first, shown) },
    { symbol: ["BTCUSDT"], rounding: ["10"], minimum_notional: [0], timeframe: "1h" });
  const two = { symbol: ["btc", "NOPE"], rounding: ["auto", "5"], minimum_notional: [0, 0] };
  const fewer = untouchedView(answered, two, { ...two, rounding: ["10", "5"] });
  assert.deepEqual(fewer, answered);
});
