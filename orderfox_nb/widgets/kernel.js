// How the kernel behind the page is. Frames do not need it, what is set from the page in Python does.

const LOOK_MS = 1_000;
const ABSENT_MS = 4_000;
const BUSY_MS = 1_000; // a moment's work is not worth a word
const ENDED = new Set(["dead", "terminating", "restarting", "autorestarting"]);

/**
 * Watch a widget manager's kernel; `served()` tells whether the page's server answers. Calls back with "unknown",
 * "idle", "busy" or "dead", and gives what ends it. A kernel that ended took the page's models with it: what runs
 * under its name afterwards knows nothing of them, so "dead" is final for it.
 */
export function watchKernel(manager, served, callback) {
  let kernel = null;
  let ended = false;
  let met = false;
  let absent = null; // since when
  let busy = null;
  const look = () => {
    const now = performance.now();
    const current = manager?.kernel ?? null;
    if (current !== kernel) {
      kernel?.statusChanged.disconnect(look);
      kernel?.connectionStatusChanged.disconnect(look);
      // JupyterLab names no kernel while it starts one; another one than before has no models of this page.
      ended = ended || (kernel !== null && current !== null && kernel.id !== current.id);
      kernel = current ?? kernel;
      current?.statusChanged.connect(look);
      current?.connectionStatusChanged.connect(look);
    }
    if (!kernel) return callback("unknown");
    if (ENDED.has(kernel.status)) ended = true;
    // The server answers and the kernel does not: it ended while the network was away, or with a former server.
    met = met || kernel.connectionStatus === "connected";
    absent = kernel.connectionStatus === "connected" || !met || !served() ? null : (absent ?? now);
    const away = absent !== null && now - absent > ABSENT_MS;
    busy = kernel.status === "busy" ? (busy ?? now) : null;
    callback(ended || away ? "dead" : busy !== null && now - busy > BUSY_MS ? "busy" : "idle");
  };
  look();
  const timer = setInterval(look, LOOK_MS);
  return () => {
    clearInterval(timer);
    kernel?.statusChanged.disconnect(look);
    kernel?.connectionStatusChanged.disconnect(look);
  };
}
