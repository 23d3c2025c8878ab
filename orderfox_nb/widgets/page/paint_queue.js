// Entries whose newest frames wait for the animation frame: each is painted once, however many frames came before it.

export class PaintQueue {
  /** `before` runs at the head of each animation frame, `after(count, ms)` at its end: paints, and the longest wait. */
  constructor({ before, after }) {
    Object.assign(this, { before, after });
    this.dirty = new Set();
    this.since = 0;
  }

  add(entry) {
    if (this.dirty.size === 0) {
      this.since = performance.now();
      requestAnimationFrame(() => this.paint());
    }
    this.dirty.add(entry);
  }

  paint() {
    const all = [...this.dirty];
    // Candles first: when they come for the first time, the other panels are painted one animation frame later.
    const first = all.filter((entry) => entry.frame && !entry.painted && entry.request.stream === "candles");
    const painted = first.length > 0 ? first : all;
    for (const entry of painted) this.dirty.delete(entry);
    if (this.dirty.size > 0) requestAnimationFrame(() => this.paint()); // also where one of these cannot be painted
    let count = 0;
    this.before();
    for (const entry of painted) {
      if (!entry.frame) continue;
      count++;
      entry.painted = true;
      for (const view of entry.views) view.paint(entry);
    }
    this.after(count, performance.now() - this.since);
  }
}
