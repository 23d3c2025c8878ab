// The chosen bot's orders and fills on the ladder and on the chart.
import assert from "node:assert/strict";
import test from "node:test";
import { fillMarks } from "../../../orderfox_nb/widgets/chart/candle_bot.js";
import { shownBot } from "../../../orderfox_nb/widgets/page/shown_bot.js";
import { ownRows } from "../../../orderfox_nb/widgets/panels/ladder_axis.js";

const order = (side, price, more = {}) => ({ side, price, triggerPrice: null, amount: "0.010", ...more });

test("an order stands in the row whose price is not better than its own", () => {
  const orders = [
    order("buy", "617.9"), order("sell", "617.1"), order("buy", "610.0"), order("buy", "612.5"),
    order("sell", null, { triggerPrice: "600.0" }), order("buy", null),
  ];
  const rows = ownRows(orders, 100, 1); // rows of 10.0
  assert.deepEqual([...rows.keys()].sort(), ["ask 60", "ask 62", "bid 61"]);
  assert.equal(rows.get("bid 61"), "buy 0.010 at 617.9\nbuy 0.010 at 610.0\nbuy 0.010 at 612.5");
  assert.equal(rows.get("ask 60"), "sell 0.010 at 600.0");
});

test("fills of a bar at one price are one mark, and those before the first bar none", () => {
  const fill = (timestamp, side, price) => ({ timestamp, side, price });
  const times = [60, 120, 180];
  const marks = fillMarks([
    fill(59_999, "buy", "1.0"), fill(60_000, "buy", "1.0"), fill(119_999, "buy", "1.0"), fill(119_999, "sell", "1.0"),
    fill(500_000, "sell", "2.5"),
  ], times);
  assert.deepEqual(marks, [
    { time: 60, side: "buy", price: 1, count: 2 }, { time: 60, side: "sell", price: 1, count: 1 },
    { time: 180, side: "sell", price: 2.5, count: 1 },
  ]);
});

test("a bot is shown in its own market alone, and of it in the past what it had traded by then", () => {
  const [panel, other] = [{}, {}];
  const fills = [100, 200, 300].map((timestamp) => ({ timestamp, side: "buy", price: "1.0" }));
  const rows = { orders: [order("buy", "1.0")], fills, bot: "more" };
  let heard = 0;
  const unlisten = shownBot().listen(() => heard++);
  shownBot().show(panel, { venue: "", symbol: "BTCUSDT" }, rows);
  const past = { covers: (venue) => venue === "", now: 200 };
  const ordersIn = (market, playhead) => shownBot().of(market, playhead).orders.length;
  assert.equal(ordersIn({ venue: "", symbol: "BTCUSDT" }), 1);
  assert.equal(ordersIn({ venue: "", symbol: "ETHUSDT" }), 0);
  assert.equal(ordersIn({ venue: "spot", symbol: "BTCUSDT" }), 0);
  assert.equal(ordersIn({ venue: "", symbol: "BTCUSDT" }, past), 0);
  assert.deepEqual(shownBot().of({ venue: "", symbol: "BTCUSDT" }, past).fills, fills.slice(0, 2));
  assert.deepEqual(shownBot().of({ venue: "", symbol: "ETHUSDT" }, past).fills, []);
  assert.deepEqual(shownBot().everIn({ venue: "", symbol: "BTCUSDT" }).fills, fills);
  shownBot().clear(other); // a panel that shows no bot takes nothing from one that does
  assert.equal(ordersIn({ venue: "", symbol: "BTCUSDT" }), 1);
  shownBot().clear(panel);
  assert.deepEqual([ordersIn({ venue: "", symbol: "BTCUSDT" }), heard], [0, 2]);
  unlisten();
});
