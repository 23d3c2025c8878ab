import assert from "node:assert/strict";
import test, { after } from "node:test";
import { findFigureView } from "../../../orderfox_nb/widgets/chart/figure_canvas.js";

const REAL = { setTimeout: globalThis.setTimeout, clearTimeout: globalThis.clearTimeout };
after(() => Object.assign(globalThis, REAL));

test("a chart that is not displayed looks for its figure once in a while", async () => {
  let clock = 0;
  let timers = [];
  globalThis.setTimeout = (work, ms) => timers.push({ work, at: clock + ms });
  globalThis.clearTimeout = (number) => (timers = timers.map((one, at) => (at === number - 1 ? null : one)));
  const observers = new Set();
  globalThis.ResizeObserver = class {
    constructor(notify) {
      this.notify = notify;
    }

    observe() {
      observers.add(this);
    }

    disconnect() {
      observers.delete(this);
    }
  };
  const pass = async (ms) => {
    for (const until = clock + ms; clock < until; clock += 10) {
      for (const [at, one] of timers.entries()) {
        if (!one || one.at > clock) continue;
        timers[at] = null;
        one.work();
      }
      for (let at = 0; at < 20; at++) await null;
    }
  };
  const view = { el: {}, rendered: true, plotareaWidth: 300 };
  let looks = 0;
  let shown = false;
  const figure = { views: {} };
  const chart = { contains: () => true };
  const el = { closest: () => (looks++, chart), getClientRects: () => (shown ? [{}] : []) };
  let found = null;
  findFigureView(figure, el, () => false).then((one) => (found = one));
  await pass(9_000);
  assert.equal(looks, 1);
  shown = true;
  for (const one of [...observers]) one.notify();
  await pass(50);
  figure.views = { one: Promise.resolve(view) };
  await pass(200);
  assert.equal(found, view);
  assert.equal(observers.size, 0);
});
