// State of the kernels behind the page. Frames do not need a kernel; values that the page sets in Python do.

const POLL_MS = 1_000;
const ABSENT_MS = 4_000;
const BUSY_MS = 1_000; // shorter work is not reported
// A model exists only with a running kernel: one that is starting is another process, so the model's own has ended.
const ENDED = new Set(["dead", "terminating", "restarting", "autorestarting", "starting"]);

/** What answers for the kernel in a page that has none (server/templates/page_kernel.js), null in any other page. */
export function pageKernel() {
  return globalThis[Symbol.for("orderfox.page_kernel.v1")] ?? null;
}

/**
 * Whether what a model sends can leave the page. Voila ends the kernel's connection as soon as the page begins to be
 * left, which is some time before its scripts stop: from then on each use of a comm is an error.
 */
export function isConnected(model) {
  return model.comm_live !== false && !model.widget_manager?.kernel?.isDisposed;
}

/** Bring a model's changes to the kernel, where there still is a connection to it. */
export function saveChanges(model) {
  // eslint-disable-next-line no-restricted-properties -- the one call
  if (isConnected(model)) model.save_changes();
}

/** Send a model's counterpart in the kernel a message, where there still is a connection to it. */
export function sendMessage(model, content, buffers = []) {
  if (isConnected(model)) model.send(content, undefined, buffers);
}

/**
 * Watch the kernel of a widget manager; `served()` returns whether the page's server answers. Calls back with
 * "unknown", "idle", "busy" or "dead", and returns a function that stops it. The page's models are lost with their
 * kernel: a later kernel of the same name does not have them, so "dead" is final.
 */
export function watchKernel({ manager, pump, served }, callback) {
  let kernel = null;
  let ended = false;
  let met = false;
  let absent = null; // since when
  let busy = null;
  // Sent to every client of a kernel that is asked to end. The first status of the next one can be lost, since the
  // server may connect to it too late.
  const heard = (_, message) => {
    if (message.header.msg_type !== "shutdown_reply") return;
    ended = true;
    poll();
  };
  const leave = () => {
    kernel?.statusChanged.disconnect(poll);
    kernel?.connectionStatusChanged.disconnect(poll);
    kernel?.iopubMessage.disconnect(heard);
  };
  const poll = () => {
    const now = performance.now();
    const current = manager?.kernel ?? null;
    if (current !== kernel) {
      leave();
      // JupyterLab names no kernel while it starts one; another one than before has no models of this page.
      ended = ended || (kernel !== null && current !== null && kernel.id !== current.id);
      kernel = current ?? kernel;
      current?.statusChanged.connect(poll);
      current?.connectionStatusChanged.connect(poll);
      current?.iopubMessage.connect(heard);
    }
    // A view that is made after the end, as for a copy of an output, finds the model of a former kernel.
    ended = ended || pump?.comm_live === false || ENDED.has(kernel?.status);
    // A page of panels has a widget manager without any kernel, and nothing of it can end.
    if (!kernel && !ended) return callback(pageKernel() ? "idle" : "unknown");
    // The server answers and the kernel does not: it ended while the network was away, or with a former server.
    const connected = kernel?.connectionStatus === "connected";
    met = met || connected;
    absent = connected || !met || !served() ? null : (absent ?? now);
    const away = absent !== null && now - absent > ABSENT_MS;
    busy = kernel?.status === "busy" ? (busy ?? now) : null;
    callback(ended || away ? "dead" : busy !== null && now - busy > BUSY_MS ? "busy" : "idle");
  };
  poll();
  const timer = setInterval(poll, POLL_MS);
  return () => {
    clearInterval(timer);
    leave();
  };
}

/**
 * The kernel sessions that the page's views belong to: `{state, pump, views}`. JupyterLab shows the notebooks of
 * several kernels on one page. After a restart some outputs belong to the current kernel, some to its predecessor. Each
 * session has one pump, which identifies it.
 */
export class Sessions {
  constructor(served, changed) {
    this.served = served;
    this.changed = changed;
    this.known = new Map();
    this.closed = new WeakSet(); // pumps that their kernel has closed, though it still runs
  }

  /** The session of a view, until `release`. */
  hold(pump, manager) {
    const name = pump ?? manager;
    let session = this.known.get(name);
    if (!session) {
      session = { name, pump, state: "unknown", views: 0 };
      this.known.set(name, session);
      session.end = watchKernel({ manager, pump, served: this.served }, (state) => {
        if (session.state === state) return;
        session.state = state;
        this.changed(session);
      });
    }
    session.views++;
    return session;
  }

  release(session) {
    if (--session.views > 0) return;
    session.end();
    this.known.delete(session.name);
  }

  /** The pump of a kernel that still runs, null if there is none. */
  get pump() {
    for (const { pump, state } of this.known.values()) {
      if (pump && state !== "dead" && !this.closed.has(pump)) return pump;
    }
    return null;
  }
}
