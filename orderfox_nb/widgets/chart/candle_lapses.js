// Periods in which a chart's data was unreliable: shaded, and described under the pointer.
import { clockText, durationText } from "../page/format.js";

const KEPT = 500;
const WORDS = {
  syncing: "synchronising", stale: "no news", gap: "gap", skewed: "the clock jumped", down: "the source was down",
  lost: "this page had no connection",
};

/** Lapses of one topic: those reported by its frames, and those observed by the page itself. */
export class Lapses {
  constructor() {
    this.reset("");
  }

  reset(key) {
    this.key = key;
    this.reported = [];
    this.seen = [];
    this.open = null;
    this.wasLive = false;
    this.beginning = true;
  }

  /** Record the quality of a frame; `intervals` are earlier lapses known to the server, if it sends any. */
  note(quality, timeMs, intervals) {
    if (Array.isArray(intervals)) this.reported = intervals.map(lapseOf).filter((one) => one !== null);
    const state = quality?.state ?? "live";
    if (this.open && this.open.state !== state) this.end(quality.since || timeMs);
    if (state === "live") [this.wasLive, this.beginning] = [true, false];
    // A topic that was not live yet, since it was requested or since the connection is back, is only beginning.
    else if (!this.open && !(this.beginning && state === "syncing")) {
      this.open = { state, from: quality.since || timeMs, to: null, reason: "" };
    }
  }

  /** The page itself lost its connection, or has it again: the bars of that time are loaded then. */
  connection(open, nowMs) {
    if (!open) this.beginning = true;
    if (open && this.open?.state === "lost") this.open = null;
    else if (!open && this.wasLive && !this.open) this.open = { state: "lost", from: nowMs, to: null, reason: "" };
  }

  end(timeMs) {
    if (this.open.state !== "lost") this.seen.push({ ...this.open, to: Math.max(timeMs, this.open.from) });
    if (this.seen.length > KEPT) this.seen.shift();
    this.open = null;
  }

  /** All lapses with an end, oldest first; one that lasts ends now. */
  all(nowMs) {
    const reported = this.reported.map((one) => ({ ...one, to: one.to ?? nowMs }));
    const covered = (one) => reported.some(({ from, to }) => from <= one.from + 1000 && to >= one.to - 1000);
    const open = this.open ? [{ ...this.open, to: Math.max(nowMs, this.open.from) }] : [];
    const own = [...this.seen, ...open].filter((one) => !covered(one));
    return [...reported, ...own].sort((one, other) => one.from - other.from);
  }
}

/** One interval of the wire, `[state, start ms, end ms, reason, lost]`, where an end of 0 or null lasts. */
function lapseOf(interval) {
  const [state, from, to, reason, lost] = Array.isArray(interval)
    ? interval
    : [interval.state, interval.start, interval.end, interval.reason, interval.lost];
  if (!Number.isFinite(from)) return null;
  return { state: String(state), from, to: to > 0 ? to : null, reason: String(reason ?? ""), lost: lost ?? -1 };
}

/** What a lapse was, in words: a title and its lines. */
export function lapseText(lapse) {
  const lasted = durationText(lapse.to - lapse.from);
  const lines = [`${clockText(lapse.from)} – ${clockText(lapse.to)}, ${lasted}`];
  if (lapse.reason) lines.push(lapse.reason);
  if (lapse.lost > 0) lines.push(`${lapse.lost} events are missing`);
  return [WORDS[lapse.state] ?? lapse.state, lines];
}

/** The boxes of lapses in a window of time, each at least three pixels wide. */
export function lapseBoxes(lapses, { plot, x }) {
  const per = plot.width / (x[1] - x[0]);
  const boxes = [];
  for (const lapse of lapses) {
    if (lapse.to < x[0] || lapse.from > x[1]) continue;
    const left = plot.left + (lapse.from - x[0]) * per;
    boxes.push({ lapse, left, width: Math.max(3, (lapse.to - lapse.from) * per) });
  }
  return boxes;
}

export function paintLapses(context, { boxes, top, height, colour }) {
  context.fillStyle = colour;
  for (const { left, width } of boxes) {
    context.globalAlpha = 0.13;
    context.fillRect(left, top, width, height);
    context.globalAlpha = 0.9;
    context.fillRect(left, top, width, 2);
  }
  context.globalAlpha = 1;
}

/** The lapse under a point, with room for the hand. */
export function lapseAt(boxes, x) {
  return boxes.findLast(({ left, width }) => x >= left - 3 && x <= left + width + 3)?.lapse ?? null;
}
