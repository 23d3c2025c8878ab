// Bars before the live window: those that left it, and those that are loaded when the viewer pans left.
import { grouped } from "../page/format.js";

export const MAX_OLDER_BARS = 20_000;
const RETRY_MS = 5_000;
const PAGE = 1_000;

/** All bars that are known, in one set of columns: a live frame is written over their end. */
export class Older {
  constructor(onChange = () => {}) {
    this.onChange = onChange;
    this.reset("");
  }

  reset(key) {
    this.key = key;
    this.columns = null; // {bars, liquidations}, once there is more than the live frame
    this.loading = false;
    this.end = ""; // why there is nothing older to load, as the viewer reads it
    this.failed = -Infinity;
    this.error = "";
  }

  /** The frame with everything that is known before it. */
  joined(frame, lengthS) {
    const known = this.columns;
    if (!known || !frame.bars[0].length) return frame;
    const start = frame.bars[0][0];
    const times = known.bars[0];
    if (times.at(-1) + lengthS * 1.5 < start) {
      this.reset(this.key); // the page was away for longer than a frame reaches back: a hole must not look whole
      return frame;
    }
    let keep = times.length;
    while (keep > 0 && times[keep - 1] >= start) keep--;
    if (times[keep] === start && known.bars[1][keep] !== frame.bars[1][0]) {
      this.reset(this.key); // no bar opens at another price later on: the venue restarted, with another past
      return frame;
    }
    writeOver(known.bars, frame.bars, keep);
    writeOver(known.liquidations, frame.liquidations, keep);
    return { ...frame, bars: known.bars, liquidations: known.liquidations };
  }

  /** Load the bars before the first one; true when there are more now. */
  async load(link, frame, { venue, symbol, interval }) {
    const first = (this.columns ?? frame).bars[0][0];
    const soon = performance.now() < this.failed + RETRY_MS;
    if (this.loading || this.end || soon || first === undefined) return false;
    const { key } = this;
    this.loading = true;
    this.error = "";
    this.onChange();
    try {
      const end = first * 1000 - 1;
      const data = await link.request("candles", { symbol, interval, limit: PAGE, end }, venue);
      if (this.key !== key) return false;
      return this.before(data, frame, first);
    } catch (error) {
      if (this.key !== key) return false;
      this.failed = performance.now();
      this.error = error.message;
      return false;
    } finally {
      if (this.key === key) {
        this.loading = false;
        this.onChange();
      }
    }
  }

  before(data, frame, first) {
    const bars = data.bars ?? [[]];
    let count = bars[0].length;
    while (count > 0 && bars[0][count - 1] >= first) count--;
    if (count === 0) {
      this.end = "no older candles";
      return false;
    }
    const volumes = data.liquidations ?? frame.liquidations.map((_, at) => (at ? bars[0].map(() => 0) : bars[0]));
    const known = this.columns ?? frame;
    const join = (columns, after) => columns.map((column, at) => [...column.slice(0, count), ...after[at]]);
    this.columns = { bars: join(bars, known.bars), liquidations: join(volumes, known.liquidations) };
    // The venue probably has more bars: this limit is the page's own.
    const full = this.columns.bars[0].length >= MAX_OLDER_BARS;
    if (full) this.end = `this page keeps ${grouped(String(MAX_OLDER_BARS))} candles`;
    return true;
  }
}

function writeOver(columns, columnsAfter, keep) {
  columns.forEach((column, number) => {
    const after = columnsAfter[number];
    column.length = keep + after.length;
    for (let at = 0; at < after.length; at++) column[keep + at] = after[at];
  });
}
