// Where in time the page is: live, or at a playhead in what was recorded, which every widget of the page follows.
import { countdownText, DAY_MS, durationText } from "./format.js";

export const SPEEDS = [0.25, 0.5, 1, 2, 5, 10, 30, 60, 300, "max"];
export const RENEWED_MS = 1_500; // after a move, what no frame has renewed is of another time
const REFUSAL_SHOWN_MS = 15_000; // so long a refusal is shown
const MAX_AHEAD_MS = 1_500; // a playing server reports once a second: beyond that the time is unknown

export function speedText(speed) {
  return speed === "max" ? "max" : `${speed}×`;
}

/** The speed `by` places after another one; the ends stay. */
export function speedBeside(speed, by) {
  const at = SPEEDS.indexOf(speed);
  const from = at >= 0 ? at : SPEEDS.indexOf(1);
  return SPEEDS[Math.min(SPEEDS.length - 1, Math.max(0, from + by))];
}

/** How far back a time is: −00:07, −12:34, −02:14:07, −2.1 d. */
export function behindText(ms) {
  if (ms >= 2 * DAY_MS) return `−${(ms / DAY_MS).toFixed(1)} d`;
  return `−${countdownText(Math.max(0, ms))}`;
}

/**
 * The page's playhead in what is recorded of one venue; the others stay live. That of a market which a notebook has
 * rewound is shared: all `venues()` are in its past. Times are milliseconds of the venue's clock; `post(message)` sends
 * to the server, which answers each message with its own playhead and sends that once a second in the past.
 */
export class Playhead {
  constructor(post, venues = () => []) {
    this.post = post;
    this.venues = venues;
    this.reset();
  }

  /** Live, and nothing is known of a recording. */
  reset() {
    this.time = null; // null: live
    this.start = this.end = this.live = null; // what is recorded, and the live time
    this.speed = 1;
    this.playing = false;
    this.shared = false;
    this.refusal = ""; // why the last message was refused
    this.refusedAt = 0;
    this.venue = ""; // by the page's own name: empty for the first one
    this.wanted = null; // the venue that is being entered
    this.moves = new Map(); // by venue, how often its data began at another time
    this.isMoving = false;
    this.isAsking = false;
    this.asked = 0; // messages that were sent since the hello
    this.isReturning = false; // to where a lost connection left the page
    this.receivedAt = 0;
  }

  get isPast() {
    return this.time !== null;
  }

  /** Whether a venue's data is of the past. */
  covers(venue) {
    return this.isPast && (this.shared || venue === this.venue);
  }

  movesOf(venue) {
    return this.moves.get(venue) ?? 0;
  }

  /** The playhead's time now, null while the page is live. */
  get now() {
    if (!this.isPast || !this.playing || this.speed === "max") return this.time;
    return Math.min(this.time + this.passed * this.speed, Math.max(this.time, this.end));
  }

  get passed() {
    return Math.min(performance.now() - this.receivedAt, MAX_AHEAD_MS);
  }

  /** Whether times and ids may jump without a loss: in the past, and where a venue has just come back from it. */
  mayJump(venue) {
    return this.covers(venue) || (this.movesOf(venue) > 0 && performance.now() - this.receivedAt < RENEWED_MS);
  }

  /** Why the last message was refused, for a while. */
  get problem() {
    return performance.now() - this.refusedAt < REFUSAL_SHOWN_MS ? this.refusal : "";
  }

  /** How far behind the live market the playhead is, in ms. */
  get behind() {
    return this.isPast ? this.live + this.passed - this.now : 0;
  }

  /** What every widget shows while it is not live: PAST −12:34, 5×. */
  get text() {
    if (!this.isPast) return "";
    return `PAST ${behindText(this.behind)}, ${this.playing ? speedText(this.speed) : "paused"}`;
  }

  /** The same for a screen reader. */
  get words() {
    const rate = this.speed === "max" ? "as fast as possible" : `at ${this.speed} times the speed`;
    return `${durationText(Math.max(0, this.behind))} ago, ${this.playing ? `playing ${rate}` : "paused"}`;
  }

  // ---- to the server --------------------------------------------------------------------------------------------

  send(message, { moving = false } = {}) {
    this.asked++;
    this.isAsking = true;
    this.refusal = "";
    this.isMoving ||= moving;
    this.post(message);
  }

  /** Enter the past of a venue, or move in it; without a time the server chooses ten minutes ago. */
  enter(venue, time = null, settings = {}) {
    if (this.covers(venue) && time !== null) this.go(time, settings);
    else this.open(venue, time === null ? settings : { time: Math.round(time), ...settings });
  }

  open(venue, settings) {
    this.wanted = venue;
    this.send({ type: "rewind", ...(venue ? { venue } : {}), ...settings }, { moving: true });
  }

  /** Move to a time within what is recorded. */
  go(time, settings = {}) {
    const wanted = Math.round(Math.min(Math.max(time, this.start), this.end));
    if (this.isPast && !this.playing && wanted === this.time) {
      // A drag that is released where it has rested: what is shown there is right.
      if (Object.keys(settings).length) this.change(settings);
      return;
    }
    if (this.isPast) {
      // What is pressed next counts from here, before the server has answered.
      this.time = wanted;
      this.receivedAt = performance.now();
      Object.assign(this, settings);
    }
    this.send({ type: "rewind", time: wanted, ...settings }, { moving: true });
  }

  /** Enter again where a lost connection left the page. */
  enterAgain() {
    const { now, speed, playing, venue } = this;
    this.isReturning = true;
    this.open(venue, { time: Math.round(now), speed, playing });
  }

  move(ms) {
    if (this.isPast) this.go(this.now + ms);
  }

  toggle() {
    this.change({ playing: !this.playing });
  }

  setSpeed(speed) {
    this.change({ speed });
  }

  change(settings) {
    if (!this.isPast) return;
    this.time = this.now;
    this.receivedAt = performance.now();
    Object.assign(this, settings);
    this.send({ type: "rewind", ...settings });
  }

  step(by) {
    if (this.isPast) this.send({ type: "step", by }, { moving: by < 0 });
  }

  /** Move to the next large trade, liquidation or gap, or `back` to the previous one. */
  skip(to, back) {
    if (this.isPast) this.send({ type: "skip", to, back }, { moving: true });
  }

  goLive() {
    if (this.isPast) this.send({ type: "live" });
  }

  // ---- from the server ------------------------------------------------------------------------------------------

  /** Apply a `playhead` message; returns the venues whose data begins at another time now. */
  receive({ time, start, end, speed, playing, live, moved: byOthers = false, shared = false, answered = Infinity }) {
    const wasPast = this.isPast;
    // A message from before the server handled the last command does not undo that command on the page.
    const isEarlier = wasPast && time !== null && answered < this.asked;
    if (Number.isFinite(answered)) this.asked = Math.max(this.asked, answered);
    const state = isEarlier ? { time: this.now } : { time, speed, playing };
    Object.assign(this, { start, end, live, shared, ...state });
    this.receivedAt = performance.now();
    const moved = wasPast !== this.isPast || (this.isPast && (this.isMoving || byOthers));
    const before = this.venue;
    if (!isEarlier) {
      if (this.isPast && this.isMoving) this.venue = this.wanted ?? this.venue;
      this.isMoving = this.isAsking = this.isReturning = false;
      this.wanted = null;
    }
    return moved ? this.count([this.venue, before, ...(shared ? this.venues() : [])]) : [];
  }

  count(venues) {
    const changed = [...new Set(venues)];
    for (const venue of changed) this.moves.set(venue, this.movesOf(venue) + 1);
    return changed;
  }

  /**
   * The server refused the last message: the page stays where it was, which after a lost connection is live. Returns
   * the venues whose data begins at another time now.
   */
  refuse(message) {
    const left = this.isReturning;
    this.asked = Math.max(0, this.asked - 1); // the server may not have counted it, and its answer would never come
    this.isMoving = this.isAsking = this.isReturning = false;
    this.refusal = message;
    this.refusedAt = performance.now();
    this.wanted = null;
    if (!left) return [];
    this.time = null;
    return this.count([this.venue]);
  }
}
