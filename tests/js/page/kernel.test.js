// The kernel sessions behind a page.
import assert from "node:assert/strict";
import test, { afterEach } from "node:test";
import {
  isConnected, saveChanges, sendMessage, Sessions, watchKernel,
} from "../../../orderfox_nb/widgets/page/kernel.js";

const realNow = performance.now;
afterEach(() => (performance.now = realNow));

const signal = () => ({
  slots: new Set(),
  connect(slot) {
    this.slots.add(slot);
  },
  disconnect(slot) {
    this.slots.delete(slot);
  },
  emit(...values) {
    for (const slot of [...this.slots]) slot(null, ...values);
  },
});

/** A kernel that is watched; `is` changes it, later by some milliseconds, and `seen` is what was reported of it. */
function watched() {
  let clock = 0;
  performance.now = () => clock;
  const kernel = {
    id: "a", status: "idle", connectionStatus: "connected", statusChanged: signal(), connectionStatusChanged: signal(),
    iopubMessage: signal(),
  };
  const manager = { kernel };
  const pump = { comm_live: true };
  const seen = [];
  const page = { kernel, manager, pump, seen, served: true };
  page.end = watchKernel(
    { manager, pump, served: () => page.served }, (state) => seen.at(-1) !== state && seen.push(state),
  );
  page.is = (changes, later = 0) => {
    clock += later;
    Object.assign(kernel, changes);
    kernel.statusChanged.emit();
  };
  return page;
}

test("a kernel that works long is busy, and one that ended stays dead", () => {
  const { is, end, seen, kernel } = watched();
  is({ status: "busy" });
  is({}, 500);
  is({ status: "idle" });
  is({ status: "busy" });
  is({}, 1500);
  is({ status: "idle" });
  is({ status: "autorestarting" });
  is({ status: "idle" });
  end();
  assert.deepEqual(seen, ["idle", "busy", "idle", "dead"]);
  assert.deepEqual([kernel.statusChanged.slots.size, kernel.connectionStatusChanged.slots.size], [0, 0]);
});

test("a kernel that was asked to end is dead, whatever its successor says", () => {
  const { end, seen, kernel, is } = watched();
  kernel.iopubMessage.emit({ header: { msg_type: "status" } });
  assert.deepEqual(seen, ["idle"]);
  kernel.iopubMessage.emit({ header: { msg_type: "shutdown_reply" } });
  is({ status: "idle" });
  end();
  assert.deepEqual(seen, ["idle", "dead"]);
  assert.equal(kernel.iopubMessage.slots.size, 0);
});

test("a kernel out of reach is dead only where the server answers", () => {
  const page = watched();
  page.served = false;
  page.is({ connectionStatus: "connecting" });
  page.is({}, 60_000);
  page.served = true;
  page.is({}, 10);
  page.is({}, 2000);
  assert.deepEqual(page.seen, ["idle"]);
  page.is({}, 3000);
  page.end();
  assert.deepEqual(page.seen, ["idle", "dead"]);
});

test("sessions of one kernel before and after its restart are distinguished", () => {
  const { is, end, kernel, manager, pump } = watched();
  const all = [];
  const sessions = new Sessions(() => true, ({ state }) => all.push(state));
  const before = sessions.hold(pump, manager);
  assert.equal(sessions.hold(pump, manager), before);
  is({ status: "restarting" });
  pump.comm_live = false;
  is({ status: "idle" });
  const after = sessions.hold({ comm_live: true }, manager);
  const copied = sessions.hold({ comm_live: false }, manager); // of an output that is shown once more
  is({}, 5000);
  assert.deepEqual([before, after, copied].map(({ state }) => state), ["dead", "idle", "dead"]);
  assert.equal(sessions.pump, after.pump);
  for (const one of [before, before, after, copied]) sessions.release(one);
  end();
  assert.deepEqual(all, ["idle", "dead", "idle", "dead"]);
  assert.equal(sessions.known.size + kernel.statusChanged.slots.size, 0);
});

test("a model uses its comm as long as the kernel's connection lasts, and no longer", () => {
  const kernel = { isDisposed: false };
  const sent = [];
  const model = {
    widget_manager: { kernel },
    save_changes: () => sent.push("changes"),
    send: (content, callbacks, buffers) => sent.push([content, ...buffers]),
  };
  const use = () => {
    saveChanges(model);
    sendMessage(model, "hello", ["bytes"]);
    return isConnected(model);
  };
  assert.equal(use(), true);
  assert.deepEqual(sent.splice(0), ["changes", ["hello", "bytes"]]);
  kernel.isDisposed = true; // the page is being left
  assert.equal(use(), false);
  kernel.isDisposed = false;
  assert.equal(isConnected({ ...model, comm_live: false }), false); // the kernel was restarted
  assert.deepEqual(sent, []);
});
