// Messages to the server, spread out where there are more than it takes in a second.

const MESSAGES_PER_SECOND = 40; // the server takes 50

export class Pace {
  constructor() {
    this.sent = [];
  }

  /** A new connection has a budget of its own. */
  reset() {
    this.sent.length = 0;
  }

  /** 0 if a message may go now, which counts it; otherwise the ms to wait until the next try. */
  wait() {
    const now = performance.now();
    while (this.sent.length && this.sent[0] < now - 1_000) this.sent.shift();
    if (this.sent.length >= MESSAGES_PER_SECOND) return 1_000 - (now - this.sent[0]) + 5;
    this.sent.push(now);
    return 0;
  }
}
