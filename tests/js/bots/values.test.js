// What the form of a bot accepts, and how a bot's numbers are written.
import assert from "node:assert/strict";
import test from "node:test";
import * as values from "../../../orderfox_nb/widgets/bots/bot_values.js";

const spec = (kind, more = {}) => ({
  name: "one", kind, default: null, required: true, minimum: null, above: null, maximum: null, choices: [],
  expected: "something", ...more,
});
const read = (one, text) => values.checkParameter(one, text).value;

test("a parameter keeps its type and its digits, within its bounds", () => {
  const bounded = { minimum: 1, maximum: 50 };
  assert.equal(read(spec("int", bounded), " 5 "), 5);
  assert.equal(read(spec("float"), "-1.5e3"), -1500);
  assert.equal(read(spec("decimal", { above: 0 }), "0.1000"), "0.1000");
  assert.equal(read(spec("bool"), "false"), false);
  assert.equal(read(spec("duration"), "1.5h"), "1.5h");
  assert.equal(read(spec("choice", { choices: ["ema", "vwap"] }), "vwap"), "vwap");
  const wrong = [
    [spec("int", bounded), "0"], [spec("int", bounded), "51"], [spec("int"), "1.5"], [spec("int"), "1e300"],
    [spec("float"), "NaN"], [spec("float"), "Infinity"], [spec("float"), "1_000"], [spec("float"), "١"],
    [spec("decimal", { above: 0 }), "0"], [spec("bool"), "yes"], [spec("duration"), "5"], [spec("duration"), "1 week"],
    [spec("choice", { choices: ["ema"] }), "sma"], [spec("text"), "x".repeat(201)], [spec("int"), ""],
  ];
  for (const [one, text] of wrong) {
    assert.deepEqual(values.checkParameter(one, text), { problem: "Must be something." }, `${one.kind} ${text}`);
  }
  assert.equal(read(spec("decimal", { required: false, default: "0.010" }), ""), "0.010");
});

test("bounds are said in short", () => {
  const [both, above] = [{ minimum: 1, maximum: 50 }, { above: 0 }];
  const bounds = [both, above, { minimum: 1 }, { above: 0, maximum: 2 }, { maximum: 9 }, {}];
  assert.deepEqual(bounds.map(values.boundsText), ["1 to 50", "> 0", "≥ 1", "> 0, ≤ 2", "≤ 9", ""]);
});

test("a name is one line with something in it", () => {
  assert.deepEqual(values.checkName("  <b>Grid</b> "), { value: "<b>Grid</b>" });
  for (const text of ["", "   ", "two\nlines", "x".repeat(101)]) assert.ok(values.checkName(text).problem, text);
  assert.ok(values.checkDescription("x".repeat(201)).problem);
});

test("profit is a band from the worst to the best, or one number where both are equal to the cent", () => {
  const band = (low, high, isShort) => values.bandTexts({ low, high }, isShort);
  assert.deepEqual(band("-1.2", "12.31"), [{ text: "−1.20", value: -120 }, { text: "+12.31", value: 1231 }]);
  assert.deepEqual(band("44.101", "44.104"), [{ text: "+44.10", value: 4410 }]);
  assert.deepEqual(band("0", "-0.001"), [{ text: "0.00", value: 0 }]);
  assert.deepEqual(band("-1204.5", "999", true).map(({ text }) => text), ["−1.2K", "+999.00"]);
});

test("no digit of a decimal is lost", () => {
  const texts = ["-0.010", "61650.20", "1234567.000000001", null].map(values.decimalText);
  assert.deepEqual(texts, ["−0.010", "61,650.20", "1,234,567.000000001", "–"]);
  const given = [["67454", 1], ["0.0105", 3], ["-5", 0], ["0.01", 3]];
  const padded = given.map(([text, digits]) => values.paddedText(text, digits));
  assert.deepEqual(padded, ["67,454.0", "0.0105", "−5", "0.010"]);
  const figures = Object.entries({
    profit: -1234.5678, profit_share: -0.0123, max_drawdown_share: 0.5, sharpe: -1.23456, period_s: 60, orders: 12345,
    fees: 0.123456, win_rate: null, something_new: 0.123456,
  });
  assert.deepEqual(figures.map(([name, value]) => values.figureText(name, value)), [
    "−1,234.57", "−1.23 %", "50.00 %", "−1.23", "1 min", "12,345", "0.12", "–", "0.12",
  ]);
  assert.deepEqual([values.moneyText("10012.31"), values.signedText(null)], ["10,012.31", "–"]);
  assert.deepEqual(["1", "-1", "0"].map((one) => values.signClass(Number(one))), ["of-bid", "of-ask", ""]);
});
