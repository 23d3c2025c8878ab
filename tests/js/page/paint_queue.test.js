// In which animation frame what is painted.
import assert from "node:assert/strict";
import test, { after } from "node:test";
import { PaintQueue } from "../../../orderfox_nb/widgets/page/paint_queue.js";

const REAL = globalThis.requestAnimationFrame;
after(() => (globalThis.requestAnimationFrame = REAL));

const entry = (stream, painted) => {
  const one = { request: { stream }, frame: {}, painted: false };
  one.views = new Set([{ paint: () => painted.push(stream) }]);
  return one;
};

test("the first candles of a page are painted alone, later ones with the rest", () => {
  const frames = [];
  globalThis.requestAnimationFrame = (paint) => frames.push(paint);
  const painted = [];
  const counts = [];
  const queue = new PaintQueue({ before: () => {}, after: (count) => counts.push(count) });
  const [book, candles, tape] = ["book", "candles", "trades"].map((stream) => entry(stream, painted));
  for (const one of [book, candles, tape]) queue.add(one);
  frames.shift()();
  assert.deepEqual(painted.splice(0), ["candles"]);
  queue.add(candles);
  frames.shift()();
  assert.deepEqual(painted.splice(0), ["book", "trades", "candles"]);
  assert.deepEqual(counts, [1, 3]);
  assert.equal(frames.length, 0);
  for (const one of [book, candles]) queue.add(one);
  frames.shift()();
  assert.deepEqual(painted, ["book", "candles"]);
  assert.equal(frames.length, 0);
});

test("what cannot be painted does not stop the others", () => {
  const frames = [];
  globalThis.requestAnimationFrame = (paint) => frames.push(paint);
  const painted = [];
  const queue = new PaintQueue({ before: () => {}, after: () => {} });
  const [book, candles] = ["book", "candles"].map((stream) => entry(stream, painted));
  candles.views.add({ paint: () => assert.fail("a fault of the chart") });
  for (const one of [book, candles]) queue.add(one);
  assert.throws(frames.shift(), /a fault of the chart/);
  queue.add(book);
  frames.shift()();
  assert.deepEqual(painted, ["candles", "book"]);
  queue.add(book);
  frames.shift()();
  assert.deepEqual(painted, ["candles", "book", "book"]);
  assert.equal(frames.length, 0);
});

test("candles without a frame keep nothing waiting", () => {
  const frames = [];
  globalThis.requestAnimationFrame = (paint) => frames.push(paint);
  const painted = [];
  const queue = new PaintQueue({ before: () => {}, after: () => {} });
  const candles = entry("candles", painted);
  candles.frame = null;
  queue.add(candles);
  queue.add(entry("book", painted));
  frames.shift()();
  assert.deepEqual(painted, ["book"]);
  assert.equal(frames.length, 0);
});
