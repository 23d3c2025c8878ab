// How far behind the venue the page is, without trusting that the two clocks agree: what a frame is later than the
// quickest one of the last minute, and half the way to the server and back.

const WINDOW_MS = 30_000;

export class Lag {
  constructor() {
    this.reset();
  }

  /** Begin anew, knowing only the server's greeting: the page's clock minus the venue's, in ms. */
  reset(offset = 0) {
    this.offset = offset;
    this.roundTrip = 0;
    this.ms = null; // a slow average: a number that jumps ten times a second cannot be read
    this.least = [Infinity, Infinity];
    this.turned = performance.now();
  }

  /** Take the age of a frame by the page's clock. */
  frame(age) {
    if (performance.now() - this.turned > WINDOW_MS) {
      this.least = [this.least[1], Infinity];
      this.turned = performance.now();
    }
    this.least[1] = Math.min(this.least[1], age);
    this.offset = Math.min(...this.least);
    const lag = age - this.offset + this.roundTrip / 2;
    this.ms = (this.ms ?? lag) * 0.95 + lag * 0.05;
  }
}
