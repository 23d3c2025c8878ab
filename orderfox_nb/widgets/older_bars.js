// Bars before the live window: those that left it, and those that are loaded when the viewer pans left.

const OLDER_MOST = 20_000;

/** Bars that left the live window, and those loaded when panned left; they stand before the live frame's. */
export class Older {
  constructor() {
    this.reset("");
  }

  reset(key) {
    this.key = key;
    this.bars = null;
    this.liquidations = null;
    this.loading = false;
    this.exhausted = false;
  }

  /** The frame with everything that is known before it. */
  joined(frame, previous) {
    const start = frame.bars[0][0];
    if (this.bars && previous && previous.bars[0][0] < start) {
      const left = previous.bars[0].findIndex((time) => time >= start);
      const count = left < 0 ? previous.bars[0].length : left;
      this.bars = this.bars.map((column, at) => column.concat(previous.bars[at].slice(0, count)));
      const volumes = previous.liquidations;
      this.liquidations = this.liquidations.map((column, at) => column.concat(volumes[at].slice(0, count)));
    }
    if (!this.bars) return frame;
    let keep = this.bars[0].length;
    while (keep > 0 && this.bars[0][keep - 1] >= start) keep--;
    const before = (columns, after) => columns.map((column, at) => column.slice(0, keep).concat(after[at]));
    const liquidations = before(this.liquidations, frame.liquidations);
    return { ...frame, bars: before(this.bars, frame.bars), liquidations };
  }

  async load(link, frame, symbol, interval) {
    const first = this.bars?.[0][0] ?? frame.bars[0][0];
    if (this.loading || this.exhausted || first === undefined) return false;
    const { key } = this;
    this.loading = true;
    try {
      const data = await link.request("candles", { symbol, interval, limit: 1000, end: first * 1000 - 1 });
      if (this.key !== key) return false;
      const bars = data.bars ?? [[]];
      if (!bars[0].length || bars[0][0] >= first) {
        this.exhausted = true;
        return false;
      }
      const volumes = data.liquidations ?? bars[0].map(() => 0);
      const columns = Array.isArray(volumes[0]) ? volumes : [bars[0], volumes, volumes, volumes, volumes];
      this.bars = this.bars ? bars.map((column, at) => column.concat(this.bars[at])) : bars;
      const known = this.liquidations;
      this.liquidations = known ? columns.map((column, at) => column.concat(known[at])) : columns;
      this.exhausted = this.bars[0].length > OLDER_MOST;
      return true;
    } catch {
      this.exhausted = true; // asked again when symbol or timeframe change
      return false;
    } finally {
      this.loading = false;
    }
  }
}
