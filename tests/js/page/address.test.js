import assert from "node:assert/strict";
import test, { beforeEach } from "node:test";
import { ViewSettings } from "../../../orderfox_nb/widgets/page/page_settings.js";
import { rows, settings, usePage, view } from "../support.js";

usePage();
const page = await import("../../../orderfox_nb/widgets/page/page_url.js");

let store;
beforeEach(() => {
  store = usePage();
  delete globalThis[Symbol.for("orderfox.address.v1")];
});

const asked = () => Object.fromEntries(new URLSearchParams(location.search));
const lastLine = (code) => code.trim().split("\n").at(-1);
const MANY = {
  symbol: ["BTCUSDT", "ETHUSDT"], rounding: ["auto", "0.5"], minimum_notional: [0, 0.25], layout: "chart",
};

test("a view as code names only what is not by itself", () => {
  assert.equal(
    lastLine(page.viewCode(view(), settings)), 'Dashboard(symbol="BTCUSDT", timeframe="1m", rows=20)',
  );
  assert.equal(
    lastLine(page.viewCode(view(MANY), settings)),
    'Dashboard(symbols=["BTCUSDT", "ETHUSDT"], timeframe="1m", rounding=["auto", "0.5"], rows=20, ' +
      'minimum_notional=[0, 0.25], layout="chart")',
  );
});

test("an address names what is not by itself, and always market, timeframe and rows", () => {
  assert.deepEqual(page.viewTexts(view(MANY), settings), {
    symbol: "BTCUSDT,ETHUSDT", timeframe: "1m", rounding: "auto,0.5", minimum_notional: "0,0.25", rows: "20",
    layout: "chart",
  });
});

test("what a cell gave is said in the address also where it was chosen away", () => {
  const texts = page.viewTexts(view(), settings, new Set(["overlays", "minimum_notional", "whole_market"]));
  const { overlays, minimum_notional, whole_market } = settings.readView(texts).view;
  assert.deepEqual([overlays, minimum_notional, whole_market], [[], [0], false]);
});

test("two dashboards of a page keep their views apart in its address", () => {
  const of = (symbol, layout) => view({
    symbol, timeframe: "5m", rounding: symbol.map(() => "auto"), minimum_notional: symbol.map(() => 0), layout,
  });
  const given = new Set();
  page.addressPrefix("dashboard");
  page.keep("second one", of(["ETHUSDT", "SOLUSDT"], "book"), settings, given);
  page.keep("dashboard", of(["BTCUSDT"], "chart"), settings, given);
  const views = () => ["dashboard", "second one", "third"].map((name) => page.fromUrl(name, settings).view);
  const [first, second, third] = views();
  assert.deepEqual(first, { symbol: ["BTCUSDT"], timeframe: "5m", rounding: ["auto"], rows: 20, layout: "chart" });
  assert.deepEqual([second.symbol, second.layout], [["ETHUSDT", "SOLUSDT"], "book"]);
  assert.deepEqual(third, {});
  page.keep("second one", of(["ETHUSDT", "SOLUSDT"], "default"), settings, given);
  assert.deepEqual(views().map(({ layout }) => layout), ["chart", undefined, undefined]);
});

test("a copied link leaves the server's token out", () => {
  globalThis.location = new URL("http://127.0.0.1/desk/?token=secret&symbol=BTCUSDT,ETHUSDT&zone=utc#top");
  assert.equal(page.viewLink(), "http://127.0.0.1/desk/?symbol=BTCUSDT,ETHUSDT&zone=utc#top");
});

test("the address says what the page shows and says it once", () => {
  globalThis.location = new URL(
    "http://127.0.0.1/desk/?Symbols=btc&timeframe=7m&minimum_size=5&utm_source=x",
  );
  page.keep("dashboard", view({ symbol: ["币安人生USDT", "BTCUSDT"], rounding: ["auto", "10"] }), settings, new Set());
  assert.deepEqual(asked(), {
    utm_source: "x", symbol: "币安人生USDT,BTCUSDT", timeframe: "1m", rounding: "auto,10", rows: "20",
  });
  assert.equal(page.fromUrl("dashboard", settings).whole, true);
  globalThis.location = new URL("http://127.0.0.1/?symbol=BTCUSDT&timeframe=5m"); // typed: the rest is the reader's own
  assert.equal(page.fromUrl("dashboard", settings).whole, false);
});

test("a browser remembers a view but for what the table says it shall forget", () => {
  const forgetful = new ViewSettings(rows.map((row) => ({ ...row, remembered: row.name !== "span" })));
  page.keep("dashboard", view({ span: "15m", log_scale: true }), forgetful, new Set());
  assert.equal(asked().span, "15m");
  const { span, log_scale } = page.fromStore("dashboard", settings);
  assert.deepEqual([span, log_scale], [undefined, true]);
  store.set("orderfox.view.v1:dashboard", '{"span": "15m", "symbol": "ETHUSDT"}');
  assert.deepEqual(page.fromStore("dashboard", forgetful), { symbol: ["ETHUSDT"] });
  store.set("orderfox.view.v1:dashboard", "not JSON");
  assert.deepEqual(page.fromStore("dashboard", settings), {});
});
