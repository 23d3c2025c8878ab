// The extent and the axes of the depth chart: fitted seldom, since an axis that moves at every frame costs more than
// everything else there.
import { maxDepth } from "./depth_paint.js";
import { labelAxis } from "./figure_canvas.js";
import { axisText } from "../page/format.js";
import { niceTicks } from "./ticks.js";

const DRIFT = 0.08; // part of half the range that the middle may leave the centre before the picture follows
const WORDS_PIXELS = 22; // above the largest sum, for what is written there
const EDGE_PIXELS = 28;

export class DepthAxes {
  constructor({ xScale, yScale, xAxis, yAxis }) {
    Object.assign(this, { xScale, yScale, xAxis, yAxis });
    this.reset();
  }

  reset() {
    this.drawn = ""; // symbol and range that the extent belongs to
    this.extent = null; // {middle, half, maxSize}
    this.isIntact = () => false;
  }

  get domain() {
    const { middle, half } = this.extent;
    return [middle - half, middle + half];
  }

  /** Fit the extent and write the axes if the frame requires it or if they were reset elsewhere. */
  place(frame, plot, force = false) {
    const half = (frame.middle * Number(frame.range)) / 100;
    const name = `${frame.symbol} ${frame.range}`;
    const maxSize = maxDepth(frame);
    if (this.drawn !== name) this.extent = null;
    const { extent } = this;
    const moved = !extent || Math.abs(frame.middle - extent.middle) >= half * DRIFT;
    const share = Math.max(0.5, 1 - WORDS_PIXELS / plot.height);
    const grown = !extent || maxSize > extent.maxSize * share || maxSize <= extent.maxSize * share * 0.6;
    if (!moved && !grown && !force && this.isIntact()) return;
    this.extent = {
      middle: moved ? frame.middle : extent.middle,
      half,
      maxSize: grown ? (maxSize * 1.1) / share || 1 : extent.maxSize,
    };
    this.drawn = name;
    this.write(frame, plot);
  }

  write(frame, plot) {
    const [low, high] = this.domain;
    const { maxSize } = this.extent;
    this.xScale.set({ min: low, max: high });
    this.yScale.set({ min: 0, max: maxSize });
    const edge = (EDGE_PIXELS / plot.width) * (high - low); // a label that is cut says something else
    const prices = niceTicks([low + edge, high - edge], plot.width / 110, frame.price_digits);
    const form = { tick_format: `,.${prices.digits}f` };
    const isPriced = labelAxis(this.xAxis, form, Float64Array.from(prices.ticks));
    const sizes = niceTicks([0, maxSize], Math.max(2, plot.height / 40));
    const ticks = sizes.ticks.slice(1);
    const labels = Object.fromEntries(ticks.map((size) => [String(size), axisText(size, sizes.digits)]));
    // The format is for a moment in which the labels are not those of the ticks: no exponents.
    const words = { tick_format: `,.${sizes.digits}f`, tick_labels: labels };
    const isSized = labelAxis(this.yAxis, words, Float64Array.from(ticks));
    const is = (scale, min, max) => scale.get("min") === min && scale.get("max") === max;
    this.isIntact = () => isPriced() && isSized() && is(this.xScale, low, high) && is(this.yScale, 0, maxSize);
  }
}
