// One link a page: every widget's frames over one socket, whatever the kernel does. Each anywidget has its own copy of
// this text, so the link itself lives on globalThis and is counted by the views that hold it.
import { pageKernel, Sessions } from "./kernel.js";
import { LAG_BEAT_MS } from "./lag.js";
import { LastPrices } from "./last_price.js";
import { Pace } from "./pace.js";
import { Playhead, RENEWED_MS } from "./playhead.js";
import { Pulse } from "./pulse.js";
import { Requests } from "./requests.js";
import { Subscriptions } from "./subscriptions.js";
import { adoptEarly, askServer, openComm, openSocket, socketRefused } from "./transport.js";
import { Venues } from "./venues.js";

const WIRE = 2;
const PING_MS = 5_000;
const HIDDEN_MS = 3_000;
const SERVER_RETRY_MS = 30_000;
const TRY_LATER = 1013;
const REFUSED_MS = 15_000;
const MAX_REFUSALS = 2;
const NO_KERNEL = "This market is in a kernel, and this page has none: serve the notebook with --kernel-per-viewer";

export class Link {
  constructor(base, { isOwn = false } = {}) {
    this.base = base;
    this.isOwn = isOwn; // of a market that the kernel reads itself, such as one that was rewound there
    this.state = "connecting"; // connecting, open, reconnecting, refused, reload, closed
    this.detail = "";
    this.sessions = new Sessions(() => this.state === "open", (session) => this.kernelChanged(session));
    this.byKernel = false; // whether frames can come through the kernel alone
    this.hello = null;
    this.listeners = new Set();
    this.views = 0;
    this.requests = new Requests();
    this.counters = { messages: 0, bytes: 0, frames: 0, deltas: 0, paints: 0, resumes: 0, connections: 0, errors: 0 };
    this.venues = new Venues();
    this.lag = this.venues.lag; // of the page and of the first venue
    this.last = new LastPrices();
    this.pulse = new Pulse();
    this.playhead = new Playhead((message) => this.post(message), () => this.venues.ids);
    this.paused = false;
    this.unheard = false; // shown again, and nothing has come since: what is on the screen may be of any age
    this.attempt = 0;
    this.refusals = 0; // handshakes refused in a row by a server that answers requests
    this.pace = new Pace();
    this.subscriptions = new Subscriptions(this);
    this.onVisibility = () => this.visibilityChanged();
    this.onOnline = () => this.tryNow();
    this.onOffline = () => this.transport?.kind === "socket" && this.lost();
  }

  // ---- lifetime -------------------------------------------------------------------------------------------------

  /** Hold the link for a view; returns the session of its kernel, which `release` takes back. */
  acquire(pump, manager) {
    const session = this.sessions.hold(pump, manager);
    if (this.views++ === 0) {
      document.addEventListener("visibilitychange", this.onVisibility);
      addEventListener("online", this.onOnline);
      addEventListener("offline", this.onOffline);
      this.watch = setInterval(() => this.checkPulse(), PING_MS);
      this.beats = setInterval(() => document.hidden || this.lag.beat(), LAG_BEAT_MS);
      this.connect();
      this.visibilityChanged(); // a tab may be opened in the background
    } else this.tryNow(); // a cell that was run again may have brought the pump that was missing
    return session;
  }

  release(session) {
    this.sessions.release(session);
    if (--this.views > 0) {
      if (this.transport?.pump && this.transport.pump !== this.sessions.pump) this.restart();
      return;
    }
    document.removeEventListener("visibilitychange", this.onVisibility);
    removeEventListener("online", this.onOnline);
    removeEventListener("offline", this.onOffline);
    clearInterval(this.watch);
    clearInterval(this.beats);
    clearTimeout(this.retry);
    clearTimeout(this.hiding);
    this.paused = false;
    this.transport?.close();
    this.transport = null;
    this.run = null;
    this.state = "connecting";
    this.hello = null;
    clearTimeout(this.moving);
    this.playhead.reset();
  }

  async connect() {
    const run = (this.run = {}); // a newer attempt makes an older one's answer void
    const calls = {
      onMessage: (message, bytes, received) => this.run === run && this.receive(message, bytes, received),
      onClose: (code, reason) => this.run === run && (this.isOwn ? this.closed() : this.lost(code, reason)),
    };
    const early = this.base === null ? null : adoptEarly(this.base);
    const { who, detail } = early ? { who: "ours" } : await this.probe();
    if (this.run !== run) return;
    this.byKernel = who === "another" && !pageKernel();
    if (who === "ours") this.transport = openSocket(this.base, calls, early);
    else if (who === "barred") this.lost(TRY_LATER, detail || "The server refuses this page: reload it to log in");
    else if (this.byKernel && this.sessions.pump) {
      // Only where a server answers: without one the kernel's comm, which uses the same route, is unreachable too.
      this.transport = openComm(this.sessions.pump, calls);
      if (this.base !== null) this.retry = setTimeout(() => this.probeServer(), SERVER_RETRY_MS);
    } else if (this.isOwn) this.setState("closed", pageKernel() ? NO_KERNEL : "");
    else this.lost();
    this.pulse.begin();
  }

  async probe() {
    return this.base === null ? { who: "another" } : askServer(this.base);
  }

  async probeServer() {
    if (this.transport?.kind !== "comm") return;
    if ((await askServer(this.base)).who === "ours") this.restart();
    else this.retry = setTimeout(() => this.probeServer(), SERVER_RETRY_MS);
  }

  restart() {
    this.subscriptions.shutAll();
    this.transport?.close();
    this.transport = null;
    clearTimeout(this.retry);
    this.connect();
  }

  lost(code, reason) {
    this.refusals = code !== undefined && this.transport?.opened === false ? this.refusals + 1 : 0;
    this.transport?.close();
    this.transport = null;
    this.run = null;
    if (this.state === "reload") return;
    const refused = code === TRY_LATER || this.refusals >= MAX_REFUSALS;
    if (this.refusals >= MAX_REFUSALS) this.setState("refused", socketRefused());
    else if (refused) this.setState("refused", this.refusalText || reason || "The server accepts no more viewers");
    else this.setState("reconnecting", "");
    this.requests.failAll("The connection was lost");
    // Full jitter over a doubling bound: many pages of one server do not come back at the same instant.
    const bound = Math.min(8_000, 250 * 2 ** this.attempt++);
    clearTimeout(this.retry);
    const wait = refused ? REFUSED_MS : bound;
    this.retry = setTimeout(() => this.connect(), wait / 2 + (Math.random() * wait) / 2);
  }

  /** The kernel has closed the market that it read itself: nothing comes until another pump is there. */
  closed() {
    this.sessions.closed.add(this.transport.pump);
    this.lost();
    clearTimeout(this.retry);
    this.setState("closed", "");
  }

  /** The network is back or the page is visible again: reconnect without waiting for the next attempt. */
  tryNow() {
    if (this.views === 0 || this.transport || !["reconnecting", "closed"].includes(this.state)) return;
    clearTimeout(this.retry);
    this.attempt = 0;
    this.connect();
  }

  kernelChanged({ state, pump }) {
    if (state === "dead" && pump && this.transport?.pump === pump) this.lost();
    else this.setState(this.state, this.detail);
  }

  ping() {
    this.pulse.ask();
    this.post({ type: "ping" });
  }

  checkPulse() {
    if (!this.transport || document.hidden) return;
    if (this.pulse.isLost(this.transport.kind)) this.lost();
    else if (this.state === "open") this.ping();
  }

  visibilityChanged() {
    clearTimeout(this.hiding);
    if (document.hidden) this.hiding = setTimeout(() => this.pause(), HIDDEN_MS);
    else if (this.paused) {
      this.paused = false;
      this.pulse.begin();
      this.unheard = true;
      this.subscriptions.openAll();
      if (this.state === "open") this.ping();
      this.setState(this.state, this.detail);
    }
    this.venues.forget();
    if (!document.hidden) this.tryNow();
  }

  /** A hidden tab takes no frames: animation frames stop there, so nothing could be drawn anyway. */
  pause() {
    this.paused = true;
    this.subscriptions.shutAll();
  }

  // ---- what a view does -----------------------------------------------------------------------------------------

  /** Follow frames of `{venue, symbol, stream, parameters}`; `view` has paint(entry) and optionally gone(message). */
  subscribe(request, view) {
    return this.subscriptions.add(request, view);
  }

  get entries() {
    return this.subscriptions.entries;
  }

  get byKey() {
    return this.subscriptions.byKey;
  }

  /** Ask a venue once: `request("candles", {symbol, interval, limit, end})` gives the answer's data. */
  request(what, parameters, venue = "") {
    const named = venue ? { venue, ...parameters } : parameters;
    return this.requests.ask(what, named, (message) => this.post(message));
  }

  listen(listener) {
    this.listeners.add(listener);
    listener(this);
    return () => this.listeners.delete(listener);
  }

  /** The time of what the page shows, in ms of a venue's clock: now, or the playhead's in the past. */
  now(venue = "") {
    return this.playhead.covers(venue) ? this.playhead.now : this.liveNow(venue);
  }

  /** A venue's time now, also while the page is in the past. */
  liveNow(venue = "") {
    return Date.now() - this.venues.lagOf(venue).offset;
  }

  // ---- messages -------------------------------------------------------------------------------------------------

  receive(message, bytes, received = Date.now()) {
    this.pulse.received();
    if (this.unheard) {
      this.unheard = false;
      this.setState(this.state, this.detail);
    }
    this.counters.messages++;
    this.counters.bytes += bytes;
    const entry = message.key === undefined ? undefined : this.byKey.get(message.key);
    if (message.type === "frame") this.subscriptions.receive(entry, message);
    else if (message.type === "hello") this.greeted(message, received);
    else if (message.type === "gone") this.subscriptions.end(entry, message.message);
    else if (message.type === "response") this.requests.answer(message.id, message.data);
    else if (message.type === "status") this.status(message);
    else if (message.type === "playhead") this.playheadMoved(message);
    else if (message.type === "pong") this.lag.roundTrip = this.pulse.heard - this.pulse.asked;
    else if (message.type === "error") this.refused(entry, message);
  }

  greeted(message, received) {
    if (message.wire !== WIRE) {
      this.setState("reload", "This page is older than its server: reload it");
      this.transport?.close();
      this.transport = null;
      return;
    }
    this.hello = message;
    this.venues.greeted(message, received);
    this.ping();
    this.attempt = 0;
    this.refusalText = "";
    this.counters.connections++;
    this.subscriptions.forgetKeys();
    this.pace.reset();
    this.playhead.asked = 0;
    if (this.isOwn) this.playhead.time = null; // the kernel keeps where it is, and reports it behind its hello
    else if (this.playhead.isPast) this.playhead.enterAgain(); // before the keys, so that they are opened in the past
    this.setState("open", message.origin?.problem ?? "");
    this.subscriptions.openAll();
  }

  refused(entry, message) {
    this.counters.errors++;
    if (this.requests.refuse(message.id, message.message)) return;
    if (entry && !entry.frame) this.subscriptions.end(entry, message.message);
    else if (message.key === undefined && (this.playhead.isAsking || this.playhead.isPast)) {
      this.playheadChanged(this.playhead.refuse(message.message));
    } else if (message.key === undefined) this.refusalText = message.message; // the server's message before it closes
  }

  status(message) {
    this.venues.changed(message);
    this.setState(this.state, message.message ?? "");
  }

  playheadMoved(message) {
    const venues = this.playhead.receive(message);
    this.playheadChanged(venues);
    if (!message.moved) return;
    // Frames of the new time may have come before this message: they are requested again.
    this.subscriptions.resumeAll(venues);
  }

  playheadChanged(venues) {
    if (venues.length) this.forgetFrames(venues);
    this.setState(this.state, this.detail);
  }

  /** The playhead has moved: what the page holds of its venue must not be mixed with what comes. */
  forgetFrames(venues) {
    this.venues.forget();
    this.subscriptions.forgetFrames(venues);
    clearTimeout(this.moving);
    this.moving = setTimeout(() => this.last.drop(this.entries.values()), RENEWED_MS);
  }

  // ---- inside ---------------------------------------------------------------------------------------------------

  /** Send, spread out where there is more than the server takes in a second. */
  post(message) {
    if (!this.transport) return;
    const wait = this.pace.wait();
    const { run } = this;
    if (wait === 0) this.transport.send(message);
    else setTimeout(() => this.run === run && this.post(message), wait);
  }

  setState(state, detail) {
    this.state = state;
    this.detail = detail;
    for (const listener of this.listeners) listener(this);
  }
}
