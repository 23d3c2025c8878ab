// What the page says of its data's state and lag.
import assert from "node:assert/strict";
import test, { afterEach } from "node:test";
import { usePage } from "../support.js";

usePage();
const { stateRank, Steady } = await import("../../../orderfox_nb/widgets/page/steady_state.js");
const { Lag, lagLevel, lagText } = await import("../../../orderfox_nb/widgets/page/lag.js");
const { LastPrices, moveClass } = await import("../../../orderfox_nb/widgets/page/last_price.js");

const realNow = performance.now;
afterEach(() => (performance.now = realNow));

/** A steady state with a clock of its own; `shown` is what it has shown, with times. */
function makeSteady() {
  let clock = 0;
  let alarm = null;
  const shown = [];
  const steady = new Steady(({ state }) => shown.at(-1)?.[1] !== state && shown.push([clock, state]), {
    rank: ({ state }) => stateRank(state),
    now: () => clock,
    later: (wake, ms) => (alarm = { at: clock + ms, wake }),
    cancel: (one) => one === alarm && (alarm = null),
  });
  const until = (time) => {
    while (alarm && alarm.at <= time) {
      const { at, wake } = alarm;
      [alarm, clock] = [null, at];
      wake();
    }
    clock = time;
  };
  return { steady, shown, until };
}

function shownOf(events) {
  const { steady, shown, until } = makeSteady();
  for (const [time, state] of events) {
    until(time);
    steady.set({ state });
  }
  until(events.at(-1)[0] + 10_000);
  return shown;
}

test("what opens is live at once, and a flapping topic stays in the worse of its states", () => {
  const opened = [[0, "connecting"], [50, "waiting"], [90, "syncing"], [120, "live"]];
  const flaps = Array.from({ length: 20 }, (_, at) => [5_000 + 300 * at, at % 2 ? "live" : "stale"]);
  const end = 5_000 + 300 * 19 + 1_000;
  assert.deepEqual(shownOf([...opened, ...flaps]), [...opened, [5_000, "stale"], [end, "live"]]);
});

test("a lapse that is over at once is still shown", () => {
  const events = [[0, "live"], [400, "gap"], [430, "syncing"], [450, "live"]];
  assert.deepEqual(shownOf(events), [[0, "live"], [1_000, "gap"], [2_000, "live"]]);
});

test("states change at most once a second and end as they are", () => {
  const states = ["live", "stale", "syncing", "skewed", "gap", "down", "reconnecting"];
  let seed = 8;
  const dice = (sides) => (seed = (seed * 48_271) % 2_147_483_647) % sides;
  for (let round = 0; round < 20; round++) {
    const times = Array.from({ length: 60 }, () => 1 + dice(19_999)).sort((one, other) => one - other);
    const events = [[0, "live"], ...times.map((time) => [time, states[dice(states.length)]])];
    const shown = shownOf(events);
    assert.equal(shown.at(-1)[1], events.at(-1)[1]);
    for (let at = 1; at < shown.length; at++) {
      const [time, state] = shown[at];
      assert.ok(time - shown[at - 1][0] >= 1_000);
      // Nothing is called better than it has been for the whole second before.
      const before = events.filter(([one]) => time - 1_000 < one && one <= time).map(([, one]) => one);
      assert.ok(before.length === 0 || before.includes(state), `${state} at ${time}`);
    }
  }
});

test("another symbol starts again", () => {
  const { steady, shown, until } = makeSteady();
  steady.set({ state: "live" });
  until(100);
  steady.set({ state: "gap" });
  steady.reset();
  for (const state of ["waiting", "live"]) steady.set({ state });
  until(10_000);
  assert.deepEqual(shown, [[0, "live"], [100, "waiting"], [100, "live"]]);
});

test("lag has a scale", () => {
  assert.deepEqual([0, 249, 250, 1_999, 2_000].map(lagLevel), ["low", "low", "raised", "raised", "high"]);
  assert.deepEqual([0.4, 999, 1_240].map(lagText), ["0 ms", "999 ms", "1.2 s"]);
});

test("a browser that cannot keep up is distinguished from a slow connection", () => {
  let clock = 0;
  performance.now = () => clock;
  const lag = new Lag();
  const seen = () => [lagLevel(lag.total), lag.keepsUp];
  lag.frame(100);
  for (let at = 0; at < 100; at++) {
    clock += 500;
    lag.beat();
    lag.drawn(12);
    lag.frame(100);
  }
  assert.deepEqual(seen(), ["low", true]);
  for (let at = 0; at < 100; at++) lag.frame(900); // the way is slow, this browser is not
  assert.deepEqual(seen(), ["raised", true]);
  for (let at = 0; at < 20; at++) {
    clock += 3_500; // no timer fires in time
    lag.beat();
  }
  assert.deepEqual(seen(), ["high", false]);
  lag.forget();
  assert.deepEqual(seen(), ["low", true]);
  for (let at = 0; at < 60; at++) lag.drawn(400); // drawing lasts longer than frames are apart
  assert.deepEqual(seen(), ["raised", false]);
});

test("lag is measured against the quickest frame, whatever the clocks say", () => {
  const lag = new Lag();
  lag.reset(500);
  lag.roundTrip = 4;
  const offsets = [lag.offset];
  for (const age of [981, 981, 1001]) {
    lag.frame(age);
    offsets.push(lag.offset);
  }
  assert.deepEqual([offsets, lag.ms], [[500, 981, 981, 981], 3]);
});

test("the last price is the newest of trades and ticker, coloured by its move", () => {
  const last = new LastPrices();
  const seen = [];
  const entry = (stream, frame, symbol = "SOLUSDT") => ({ request: { symbol, stream }, frame });
  const trades = (...rows) => entry("trades", {
    price_digits: 2, trades: [rows.map((_, at) => at), ...[0, 1].map((at) => rows.map((row) => row[at]))],
  });
  const ticker = (time, price) => entry("ticker", { price_digits: 2, last: price, last_time: time });
  const show = (one) => seen.push(one && [one.text, moveClass(one)]);
  last.commit([ticker(1, 1)]); // no panel shows it: nothing is kept
  const end = last.listen("SOLUSDT", show);
  for (const entries of [
    [ticker(5, 16482.1), entry("ticker", { price_digits: 1, last: 7, last_time: 99 }, "BTCUSDT")],
    [ticker(5, 16482.1), trades([3, 1648000], [6, 1648220], [7, 1648220])],
    [ticker(7, 16483), trades([3, 1648000], [6, 1648220], [7, 1648220])], // at one time the trade counts
    [ticker(9, 16481), trades([3, 1648000], [6, 1648220], [7, 1648220])],
    [trades([10, 1648100]), ticker(9, 16481)], // the same price again keeps its colour
    [trades([2, 1648150])], // the venue restarted: its times are lower
    [trades([4, 1648150], [5, 1648160], [6, 1648155])], // down against the price before, up against the shown
    [entry("trades", null), ticker(9, null)],
  ]) last.commit(entries);
  end();
  last.commit([ticker(50, 1)]);
  assert.deepEqual(seen, [
    null, ["16,482.10", ""], ["16,482.20", "of-bid"], ["16,481.00", "of-ask"], ["16,481.50", "of-bid"],
    ["16,481.55", "of-ask"],
  ]);
  assert.equal(last.of("SOLUSDT"), null);
});

test("a ticker that is newer than the trades has the colour of what it moved by since the last of them", () => {
  const entry = (stream, frame) => ({ request: { symbol: "SOLUSDT", stream }, frame });
  const ticker = (price) => entry("ticker", { price_digits: 2, last: price, last_time: 9 });
  const trades = entry("trades", { price_digits: 2, trades: [[1, 2], [3, 4], [100, 200]] });
  for (const [price, move] of [[2, 1], [3, 1], [1, -1]]) {
    for (const steps of [[[ticker(price), trades]], [[ticker(price)], [ticker(price), trades]]]) {
      const last = new LastPrices();
      last.listen("SOLUSDT", () => {});
      for (const entries of steps) last.commit(entries);
      assert.equal(last.of("SOLUSDT").move, move);
    }
  }
});
