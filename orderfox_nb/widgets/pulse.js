// Whether a connection still lives. A network that goes away tells a socket nothing: only that no answer comes.

const QUIET_MS = 40_000; // the server sends a heartbeat after 15 s without anything else
const UNANSWERED_MOST = 2;

export class Pulse {
  constructor() {
    this.begin();
  }

  /** Nothing is held against what begins now. */
  begin() {
    this.heard = performance.now();
    this.asked = this.heard;
    this.unanswered = 0; // pings since anything was heard
  }

  ask() {
    this.asked = performance.now();
    this.unanswered++;
  }

  hear() {
    this.heard = performance.now();
    this.unanswered = 0;
  }

  /** Whether to give a transport up. A kernel that is busy answers no ping, and its frames still come. */
  isLost(kind) {
    if (kind === "socket" && this.unanswered >= UNANSWERED_MOST) return true;
    return performance.now() - this.heard > QUIET_MS;
  }
}
