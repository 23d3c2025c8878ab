// The page's one link to its server or its kernel.
import assert from "node:assert/strict";
import test, { afterEach, beforeEach } from "node:test";
import { usePage } from "../support.js";

usePage();
const { Link } = await import("../../../orderfox_nb/widgets/page/link.js");
const { subscriptionText } = await import("../../../orderfox_nb/widgets/page/subscription.js");

const REAL = {
  setTimeout: globalThis.setTimeout, setInterval: globalThis.setInterval, now: performance.now,
};
const hello = { type: "hello", wire: 2, venue: "sim", time: 0, origin: {} };
const request = { symbol: "BTCUSDT", stream: "trades", parameters: { rows: 50 } };
const key = "sim/BTCUSDT/trades?rows=50";

/** What the link uses of a page: frames are painted, and timers fire, when the test says so. */
let page;
beforeEach(() => {
  page = { frames: [], timers: [], clock: 0 };
  usePage({ address: "https://desk.example/" });
  globalThis.requestAnimationFrame = (paint) => page.frames.push(paint);
  Object.assign(globalThis.document, { hidden: false, addEventListener() {}, removeEventListener() {} });
  globalThis.addEventListener = globalThis.removeEventListener = () => {};
  globalThis.setTimeout = (work, ms) => page.timers.push({ work, ms });
  globalThis.setInterval = () => 0;
  performance.now = () => page.clock;
});
afterEach(() => {
  Object.assign(globalThis, { setTimeout: REAL.setTimeout, setInterval: REAL.setInterval });
  performance.now = REAL.now;
});

const paint = () => page.frames.splice(0).forEach((one) => one());

/** A link that is open and has one reader of trades; `seen` are the ids that it painted, `sent` what went out. */
function openLink() {
  const link = new Link(null);
  const [sent, seen] = [[], []];
  link.transport = { send: (message) => sent.push(message), close() {} };
  link.receive(hello, 0);
  const end = link.subscribe(request, { paint: ({ frame }) => seen.push(frame.trades[0].at(-1)) });
  const message = (sequence, base, ids) =>
    link.receive({ type: "frame", key, sequence, base, time: 0, trades: [ids, ids, ids, ids, ids] }, 1);
  return { link, sent, seen, end, message };
}

test("keys have their parameters in alphabetical order", () => {
  const book = { symbol: "BTCUSDT", stream: "book", parameters: { rows: 20, rounding: "0.5" } };
  assert.equal(subscriptionText(book), "BTCUSDT/book?rounding=0.5&rows=20");
});

test("every message is folded and only the paint waits", () => {
  const { link, sent, seen, message } = openLink();
  message(1, null, [1]);
  message(2, 1, [2]);
  message(3, 2, [3]);
  assert.deepEqual(seen, []);
  paint();
  assert.deepEqual([seen, link.counters.frames, link.counters.paints], [[3], 3, 1]);
  assert.deepEqual(sent, [{ type: "ping" }, { type: "subscribe", key }]);
});

test("a delta of another base is not folded and asks once for a full frame", () => {
  const { sent, seen, message } = openLink();
  message(1, null, [1]);
  message(5, 4, [5]);
  message(6, 5, [6]);
  paint();
  message(7, null, [7]);
  message(8, 7, [8]);
  paint();
  assert.deepEqual([seen, sent.filter(({ type }) => type === "resume").length], [[8], 1]);
});

test("after a reconnection every key is asked for again", () => {
  const { link, sent, message } = openLink();
  message(1, null, [1]);
  sent.length = 0;
  link.receive({ ...hello, venue: "binance" }, 0);
  const asked = sent.filter(({ type }) => type !== "ping");
  assert.deepEqual(asked, [{ type: "subscribe", key: "binance/BTCUSDT/trades?rows=50" }]);
});

test("two views share a key and the last one ends it", () => {
  const { link, sent, seen, end, message } = openLink();
  const endOther = link.subscribe(request, { paint: () => seen.push("other") });
  message(1, null, [1]);
  paint();
  end();
  assert.equal(sent.length, 2);
  endOther();
  message(2, 1, [2]);
  paint();
  assert.deepEqual(seen, [1, "other"]);
  assert.deepEqual(sent.map(({ type }) => type), ["ping", "subscribe", "unsubscribe"]);
});

test("a server of another wire version asks for a reload", () => {
  const { link } = openLink();
  link.receive({ ...hello, wire: 3 }, 0);
  assert.deepEqual([link.state, link.detail], ["reload", "This page is older than its server: reload it"]);
});

test("a server at its limit is quoted and tried again later", () => {
  const { link } = openLink();
  const waits = () => page.timers.splice(0).map(({ ms }) => ms >= 7500);
  waits();
  link.receive({ type: "error", message: "This server has 2 viewers and takes no more" }, 0);
  link.lost(1013, "busy");
  assert.deepEqual([link.state, link.detail], ["refused", "This server has 2 viewers and takes no more"]);
  assert.deepEqual(waits(), [true]);
  link.lost(1006, "");
  assert.equal(link.state, "reconnecting");
  assert.deepEqual(waits(), [false]);
});

test("a dead kernel ends its comm at once and is not asked again", async () => {
  const { link } = openLink();
  const pump = {
    comm_live: true,
    on() {},
    send() {
      throw new Error("asked");
    },
  };
  const session = link.sessions.hold(pump, null);
  link.transport = { kind: "comm", pump, send() {}, close() {} };
  session.state = "dead";
  link.kernelChanged(session);
  assert.equal(link.state, "reconnecting");
  await link.connect();
  assert.deepEqual([link.state, link.transport], ["reconnecting", null]);
});

test("a socket that answers no ping is given up, and a busy kernel's comm is not", () => {
  const { link } = openLink();
  const after = (kind, answered, ticks) => {
    link.transport = { kind, send() {}, close() {} };
    link.state = "open";
    link.pulse.begin();
    for (let at = 0; at < ticks; at++) {
      page.clock += 5000;
      link.checkPulse();
      if (answered) link.receive({ type: "pong" }, 0);
    }
    return link.state;
  };
  assert.deepEqual([after("socket", true, 20), after("socket", false, 2)], ["open", "open"]);
  assert.equal(after("socket", false, 3), "reconnecting");
  assert.deepEqual([after("comm", false, 8), after("comm", false, 9)], ["open", "reconnecting"]);
});

test("a WebSocket that is refused twice while the server answers is explained", () => {
  const { link } = openLink();
  const states = [false, true, false, false].map((opened) => {
    link.transport = { kind: "socket", opened, send() {}, close() {} };
    link.lost(1006, "");
    return link.state;
  });
  assert.deepEqual(states, ["reconnecting", "reconnecting", "reconnecting", "refused"]);
  assert.match(link.detail, /CORS_ORIGINS must list https:\/\/desk\.example/);
  assert.match(link.detail, /Host/);
});

test("all that show the last price change in one step", () => {
  const { link } = openLink();
  const symbol = "BTCUSDT";
  const shown = [null, null];
  shown.forEach((_, at) => link.last.listen(symbol, (one) => (shown[at] = one?.text ?? null)));
  const equal = [];
  link.subscribe({ symbol, stream: "ticker", parameters: {} }, { paint: () => equal.push([...shown]) });
  const both = (sequence, price, later) => {
    const frame = { type: "frame", sequence, base: null, time: 0, price_digits: 0 };
    link.receive({ ...frame, key, trades: [[1], [sequence], [price], [1], [1]] }, 1);
    equal.push([...shown]); // a frame that has come is not shown before its paint
    link.receive({ ...frame, key: "sim/BTCUSDT/ticker", last: later, last_time: sequence + 1 }, 1);
    paint();
  };
  both(1, 5, 6);
  both(9, 7, 8);
  assert.deepEqual(equal, [[null, null], ["6", "6"], ["6", "6"], ["8", "8"]]);
});

// ---- by the comms of kernels --------------------------------------------------------------------------------------

/** A link without a server; `pump(name)` is a kernel's, and `asked` what pumps were sent. */
function commLink() {
  const { link } = openLink();
  link.transport = null;
  const asked = [];
  const nothing = { comm_live: true, on() {}, off() {} };
  const pump = (name) => ({ ...nothing, send: ({ type }) => asked.push(`${name} ${type}`) });
  const answer = async () => {
    await Promise.resolve();
    link.receive(hello, 0);
  };
  return { link, asked, pump, answer };
}

test("frames go on by another kernel when the views of one are closed", async () => {
  const { link, asked, pump, answer } = commLink();
  const one = link.acquire(pump("one"), null);
  link.acquire(pump("other"), null);
  await Promise.resolve();
  link.release(one);
  await answer();
  assert.deepEqual(asked, ["one hello", "one unsubscribe", "other hello", "other ping", "other subscribe"]);
});

test("after a restart a cell that runs again has its frames by the new kernel", async () => {
  const { link, asked, pump, answer } = commLink();
  const signal = () => ({
    slots: [],
    connect(slot) {
      this.slots.push(slot);
    },
    disconnect() {},
  });
  const kernel = {
    id: "a", status: "idle", connectionStatus: "connected", statusChanged: signal(), connectionStatusChanged: signal(),
    iopubMessage: signal(),
  };
  const before = pump("before");
  link.acquire(before, { kernel });
  link.acquire(before, { kernel });
  await answer();
  before.comm_live = false; // JupyterLab's manager says so of every model, then reports the restart
  kernel.status = "restarting";
  kernel.statusChanged.slots.forEach((slot) => slot());
  kernel.status = "idle";
  asked.length = 0;
  link.acquire(pump("after"), { kernel });
  await answer();
  assert.deepEqual(asked, ["after hello", "after ping", "after subscribe"]);
});

test("views that come after a hidden tab closed its last one get frames", async () => {
  const { link, asked, pump, answer } = commLink();
  const session = link.acquire(pump("one"), null);
  await answer();
  link.pause();
  link.release(session);
  asked.length = 0;
  link.acquire(pump("one"), null);
  await answer();
  assert.deepEqual(asked, ["one hello", "one ping", "one subscribe"]);
});

test("a tab that is opened in the background takes no frames until it is shown", async () => {
  const { link, asked, pump } = commLink();
  page.timers.length = 0;
  document.hidden = true;
  link.acquire(pump("one"), null);
  await Promise.resolve();
  page.timers.splice(0).forEach(({ work }) => work());
  link.receive(hello, 0);
  assert.equal(asked.splice(0).includes("one subscribe"), false);
  document.hidden = false;
  link.visibilityChanged();
  assert.equal(asked.includes("one subscribe"), true);
});

// ---- the past ---------------------------------------------------------------------------------------------------

const PAST = { type: "playhead", time: 400, start: 0, end: 900, live: 1_000, speed: 1, playing: false };

test("a page in the past holds nothing of the live market", () => {
  const { link, sent, seen, message } = openLink();
  const prices = [];
  const trades = (sequence, time) => {
    const columns = { price_digits: 0, trades: [[1], [time], [time], [1], [1]] };
    link.receive({ type: "frame", key, sequence, base: null, time, ...columns });
  };
  link.last.listen("BTCUSDT", (last) => prices.push(last?.text ?? null));
  trades(1, 1_000);
  paint();
  link.playhead.enter("");
  link.receive(PAST, 0);
  assert.deepEqual([sent.at(-1), link.now(), link.playhead.movesOf("")], [{ type: "rewind" }, 400, 1]);
  message(2, 1, [2]); // a delta of the live frame, which is no more
  assert.equal(sent.at(-1).type, "resume");
  page.timers.filter(({ ms }) => ms === 1_500).forEach(({ work }) => work());
  assert.equal(prices.at(-1), null); // no trade of the past has come: the live price is not shown
  trades(3, 400);
  paint();
  link.playhead.goLive();
  link.receive({ ...PAST, time: null }, 0);
  trades(4, 1_010);
  paint();
  assert.deepEqual([prices, seen], [[null, "1,000", null, "400", "1,010"], [1, 1, 1]]);
  assert.equal(link.playhead.now, null);
});

test("frames of the past say nothing of the lag", () => {
  const { link, message } = openLink();
  link.receive(PAST, 0);
  message(1, null, [1]);
  assert.equal(link.lag.ms, null);
});

test("a page that reconnects in the past enters it before it opens its keys", () => {
  const { link, sent } = openLink();
  link.receive(PAST, 0);
  sent.length = 0;
  link.receive(hello, 0);
  assert.deepEqual(sent.map(({ type }) => type), ["ping", "rewind", "subscribe"]);
  assert.deepEqual([sent[1].time, sent[1].speed, sent[1].playing], [400, 1, false]);
  link.receive({ type: "error", message: "Nothing is recorded" }, 0);
  assert.deepEqual([link.playhead.isPast, link.playhead.problem], [false, "Nothing is recorded"]);
});

test("the market of a kernel follows the playhead that the kernel reports, also after a reconnection", () => {
  const link = new Link(null, { isOwn: true });
  const sent = [];
  link.transport = { send: (message) => sent.push(message), close() {} };
  const playhead = { type: "playhead", time: 5_000, start: 0, end: 9_000, speed: 1, playing: false, live: 9_000 };
  for (const message of [hello, playhead, hello, playhead]) link.receive(message, 0);
  assert.deepEqual(sent.filter(({ type }) => type === "rewind"), []);
  assert.equal(link.now(), 5_000);
  link.receive(hello, 0); // of a kernel that has no playhead any more
  assert.equal(link.playhead.isPast, false);
});

test("frames that were overtaken by a move of the kernel's playhead are asked for again, and not painted", () => {
  const link = new Link(null, { isOwn: true });
  const [sent, seen] = [[], []];
  link.transport = { send: (message) => sent.push(message), close() {} };
  const playhead = { type: "playhead", time: 5_000, start: 0, end: 9_000, speed: 1, playing: false, live: 9_000 };
  link.receive(hello, 0);
  link.receive(playhead, 0);
  link.subscribe(request, { paint: ({ frame }) => seen.push(frame.trades[0]) });
  const trades = [[1], [1], [1], [1], [1]];
  const frame = (sequence) => ({ type: "frame", key, sequence, base: null, time: 0, trades });
  link.receive(frame(1), 0);
  link.receive({ ...playhead, time: 1_000, moved: true }, 0);
  paint();
  assert.deepEqual([seen, sent.filter(({ type }) => type === "resume")], [[], [{ type: "resume", key }]]);
  link.receive(frame(2), 0);
  paint();
  assert.deepEqual(seen, [[1]]);
});

test("a market that its kernel has closed is over, and open again with another pump", async () => {
  const link = new Link(null, { isOwn: true });
  const makePump = () => {
    const calls = {};
    return { calls, on: (name, call) => (calls[name] = call), off() {}, send() {} };
  };
  const [pump, other] = [makePump(), makePump()];
  link.views = 1;
  link.sessions.known.set(pump, { pump, state: "idle", views: 1 });
  await link.connect();
  assert.equal(link.transport.pump, pump);
  pump.calls["comm:close"]();
  link.tryNow(); // finds no other
  await null;
  await null;
  assert.deepEqual([link.state, link.transport], ["closed", null]);
  link.sessions.known.set(other, { pump: other, state: "idle", views: 1 });
  link.tryNow();
  await null;
  await null;
  assert.equal(link.transport.pump, other);
});
