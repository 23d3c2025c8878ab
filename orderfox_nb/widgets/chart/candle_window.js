// The window of time and price that a chart shows: where it begins, what the viewer does to it, what new bars may do.
import { priceRange, visibleBars } from "./candle_paint.js";
import { panesOf } from "./candle_panes.js";
import { labelAxis } from "./figure_canvas.js";
import { mapOf, paneRange, plotDomain, shifted, stretched } from "./price_scale.js";
import { priceTicks, timeTicks } from "./ticks.js";

const PIXELS_A_BAR = 6;
const RIGHT_BARS = 2; // room between the last bar and the price axis
const MIN_BARS = 8;
const MAX_BARS = 6_000;
const EMPTY_SHARE = 0.1; // of the width, which zooming out leaves to the future, and to what was before the first bar
const HEADROOM = 0.07; // of the price range, on both sides: y moves rarely
const FILLED = 0.55; // a price range that fills less of its pane is fitted again
const TIME_GAP = 95; // pixels from one time label to the next one
const FINER = 5; // steps to closer ones where none has room
const HALF_DIGIT = 3.5; // half the width of one in a label

export class CandleWindow {
  /** Of the two price axes, each with its scale, one is seen. */
  constructor({ xScale, yScale, logScale, xAxis, yAxis, logAxis }) {
    Object.assign(this, { xScale, linear: yScale, logarithmic: logScale, xAxis, linearAxis: yAxis, logAxis });
    this.view = null;
    this.setting = false; // our own changes of the scales are not the viewer's
    this.held = false; // a drag continues: bqplot counts from where it began
    this.log = false;
    this.fixed = false; // the price scale is the viewer's own
    this.name = "";
    this.newest = 0;
    this.lengthS = 60;
    this.span = Infinity; // of time, in ms, when it was last looked at
    this.width = 0; // of the plot that the window of time was made for
    this.fitted = null; // the price range that was fitted, as the scale maps it
    this.scaled = ""; // what it was fitted for
    this.panes = panesOf({});
  }

  get plot() {
    const { margin, plotareaWidth: width, plotareaHeight: height } = this.view;
    return { left: margin.left, top: margin.top, width, height };
  }

  get yScale() {
    return this.log ? this.logarithmic : this.linear;
  }

  get yAxis() {
    return this.log ? this.logAxis : this.linearAxis;
  }

  get domain() {
    return { x: this.xScale.domain.map(Number), y: this.yScale.domain.map(Number) };
  }

  /** Whether the scales have been set back from outside. */
  get isLost() {
    const { x, y } = this.domain;
    return ![x, y].every((one) => one.length === 2 && one.every(Number.isFinite) && one[1] > one[0]);
  }

  set(x, y) {
    this.setting = true;
    if (x) this.xScale.set({ min: new Date(x[0]), max: new Date(x[1]) });
    if (y) this.yScale.set({ min: y[0], max: y[1] });
    this.setting = false;
  }

  /** Choose between the scales: the price range that is shown stays, where it is the viewer's own. */
  useScale({ log, fixed }) {
    const range = this.fitted && paneRange(this.domain.y, this.panes, this.log);
    const changed = log !== this.log;
    Object.assign(this, { log, fixed });
    this.linearAxis.set({ visible: !log });
    this.logAxis.set({ visible: log });
    if (changed && range) {
      const [low, high] = range;
      this.set(null, plotDomain([log ? Math.max(low, high * 1e-6) : low, high], this.panes, log));
    }
    if (!fixed || changed) this.fitted = fixed && range ? this.fitted : null;
  }

  /** Other panes: the price range that is shown stays. */
  usePanes(panes) {
    if (this.fitted) this.set(null, plotDomain(paneRange(this.domain.y, this.panes, this.log), panes, this.log));
    this.panes = panes;
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
    this.span = Infinity;
    this.fitPrice(bars, lengthS);
    this.setTicks(digits);
  }

  /** Keep the window where the viewer left it; at the newest bar it moves on with each new one. */
  follow({ name, bars, lengthS, digits }) {
    const newest = bars[0].at(-1);
    this.lengthS = lengthS;
    const atEnd = !this.isLost && this.domain.x[1] >= this.newest * 1000;
    // Bars that end earlier than before are those of a venue that restarted, or of a rewind: a window at the newest bar
    // goes back with it, any other one may show nothing of them.
    if (this.name !== name || (newest < this.newest && !atEnd) || this.isLost) {
      this.newest = newest;
      if (!this.fixed || this.scaled !== name || this.isLost) this.fitted = null;
      this.name = this.scaled = name;
      this.width = this.plot.width;
      this.span = Infinity;
      this.set(this.atNewest(bars, lengthS), null);
      this.fitPrice(bars, lengthS);
      this.setTicks(digits);
      return;
    }
    const { x } = this.domain;
    const moved = (newest - this.newest) * 1000;
    const following = moved !== 0 && atEnd && !this.held;
    if (following) this.set([x[0] + moved, x[1] + moved], null);
    if (!this.held) this.newest = newest;
    const refitted = this.fitPrice(bars, lengthS);
    if (refitted || following || !this.labelled?.()) this.setTicks(digits);
  }

  /** Fit the price with headroom; leave it alone as long as the bars are inside and fill enough of it. */
  fitPrice(bars, lengthS) {
    if (this.fixed && this.fitted) return false;
    const { x } = this.domain;
    const [first, last] = visibleBars(bars[0], x[0] / 1000 - lengthS, x[1] / 1000);
    const range = priceRange(bars, first, last);
    if (!range) return false;
    const { to, from } = mapOf(this.log);
    const [bottom, top] = range.map(to);
    const span = top - bottom || (this.log ? 1e-4 : top * 1e-4) || 1;
    const [low, high] = this.fitted ?? [1, 0];
    if (bottom >= low && top <= high && span > (high - low) * FILLED) return false;
    this.fitted = [bottom - span * HEADROOM, top + span * HEADROOM];
    this.set(null, plotDomain(this.fitted.map(from), this.panes, this.log));
    return true;
  }

  setTicks(digits) {
    const { plot } = this;
    const { x, y } = this.domain;
    // bqplot writes times in UTC; labels of our own are in the page's zone where bars are shorter than a day. A label
    // too near to an edge would be cut.
    const per = plot.width / (x[1] - x[0]);
    const wholeTicks = (wanted) => {
      const { ticks, text } = timeTicks(x[0], x[1], wanted, this.lengthS * 1000);
      return ticks.map((tick) => [tick, text(tick)]).filter(([tick, label]) => {
        const half = 2 + label.length * HALF_DIGIT;
        return (tick - x[0]) * per > half && (x[1] - tick) * per > half;
      });
    };
    // Without any, bqplot would write its own, one over the other where there is so little room.
    let wanted = plot.width / TIME_GAP;
    let whole = wholeTicks(wanted);
    for (let left = FINER; whole.length === 0 && left > 0; left--) whole = wholeTicks((wanted *= 1.5));
    const labels = Object.fromEntries(whole.map(([tick, label]) => [String(tick), label]));
    const isTimed = labelAxis(this.xAxis, { tick_labels: labels }, whole.map(([tick]) => tick));
    const height = plot.height * (this.panes.price[1] - this.panes.price[0]);
    const prices = priceTicks(paneRange(y, this.panes, this.log), height, digits, this.log);
    const form = { tick_format: `,.${prices.digits}f` };
    const isPriced = labelAxis(this.yAxis, form, Float64Array.from(prices.ticks));
    this.labelled = () => isTimed() && isPriced();
  }

  /**
   * Hold what the viewer did within what can be drawn; true when it had to be changed. Zooming out leaves little to the
   * future, and to the past where `whole` says that there are no older bars.
   */
  clamp(bars, lengthS, whole = false) {
    const { x } = this.domain;
    const bar = lengthS * 1000;
    const [oldest, newest] = [bars[0][0] * 1000, bars[0].at(-1) * 1000];
    const [usualFrom, usualTo] = this.atNewest(bars, lengthS);
    const all = whole ? (newest + bar - oldest) / (1 - 2 * EMPTY_SHARE) : Infinity;
    const maxSpan = Math.min(MAX_BARS * bar, Math.max(all, usualTo - usualFrom));
    const span = Math.min(Math.max(x[1] - x[0], MIN_BARS * bar), maxSpan);
    const middle = (x[0] + x[1]) / 2;
    let [from, to] = span === x[1] - x[0] ? x : [middle - span / 2, middle + span / 2];
    if (x[1] - x[0] > this.span * 1.0001) {
      const empty = EMPTY_SHARE * span;
      if (whole && from < oldest - empty) [from, to] = [oldest - empty, oldest - empty + span];
      const end = Math.max(newest + bar + empty, usualTo);
      if (to > end) [from, to] = [end - span, end];
    }
    this.span = span;
    // Two bars stay on the screen, whichever way it is pushed.
    if (from > newest - bar) [from, to] = [newest - bar, newest - bar + span];
    if (to < oldest + 2 * bar) [from, to] = [oldest + 2 * bar - span, oldest + 2 * bar];
    if (from === x[0] && to === x[1]) return false;
    this.set([from, to], null);
    return true;
  }

  /** Whether the newest bar is not on the screen, or not all of it. */
  get isAway() {
    return this.domain.x[1] < (this.newest + this.lengthS) * 1000;
  }

  /** Show the newest bar, and as much time as now. */
  goToNow() {
    const { x } = this.domain;
    const end = (this.newest + (1 + RIGHT_BARS) * this.lengthS) * 1000;
    this.moveTo([end - (x[1] - x[0]), end]);
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

  /** Move as the viewer does, so that observers of the scales are notified. */
  moveTo([from, to]) {
    this.xScale.set({ min: new Date(from), max: new Date(to) });
  }

  /** Show `factor` times the price range; the scale is the viewer's own from now on. */
  stretchPrice(domain, factor, digits) {
    this.movePrice(stretched(domain, this.panes, factor, { log: this.log, digits }));
  }

  /** Move the prices by a share of the plot's height. */
  shiftPrice(domain, share) {
    this.movePrice(shifted(domain, share, this.log));
  }

  movePrice([min, max]) {
    this.fixed = true;
    this.fitted ??= [min, max].map(mapOf(this.log).to);
    this.yScale.set({ min, max });
  }
}
