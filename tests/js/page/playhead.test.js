// Where in time the page is, and the keys that move it.
import assert from "node:assert/strict";
import test, { afterEach, beforeEach } from "node:test";
import { usePage } from "../support.js";

usePage();
const PAGE = "../../../orderfox_nb/widgets/page";
const { behindText, Playhead, SPEEDS, speedBeside } = await import(`${PAGE}/playhead.js`);
const { pressRewindKey, rewindAction } = await import(`${PAGE}/rewind_keys.js`);

const LIVE = 1_700_000_000_000;
const REAL_NOW = performance.now;
let clock = 0;
beforeEach(() => {
  clock = 0;
  performance.now = () => clock;
  globalThis.Element = class {};
});
afterEach(() => (performance.now = REAL_NOW));

/** A playhead ten minutes ago of an hour that is recorded, and what it has sent. */
function inPast(changes = {}) {
  const sent = [];
  const playhead = new Playhead((message) => sent.push(message));
  const start = LIVE - 3_600_000;
  playhead.receive({ time: LIVE - 600_000, start, end: LIVE, speed: 1, playing: true, live: LIVE, ...changes });
  return { playhead, sent };
}

test("a playing playhead goes on between two messages, at its speed and not for ever", () => {
  const { playhead } = inPast({ speed: 5 });
  assert.equal(playhead.text, "PAST −10:00, 5×");
  clock = 1_000;
  assert.equal(playhead.now, LIVE - 595_000);
  assert.equal(playhead.text, "PAST −09:56, 5×"); // live went on by a second too
  clock = 60_000;
  assert.equal(playhead.now, LIVE - 592_500);
  playhead.receive({ ...playhead, time: LIVE - 500, speed: 300 });
  clock += 1_000;
  assert.equal(playhead.now, LIVE); // never beyond what is recorded
});

test("a paused or an unbounded one stays where the server said", () => {
  for (const [changes, text] of [[{ playing: false }, "PAST −10:01, paused"], [{ speed: "max" }, "PAST −10:01, max"]]) {
    clock = 0;
    const { playhead } = inPast(changes);
    clock = 1_000;
    assert.deepEqual([playhead.now, playhead.text], [LIVE - 600_000, text]);
  }
});

test("how far back is written as time", () => {
  const cases = [[7_000, "−00:07"], [754_000, "−12:34"], [8_047_000, "−02:14:07"], [181_440_000, "−2.1 d"]];
  for (const [ms, text] of cases) assert.equal(behindText(ms), text);
});

test("a notebook's market has all its venues in the past", () => {
  const playhead = new Playhead(() => {}, () => ["", "sim-spot", "*"]);
  const past = { time: LIVE - 1_000, start: LIVE - 9_000, end: LIVE, speed: 1, playing: false, live: LIVE };
  assert.deepEqual(playhead.receive({ ...past, shared: true }), ["", "sim-spot", "*"]);
  assert.deepEqual(["", "sim-spot", "*"].map((venue) => playhead.covers(venue)), [true, true, true]);
  assert.deepEqual(playhead.receive({ ...past, shared: true }), []);
  assert.deepEqual(playhead.receive({ ...past, time: LIVE - 2_000, moved: true, shared: true }), ["", "sim-spot", "*"]);
  assert.deepEqual(["", "sim-spot", "*"].map((venue) => playhead.movesOf(venue)), [2, 2, 2]);
  playhead.reset();
  playhead.receive(past);
  assert.deepEqual([playhead.covers(""), playhead.covers("sim-spot")], [true, false]);
});

test("a drag that is released where it has rested only goes on from there", () => {
  const { playhead, sent } = inPast();
  playhead.enter("", LIVE - 300_000, { playing: false });
  playhead.receive({ ...playhead, time: LIVE - 300_000, playing: false });
  playhead.enter("", LIVE - 300_000, { playing: true });
  playhead.enter("", LIVE - 299_000, { playing: true });
  assert.deepEqual(sent, [
    { type: "rewind", time: LIVE - 300_000, playing: false },
    { type: "rewind", playing: true },
    { type: "rewind", time: LIVE - 299_000, playing: true },
  ]);
});

test("presses add up before the server has answered, within what is recorded", () => {
  const { playhead, sent } = inPast({ playing: false });
  for (let press = 0; press < 3; press++) playhead.move(-1_000);
  playhead.move(-99_000_000);
  assert.deepEqual(sent.map(({ time }) => LIVE - time), [601_000, 602_000, 603_000, 3_600_000]);
  playhead.move(99_000_000);
  assert.equal(sent.at(-1).time, LIVE);
});

test("a message that was under way takes back nothing that was pressed since", () => {
  const { playhead, sent } = inPast({ speed: 2, playing: false });
  const before = { ...playhead, answered: 0 };
  playhead.setSpeed(speedBeside(playhead.speed, -1));
  playhead.receive({ ...before, end: LIVE + 1_000 });
  playhead.setSpeed(speedBeside(playhead.speed, -1));
  playhead.move(-1_000);
  playhead.receive({ ...before, speed: 1, answered: 1 });
  assert.ok(playhead.isAsking);
  playhead.move(-1_000);
  assert.deepEqual(sent.map(({ speed, time }) => speed ?? LIVE - time), [1, 0.5, 601_000, 602_000]);
  assert.equal(playhead.end, LIVE);
  // What answers the last one holds, also where the server has chosen something else.
  playhead.receive({ ...before, speed: 0.5, time: LIVE - 601_500, answered: 4 });
  assert.deepEqual([playhead.speed, playhead.time, playhead.isAsking], [0.5, LIVE - 601_500, false]);
  // A message that was refused unread is not waited for, and one that was counted all the same changes nothing.
  playhead.step(9_999);
  playhead.refuse("by: at most 1,000");
  playhead.receive({ ...before, time: LIVE - 500_000, answered: 4 });
  assert.equal(playhead.time, LIVE - 500_000);
  playhead.receive({ ...before, answered: 5 });
  playhead.setSpeed(10);
  playhead.receive({ ...before, speed: 2, answered: 5 });
  assert.equal(playhead.speed, 10);
});

test("data begins at another time after entering, seeking and leaving, and not after another speed", () => {
  const { playhead } = inPast();
  const answer = { ...playhead, time: LIVE - 600_000 };
  assert.equal(playhead.movesOf(""), 1);
  playhead.setSpeed(10);
  assert.deepEqual(playhead.receive({ ...answer, speed: 10 }), []);
  playhead.step(1);
  assert.deepEqual(playhead.receive(answer), []);
  for (const act of [() => playhead.step(-1), () => playhead.skip("gap", true), () => playhead.move(-5)]) {
    act();
    assert.deepEqual(playhead.receive(answer), [""]);
    assert.deepEqual(playhead.receive(answer), []); // the report of the next second
  }
  playhead.goLive();
  assert.deepEqual(playhead.receive({ ...answer, time: null }), [""]);
  assert.deepEqual([playhead.isPast, playhead.text, playhead.now, playhead.movesOf("")], [false, "", null, 5]);
});

test("a refusal is shown for a while or until something else is asked, and the page stays where it was", () => {
  const sent = [];
  const playhead = new Playhead((message) => sent.push(message));
  playhead.enter("");
  assert.deepEqual(sent, [{ type: "rewind" }]);
  assert.deepEqual(playhead.refuse("Nothing is recorded"), []);
  assert.deepEqual([playhead.problem, playhead.isPast, playhead.isAsking], ["Nothing is recorded", false, false]);
  playhead.receive({ time: null, start: 0, end: 9, live: 9, speed: 1, playing: true });
  clock = 14_000;
  assert.equal(playhead.problem, "Nothing is recorded");
  clock = 15_000;
  assert.equal(playhead.problem, "");
  playhead.refuse("again");
  playhead.enter("");
  assert.equal(playhead.problem, "");
});

test("a page that was in the past enters it again, or is live where the server cannot", () => {
  const { playhead, sent } = inPast({ speed: 5 });
  clock = 1_000;
  playhead.enterAgain();
  assert.deepEqual(sent, [{ type: "rewind", time: LIVE - 595_000, speed: 5, playing: true }]);
  assert.deepEqual(playhead.refuse("no playhead left"), [""]);
  assert.deepEqual([playhead.isPast, playhead.problem], [false, "no playhead left"]);
});

test("one venue is in the past and the others stay live", () => {
  const { playhead, sent } = inPast();
  playhead.enter("binance-spot", LIVE - 5_000, { playing: true });
  assert.deepEqual(sent, [{ type: "rewind", venue: "binance-spot", time: LIVE - 5_000, playing: true }]);
  // Until the server has done it.
  assert.deepEqual([playhead.covers(""), playhead.covers("binance-spot")], [true, false]);
  assert.deepEqual(playhead.receive({ ...playhead, time: LIVE - 5_000 }), ["binance-spot", ""]);
  assert.deepEqual([playhead.covers(""), playhead.covers("binance-spot")], [false, true]);
  playhead.enter("");
  playhead.refuse("no playhead left");
  playhead.receive({ ...playhead });
  assert.equal(playhead.covers("binance-spot"), true); // it stays where it was
  assert.equal(playhead.mayJump("okx"), false);
});

test("speeds go up and down and end at both ends", () => {
  assert.deepEqual([speedBeside(1, 1), speedBeside(1, -1), speedBeside(300, 1)], [2, 0.5, "max"]);
  assert.deepEqual([speedBeside("max", 1), speedBeside(SPEEDS[0], -1), speedBeside(7, 1)], ["max", 0.25, 2]);
});

const press = (key, changes = {}) => ({
  key, target: {}, stopped: 0, preventDefault() {}, stopPropagation() { this.stopped++; }, ...changes,
});

test("every key of the past says what it means to the server", () => {
  const at = LIVE - 600_000;
  const cases = [
    [press(" "), { type: "rewind", playing: true }],
    [press("ArrowLeft"), { type: "rewind", time: at - 1_000 }],
    [press("ArrowRight", { shiftKey: true }), { type: "rewind", time: at + 10_000 }],
    [press("ArrowLeft", { altKey: true }), { type: "step", by: -1 }],
    [press("ArrowUp"), { type: "rewind", speed: 2 }],
    [press("ArrowDown"), { type: "rewind", speed: 0.5 }],
    [press("["), { type: "skip", to: "liquidation", back: true }],
    [press("]"), { type: "skip", to: "liquidation", back: false }],
    [press("L"), { type: "live" }],
  ];
  for (const [event, wanted] of cases) {
    const { playhead, sent } = inPast({ playing: false });
    assert.equal(pressRewindKey(event, playhead, () => {}), true, event.key);
    assert.deepEqual([sent, event.stopped], [[wanted], 1], event.key);
  }
  let asked = 0;
  pressRewindKey(press("g"), inPast().playhead, () => asked++);
  assert.equal(asked, 1);
});

test("keys are not taken while the page is live, while somebody writes, or with another meaning", () => {
  const { playhead, sent } = inPast();
  const within = (name) => {
    return Object.assign(new globalThis.Element(), { closest: (selector) => (selector.includes(name) ? {} : null) });
  };
  const [field, button] = [within("input"), within("button")];
  const events = [
    press("ArrowLeft", { target: field }), press(" ", { target: button }), press("l", { ctrlKey: true }),
    press("l", { altKey: true }), press("ArrowUp", { shiftKey: true }), press("x"), press("1"),
  ];
  for (const event of events) assert.equal(pressRewindKey(event, playhead, () => {}), false, event.key);
  assert.equal(pressRewindKey(press("l", { target: button }), playhead, () => {}), true);
  playhead.receive({ ...playhead, time: null });
  sent.length = 0;
  assert.equal(pressRewindKey(press("ArrowLeft"), playhead, () => {}), false);
  assert.deepEqual([sent, rewindAction(press("/"))], [[], null]);
});

test("a playhead that somebody else has moved leaves nothing of the time before", () => {
  const { playhead } = inPast();
  const moves = playhead.movesOf("");
  assert.deepEqual(playhead.receive({ ...playhead, time: LIVE - 599_000, moved: false }), []);
  assert.deepEqual(playhead.receive({ ...playhead, time: LIVE - 900_000, moved: true }), [""]);
  assert.equal(playhead.movesOf(""), moves + 1);
});
