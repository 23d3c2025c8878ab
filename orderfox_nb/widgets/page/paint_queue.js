// Entries whose newest frames wait for the animation frame: each is painted once, however many frames came before it.

export class PaintQueue {
  /** `before` runs at the head of each animation frame, `after(count, ms)` at its end: paints, and the longest wait. */
  constructor({ before, after }) {
    Object.assign(this, { before, after });
    this.dirty = new Set();
    this.since = 0;
  }

  add(entry) {
    this.dirty.add(entry);
    if (this.dirty.size > 1) return;
    this.since = performance.now();
    requestAnimationFrame(() => this.paint());
  }

  paint() {
    const painted = [...this.dirty];
    this.dirty.clear();
    let count = 0;
    this.before();
    for (const entry of painted) {
      if (!entry.frame) continue;
      count++;
      for (const view of entry.views) view.paint(entry);
    }
    this.after(count, performance.now() - this.since);
  }
}
