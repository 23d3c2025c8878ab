import assert from "node:assert/strict";
import test from "node:test";
import { nearTimeframes } from "../../../orderfox_nb/widgets/page/page_settings.js";
import { settings, usePage } from "../support.js";

usePage();

const read = (text) => settings.readParameters(new URLSearchParams(text), "");
const names = ({ refused }) => refused.map(({ name }) => name).sort();

test("what has the right form is read, and what has not is refused with its reason", () => {
  const { view, refused } = read(
    "symbol=币安人生USDT,btc,BTC/USDT:USDT&rounding=0.5,auto,-1&Timeframe=1M&rows=20&utm_source=x",
  );
  assert.deepEqual(view, {
    symbol: ["币安人生USDT", "btc", "BTC/USDT:USDT"], timeframe: "1M", rounding: ["0.5", "auto", null], rows: 20,
  });
  assert.deepEqual(refused.map(({ name, text }) => [name, text]), [["rounding", "-1"]]);
});

test("nothing else is shown instead of what cannot be shown", () => {
  const { view, refused } = read(
    "symbols=eth,SOLUSDT&timeframe=7m&rows=7&theme=pink&minimum_size=5&whole_market=yes",
  );
  assert.deepEqual(view, { symbol: ["eth", "SOLUSDT"] });
  const byName = Object.fromEntries(refused.map(({ name, text, options }) => [name, [text, options]]));
  assert.deepEqual(byName, {
    timeframe: ["7m", ["5m", "15m"]], rows: ["7", ["fit", "10", "20", "50"]], whole_market: ["yes", ["true", "false"]],
    theme: ["pink", []], minimum_size: ["5", []],
  });
  const reasons = Object.fromEntries(refused.map(({ name, reason }) => [name, reason]));
  assert.match(reasons.timeframe, /^expected 1m, 3m, 5m/);
  assert.match(reasons.minimum_size, /^it is now minimum_notional/);
});

test("no text of an address reaches past its form", () => {
  const { view, style, ...rest } = read("symbol=a b,%00,SOLUSDT&symbol=&rounding=0&layout=constructor&palette=safe");
  assert.deepEqual([view, style], [{}, { palette: "safe" }]);
  assert.deepEqual(new Set(names(rest)), new Set(["symbol", "rounding", "layout"]));
  const stored = JSON.parse('{"symbol": 5, "rows": [], "timeframe": null}');
  assert.deepEqual(settings.readView(stored).view, { symbol: ["5"] });
});

test("an address has at most six markets", () => {
  const { view, refused } = read("symbol=A,B,C,D,E,F,G");
  assert.deepEqual(view.symbol, [..."ABCDEF"]);
  assert.equal(refused[0].reason, "at most 6 fit side by side");
});

test("timeframes of an address are those of the table, and the nearest are offered for any other", () => {
  const { choices } = settings.get("timeframe");
  const readOne = (timeframe) => settings.readView({ timeframe }).view.timeframe;
  assert.deepEqual(choices.map(readOne), choices);
  assert.deepEqual(["9m", "1y", "01m"].map(readOne), [undefined, undefined, undefined]);
  const near = ["60m", "1H", "45m", "10d", "120s", "7", "0m", "<b>"].map((text) => nearTimeframes(text, choices));
  assert.deepEqual(near, [["1h"], ["1h"], ["1h", "30m"], ["1w", "1M"], ["3m", "1m"], [], [], []]);
});

test("overlays of an address are those of the chart", () => {
  const overlays = (text) => settings.readView({ overlays: text }).view.overlays;
  for (const bad of ["ema1", "ema501", "vwap,", "vwap,<b>", "ema020", "sma20", ",vwap"]) {
    assert.equal(overlays(bad), undefined, bad);
  }
  assert.deepEqual(overlays("vwap,ema2,bollinger500"), ["vwap", "ema2", "bollinger500"]);
});
