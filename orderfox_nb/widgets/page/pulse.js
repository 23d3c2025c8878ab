// Detects dead connections. A socket does not report that the network is gone: the only sign is a missing answer.

const QUIET_MS = 40_000; // the server sends a heartbeat after 15 s without anything else
const MAX_UNANSWERED = 2;

export class Pulse {
  constructor() {
    this.begin();
  }

  /** Reset for a new connection. */
  begin() {
    this.heard = performance.now();
    this.asked = this.heard;
    this.unanswered = 0; // pings since anything was heard
  }

  ask() {
    this.asked = performance.now();
    this.unanswered++;
  }

  received() {
    this.heard = performance.now();
    this.unanswered = 0;
  }

  /** Whether to give up a transport. A busy kernel does not answer pings, but its frames still arrive. */
  isLost(kind) {
    if (kind === "socket" && this.unanswered >= MAX_UNANSWERED) return true;
    return performance.now() - this.heard > QUIET_MS;
  }
}
