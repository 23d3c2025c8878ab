// A displayed state: it changes at most once a second, so that a flapping topic does not flicker.

const STEP_MS = 1_000;
/** States of data, best first; any other is worse than all of them. */
export const STATES = ["live", "stale", "syncing", "skewed", "gap", "down"];
export const stateRank = (state) => (STATES.includes(state) ? STATES.indexOf(state) : STATES.length);

/**
 * Shows values `{state, …}` through `show`. A worse state is shown at once where the last change is a second old, and
 * is never skipped: it is shown even where the topic has recovered meanwhile. A better one must have held for a second,
 * so a topic that flaps is shown in the worse of its states. What is just being opened may become better at any time:
 * `reset()` says that something new is opened. `rank(value)` orders states, 0 is the best.
 */
export class Steady {
  constructor(show, { rank, now = () => performance.now(), later, cancel }) {
    Object.assign(this, { show, rank, now });
    this.later = later ?? ((wake, ms) => setTimeout(wake, ms));
    this.cancel = cancel ?? ((timer) => clearTimeout(timer));
    this.timer = null;
    this.reset();
  }

  reset() {
    this.opening = true;
    this.shown = null;
    this.shownAt = -Infinity;
    this.latest = null;
    this.worst = null; // worse than what is shown, and not shown yet
    this.betterSince = 0;
    this.stop();
  }

  set(value) {
    const changed = this.latest?.state !== value.state;
    this.latest = value;
    if (this.shown === null) {
      this.reveal(value);
      return;
    }
    if (value.state === this.shown.state) {
      if (!this.worst) this.stop();
      this.shown = value;
      this.show(value); // the same state, perhaps in other words
    } else if (this.rank(value) > this.rank(this.shown) - (this.opening ? 0 : 1e-9)) {
      if (!this.worst || this.rank(value) >= this.rank(this.worst)) this.worst = value;
    }
    if (changed) this.betterSince = this.now();
    this.settle();
  }

  settle() {
    const now = this.now();
    if (this.worst) {
      if (now - this.shownAt < STEP_MS) return this.wake(this.shownAt + STEP_MS - now);
      this.opening = false;
      this.reveal(this.worst);
    }
    if (this.latest.state === this.shown.state) return;
    const due = this.opening ? now : Math.max(this.betterSince, this.shownAt) + STEP_MS;
    if (now >= due) this.reveal(this.latest);
    else this.wake(due - now);
  }

  reveal(value) {
    this.stop();
    this.worst = null;
    this.shown = value;
    this.shownAt = this.now();
    if (this.rank(value) === 0) this.opening = false;
    this.show(value);
  }

  wake(ms) {
    this.stop();
    this.timer = this.later(() => this.settle(), ms);
  }

  stop() {
    this.cancel(this.timer);
  }
}
