// What a strip of recorded minutes is on the screen: times to pixels, minutes folded into them, and what a drag sends.
const MINUTE_MS = 60_000;
const MIN_SPAN_MS = 10 * MINUTE_MS; // a recording that is younger does not fill the strip
const AROUND_MS = 5 * MINUTE_MS;
const DRAG_MS = 150;

/** The window of time of the whole strip, up to the newest of what is recorded and the live time. */
export function wholeWindow({ start, end, live }) {
  const to = Math.max(end, live ?? end);
  return [Math.min(start, to - MIN_SPAN_MS), to];
}

/** Five minutes on both sides of a time. */
export const nearWindow = (time) => [time - AROUND_MS, time + AROUND_MS];

export const xOfTime = (time, [from, to], width) => ((time - from) / (to - from)) * width;

export const timeOfX = (x, [from, to], width) => from + (Math.min(width, Math.max(0, x)) / width) * (to - from);

/**
 * Minutes folded into the pixels of a window. `columns` are the answer's, one row a minute; gives one value a pixel:
 * `low` and `high` (NaN if nothing was traded), the sums `volume`, `bought` and `sold` (liquidated shorts and longs
 * in quote currency), and the greatest of them, `peaks`. A minute that is wider than a pixel fills all its pixels, its
 * liquidations the middle of them.
 */
export function pixelsOf(columns, window, width) {
  const pixels = {
    low: new Float64Array(width).fill(NaN), high: new Float64Array(width).fill(NaN),
    volume: new Float64Array(width), bought: new Float64Array(width), sold: new Float64Array(width),
  };
  for (let row = 0; row < columns.time.length; row++) {
    const time = columns.time[row];
    const left = xOfTime(time, window, width);
    const right = xOfTime(time + MINUTE_MS, window, width);
    if (right <= 0 || left >= width) continue;
    const first = Math.max(0, Math.floor(left));
    const last = Math.min(width - 1, Math.max(first, Math.ceil(right) - 1));
    const inset = Math.floor((last - first) / 3);
    const [low, high] = [columns.low[row], columns.high[row]];
    const isTraded = Number.isFinite(low) && Number.isFinite(high);
    for (let x = first; x <= last; x++) {
      if (isTraded && !(low > pixels.low[x])) pixels.low[x] = low;
      if (isTraded && !(high < pixels.high[x])) pixels.high[x] = high;
      pixels.volume[x] += columns.volume[row] ?? 0;
      if (x < first + inset || x > last - inset) continue;
      pixels.bought[x] += columns.buy_liquidations[row] ?? 0;
      pixels.sold[x] += columns.sell_liquidations[row] ?? 0;
    }
  }
  const range = [Infinity, -Infinity];
  for (let x = 0; x < width; x++) {
    if (pixels.low[x] < range[0]) range[0] = pixels.low[x];
    if (pixels.high[x] > range[1]) range[1] = pixels.high[x];
  }
  const peak = (column) => column.reduce((found, value) => Math.max(found, value), 0);
  const liquidated = Math.max(peak(pixels.bought), peak(pixels.sold));
  return { ...pixels, range: range[0] <= range[1] ? range : null, peaks: { volume: peak(pixels.volume), liquidated } };
}

/** Gaps inside a window as `[left, width]` in pixels, each at least two pixels wide. */
export function gapSpans(gaps, window, width) {
  const spans = [];
  for (const [start, end] of gaps) {
    if (end < window[0] || start > window[1]) continue;
    const left = Math.max(0, xOfTime(start, window, width));
    const right = Math.min(width, xOfTime(end, window, width));
    spans.push([Math.min(left, width - 2), Math.max(2, right - left)]);
  }
  return spans;
}

/** Fills inside a window, as `{x, price, side}`: one for all of a side and price in a pixel. */
export function fillPlaces(fills, window, width) {
  const places = new Map();
  for (const { timestamp, side, price } of fills) {
    const x = Math.floor(xOfTime(timestamp, window, width));
    if (x >= 0 && x < width) places.set(`${x} ${side} ${price}`, { x, price: Number(price), side });
  }
  return [...places.values()];
}

/** The time that a field asks for, on the day of `near`: 14:05, 14:05:30, −12:34 or -10m back from live; null else. */
export function askedTime(text, { near, live, offset }) {
  const plain = text.trim().replace("−", "-");
  const ago = /^-?(\d+(?:\.\d+)?)\s*([smh])$/i.exec(plain);
  if (ago) return live - Number(ago[1]) * { s: 1_000, m: 60_000, h: 3_600_000 }[ago[2].toLowerCase()];
  const match = /^(-)?(\d{1,2}):(\d{2})(?::(\d{2}))?$/.exec(plain);
  if (!match) return null;
  const [first, second, third] = match.slice(2).map((part) => (part === undefined ? null : Number(part)));
  if (second > 59 || third > 59) return null;
  if (match[1]) return live - (third === null ? first * 60 + second : first * 3_600 + second * 60 + third) * 1_000;
  if (first > 23) return null;
  const day = 86_400_000;
  const midnight = Math.floor((near + offset) / day) * day - offset;
  const time = midnight + (first * 3_600 + second * 60 + (third ?? 0)) * 1_000;
  return time > live ? time - day : time; // the time of the evening, asked for after midnight
}

/** Sends values that come often: the first at once, then the latest of each while, and the last one exactly. */
export class LatestWins {
  constructor(send, { later, cancel } = {}) {
    this.send = send;
    this.later = later ?? ((work, ms) => setTimeout(work, ms));
    this.cancel = cancel ?? ((timer) => clearTimeout(timer));
    this.timer = null;
    this.latest = null;
  }

  set(value) {
    this.latest = { value };
    if (this.timer === null) this.flush();
  }

  flush() {
    this.timer = null;
    if (!this.latest) return;
    const { value } = this.latest;
    this.latest = null;
    this.send(value);
    this.timer = this.later(() => this.flush(), DRAG_MS);
  }

  /** The last value, sent now whatever waits. */
  end() {
    this.stop();
    this.latest = null;
  }

  stop() {
    if (this.timer !== null) this.cancel(this.timer);
    this.timer = null;
  }
}
