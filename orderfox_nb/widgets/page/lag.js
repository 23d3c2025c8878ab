// How far what is on the screen is behind the server, without trusting that the two clocks agree: what a frame is later
// than the quickest one of the last minute, half the way to the server and back, and what this browser takes to draw.

const WINDOW_MS = 30_000;
const BEAT_MS = 500;
const RAISED_MS = 250;
const HIGH_MS = 2_000;
export const LAG_MEANING =
  "Lag is measured from the server to the drawn picture: the delay of frames relative to the fastest of the last "
  + "minute, half a round trip, and drawing. Green below 250 ms, amber below 2 s, red above.";

/** low (below 250 ms), raised (below 2 s) or high. */
export function lagLevel(ms) {
  return ms < RAISED_MS ? "low" : ms < HIGH_MS ? "raised" : "high";
}

export function lagText(ms) {
  return ms < 1_000 ? `${Math.round(ms)} ms` : `${(ms / 1_000).toFixed(1)} s`;
}

export class Lag {
  /** `page` is the lag that measures the connection and the browser for those of all venues; this one if not given. */
  constructor(page = null) {
    this.page = page ?? this;
    this.reset();
  }

  /** Start again, knowing only the server's greeting: the page's clock minus the venue's, in ms. */
  reset(offset = 0) {
    this.offset = offset;
    this.roundTrip = 0;
    this.smallest = [Infinity, Infinity];
    this.turned = performance.now();
    this.forget();
  }

  /** Discard measurements after the page was hidden, when its timers and frames were paused. */
  forget() {
    this.ms = null; // a slow average: a number that jumps ten times a second cannot be read
    this.drawing = 0; // from a frame's arrival until it is drawn
    this.late = 0; // by which the browser's timers fire
    this.beaten = null;
  }

  /** Note the age of a frame by the page's clock. */
  frame(age) {
    if (performance.now() - this.turned > WINDOW_MS) {
      this.smallest = [this.smallest[1], Infinity];
      this.turned = performance.now();
    }
    this.smallest[1] = Math.min(this.smallest[1], age);
    this.offset = Math.min(...this.smallest);
    const lag = age - this.offset + this.page.roundTrip / 2;
    this.ms = (this.ms ?? lag) * 0.95 + lag * 0.05;
  }

  /** Note how long frames waited from their arrival until they were drawn. */
  drawn(ms) {
    this.drawing = this.drawing * 0.9 + ms * 0.1;
  }

  /** Call every half a second: what is late then waits for the browser, and so do the frames that have come. */
  beat() {
    const now = performance.now();
    if (this.beaten !== null) this.late = this.late * 0.7 + Math.max(0, now - this.beaten - BEAT_MS) * 0.3;
    this.beaten = now;
  }

  /** What this browser adds: waiting for its script, and drawing. */
  get browser() {
    return Math.max(this.page.drawing, this.page.late);
  }

  /** From the server to the screen. */
  get total() {
    return (this.ms ?? 0) + this.browser;
  }

  get keepsUp() {
    return this.browser < RAISED_MS;
  }
}

export const LAG_BEAT_MS = BEAT_MS;
