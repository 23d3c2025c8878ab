// The window of time and price that a chart shows: where it begins, what the viewer does to it, what new bars may do.
import { paneRange, panesOf, plotDomain, priceRange, visibleBars } from "./candle_paint.js";
import { niceTicks, timeTicks } from "./ticks.js";

const PIXELS_A_BAR = 6;
const RIGHT_BARS = 2; // room between the last bar and the price axis
const LEAST_BARS = 8;
const MOST_BARS = 6_000;
const HEADROOM = 0.07; // of the price range, on both sides: y moves rarely
const FILLED = 0.55; // a price range that fills less of its pane is fitted again

export class CandleWindow {
  constructor({ xScale, yScale, xAxis, yAxis }) {
    Object.assign(this, { xScale, yScale, xAxis, yAxis });
    this.view = null;
    this.setting = false; // our own changes of the scales are not the viewer's
    this.held = false; // a drag goes on: bqplot counts from where it began
    this.name = "";
    this.newest = 0;
    this.lengthS = 60;
    this.width = 0; // of the plot that the window of time was made for
    this.fitted = null;
    this.panes = panesOf({});
  }

  get plot() {
    const { margin, plotareaWidth: width, plotareaHeight: height } = this.view;
    return { left: margin.left, top: margin.top, width, height };
  }

  get domain() {
    return { x: this.xScale.domain.map(Number), y: this.yScale.domain.map(Number) };
  }

  set(x, y) {
    this.setting = true;
    if (x) this.xScale.set({ min: new Date(x[0]), max: new Date(x[1]) });
    if (y) this.yScale.set({ min: y[0], max: y[1] });
    this.setting = false;
  }

  /** As many bars as fit at their usual width, up to the newest. */
  atNewest(bars, lengthS) {
    const end = (bars[0].at(-1) + (1 + RIGHT_BARS) * lengthS) * 1000;
    const count = Math.max(20, Math.floor(this.width / PIXELS_A_BAR));
    return [end - count * lengthS * 1000, end];
  }

  /** The plot has another size: bars keep their width, and the right edge its time, wherever the viewer put it. */
  resize({ bars, lengthS, digits }) {
    const { x } = this.domain;
    const usual = this.atNewest(bars, lengthS);
    const untouched = x.every((time, at) => Math.abs(time - usual[at]) < 2);
    const share = this.plot.width / this.width;
    this.width = this.plot.width;
    this.set(untouched ? this.atNewest(bars, lengthS) : [x[1] - (x[1] - x[0]) * share, x[1]], null);
    this.fitPrice(bars, lengthS);
    this.setTicks(digits);
  }

  /** Keep the window where the viewer left it; at the newest bar it moves on with each new one. */
  follow({ name, bars, lengthS, digits }) {
    const newest = bars[0].at(-1);
    this.lengthS = lengthS;
    // Bars that end earlier than before are those of another market, or of a venue that began anew.
    if (this.name !== name || newest < this.newest) {
      this.name = name;
      this.newest = newest;
      this.fitted = null;
      this.width = this.plot.width;
      this.set(this.atNewest(bars, lengthS), null);
      this.fitPrice(bars, lengthS);
      this.setTicks(digits);
      return;
    }
    const { x } = this.domain;
    const moved = (newest - this.newest) * 1000;
    const following = moved > 0 && x[1] >= this.newest * 1000 && !this.held;
    if (following) this.set([x[0] + moved, x[1] + moved], null);
    if (!this.held) this.newest = newest;
    if (this.fitPrice(bars, lengthS) || following) this.setTicks(digits);
  }

  /** Fit the price with headroom; leave it alone as long as the bars are inside and fill enough of it. */
  fitPrice(bars, lengthS, force = false) {
    const { x } = this.domain;
    const [first, last] = visibleBars(bars[0], x[0] / 1000 - lengthS, x[1] / 1000);
    const range = priceRange(bars, first, last);
    if (!range) return false;
    const span = range[1] - range[0] || range[1] * 1e-4 || 1;
    const [low, high] = this.fitted ?? [1, 0];
    const inside = range[0] >= low && range[1] <= high && span > (high - low) * FILLED;
    if (inside && !force) return false;
    this.fitted = [range[0] - span * HEADROOM, range[1] + span * HEADROOM];
    this.set(null, plotDomain(this.fitted, this.panes));
    return true;
  }

  setTicks(digits) {
    const { plot } = this;
    const { x, y } = this.domain;
    const { ticks, text } = timeTicks(x[0], x[1], plot.width / 95, this.lengthS * 1000);
    // bqplot writes times in UTC; labels of our own are in the page's zone where bars are shorter than a day. They and
    // the format go first, since the axis writes them when its values change. A label too near to an edge would be cut.
    const per = plot.width / (x[1] - x[0]);
    const whole = ticks.filter((tick) => (tick - x[0]) * per > 18 && (x[1] - tick) * per > 18);
    this.xAxis.set({ tick_labels: Object.fromEntries(whole.map((tick) => [String(tick), text(tick)])) });
    this.xAxis.set({ tick_values: whole });
    const prices = niceTicks(paneRange(y, this.panes), plot.height / 72, digits);
    this.yAxis.set({ tick_format: `,.${prices.digits}f` });
    this.yAxis.set({ tick_values: Float64Array.from(prices.ticks) });
  }

  /** Hold what the viewer did within what can be drawn; true when it had to be changed. */
  clamp(bars, lengthS) {
    const { x } = this.domain;
    const bar = lengthS * 1000;
    const span = Math.min(Math.max(x[1] - x[0], LEAST_BARS * bar), MOST_BARS * bar);
    const middle = (x[0] + x[1]) / 2;
    let [from, to] = span === x[1] - x[0] ? x : [middle - span / 2, middle + span / 2];
    // Two bars stay on the screen, whichever way it is pushed.
    const oldest = bars[0][0] * 1000 + 2 * bar;
    const newest = (bars[0].at(-1) - 1) * 1000;
    if (from > newest) [from, to] = [newest, newest + span];
    if (to < oldest) [from, to] = [oldest - span, oldest];
    if (from === x[0] && to === x[1]) return false;
    this.set([from, to], null);
    return true;
  }

  /** Move by a share of the window: negative is back in time. */
  pan(share) {
    const { x } = this.domain;
    const by = (x[1] - x[0]) * share;
    this.moveTo([x[0] + by, x[1] + by]);
  }

  /** Show `factor` times as much time; the newest bar keeps its place where it is on the screen. */
  zoom(factor) {
    const { x } = this.domain;
    const newest = this.newest * 1000;
    const anchor = newest > x[0] && newest < x[1] ? newest : (x[0] + x[1]) / 2;
    this.moveTo([anchor - (anchor - x[0]) * factor, anchor + (x[1] - anchor) * factor]);
  }

  /** Move as the viewer does, so that whoever watches the scales hears of it. */
  moveTo([from, to]) {
    this.xScale.set({ min: new Date(from), max: new Date(to) });
  }
}
