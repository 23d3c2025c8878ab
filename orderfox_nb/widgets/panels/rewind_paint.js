// The drawing of a strip: price, volume and liquidations by pixel, gaps, times, and the playhead.
import { paintFill, wholeFill } from "../chart/fill_mark.js";
import { fillPlaces, gapSpans, pixelsOf, xOfTime } from "./rewind_strip.js";
import { timeTicks } from "../chart/ticks.js";

const LABELS_HIGH = 14;
const LABEL_EVERY = 96;
const HATCH_PX = 6;
const PRICE_SHARE = 0.6; // of the height above the labels; volume and liquidations have the rest
const FILL_PX = 4;
const FINE_MS = 1_200_000; // up to this span, bars of a minute are drawn apart
const FINE_ALPHA = 0.6; // of what is wide

/** Diagonals over a span: nothing is known of it. */
function paintHatch(context, [left, wide], high, colour) {
  context.save();
  context.beginPath();
  context.rect(left, 0, wide, high);
  context.clip();
  context.globalAlpha = 0.14;
  context.fillStyle = colour;
  context.fillRect(left, 0, wide, high);
  context.globalAlpha = 0.55;
  context.strokeStyle = colour;
  context.lineWidth = 1;
  context.beginPath();
  for (let x = Math.floor((left - high) / HATCH_PX) * HATCH_PX; x < left + wide; x += HATCH_PX) {
    context.moveTo(x, high);
    context.lineTo(x + high, 0);
  }
  context.stroke();
  context.restore();
}

/** Where a price stands in a lane of `top` and `high`. */
function heightOf(range, { top, high }) {
  const span = range[1] - range[0] || 1;
  return (price) => top + (1 - (price - range[0]) / span) * high;
}

/** The price as one shape from the lowest to the highest of each pixel, joined to its neighbours. */
function paintPrice(context, pixels, { lane, colour, alpha }) {
  const { low, high: highest, range } = pixels;
  if (!range) return;
  const y = heightOf(range, lane);
  context.fillStyle = colour;
  context.globalAlpha = alpha;
  let before = NaN;
  for (let x = 0; x < low.length; x++) {
    if (Number.isNaN(low[x])) {
      before = NaN;
      continue;
    }
    const middle = (low[x] + highest[x]) / 2;
    const [from, to] = [y(Math.max(highest[x], before || -Infinity)), y(Math.min(low[x], before || Infinity))];
    context.fillRect(x, from, 1, Math.max(1, to - from));
    before = middle;
  }
  context.globalAlpha = 1;
}

function paintBars(context, values, { scale, base, colour, alpha = 1 }) {
  context.globalAlpha = alpha;
  context.fillStyle = colour;
  for (let x = 0; x < values.length; x++) {
    if (values[x] > 0) context.fillRect(x, base - Math.max(1, values[x] * scale), 1, Math.max(1, values[x] * scale));
  }
  context.globalAlpha = 1;
}

/** Liquidated shorts and longs of each pixel, the smaller in front of the larger. */
function paintLiquidations(context, { bought, sold, peaks }, { lane, high, colours }) {
  const scale = (lane * 0.9) / (peaks.liquidated || 1);
  const buysFirst = [[bought, colours.bid], [sold, colours.ask]];
  const sellsFirst = [...buysFirst].reverse();
  for (let x = 0; x < bought.length; x++) {
    for (const [values, colour] of bought[x] >= sold[x] ? buysFirst : sellsFirst) {
      if (!(values[x] > 0)) continue;
      const tall = Math.max(2, values[x] * scale);
      context.fillStyle = colour;
      context.fillRect(x, high - tall, 1, tall);
    }
  }
}

/** Fills of the page's bot: triangles that point where it traded, as on the chart. Gives how many there are. */
function paintFills(context, fills, { window, width, high, range, lane, colours }) {
  const places = range ? fillPlaces(fills, window, width) : [];
  const box = { top: 0, bottom: high, left: 0, right: width }; // the highest sell stands at its edge, and is not cut
  for (const { x, price, side } of places) {
    const y = heightOf(range, lane)(Math.min(range[1], Math.max(range[0], price)));
    const mark = { x: x + 0.5, y, size: FILL_PX, side };
    paintFill(context, { ...mark, ...wholeFill(mark, box), colours });
  }
  return places.length;
}

function paintTimes(context, { window, width, high, colours }) {
  const { ticks, text } = timeTicks(window[0], window[1], width / LABEL_EVERY, 0);
  context.font = colours.small;
  context.textAlign = "center";
  context.textBaseline = "alphabetic";
  for (const tick of ticks) {
    const x = Math.round(xOfTime(tick.getTime(), window, width));
    context.fillStyle = colours.line;
    context.fillRect(x, 0, 1, high);
    const label = text(tick);
    const half = context.measureText(label).width / 2 + 2;
    if (x < half || x > width - half) continue;
    context.fillStyle = colours.muted;
    context.fillText(label, x, high + LABELS_HIGH - 4);
  }
}

/** The lines between the bars of a minute. */
function paintSeams(context, { window, width, high, colours }) {
  context.fillStyle = colours.background;
  for (let time = Math.ceil(window[0] / 60_000) * 60_000; time < window[1]; time += 60_000) {
    context.fillRect(Math.round(xOfTime(time, window, width)), 0, 1, high);
  }
}

/**
 * Draw a strip without its playhead: `data` is the server's answer, null while nothing is known, and `fills` are those
 * of the page's bot. Gives how many of those are in it.
 */
export function paintStrip(context, { data, fills, window, width, height, colours }) {
  const high = height - LABELS_HIGH;
  paintTimes(context, { window, width, high, colours });
  if (!data) return 0;
  const pixels = pixelsOf(data, window, width);
  const lane = high * (1 - PRICE_SHARE);
  paintBars(context, pixels.volume, {
    scale: (lane * 0.9) / (pixels.peaks.volume || 1), base: high, colour: colours.muted, alpha: 0.35,
  });
  const isFine = window[1] - window[0] <= FINE_MS;
  const price = { top: 3, high: high * PRICE_SHARE - 4 };
  paintPrice(context, pixels, { lane: price, colour: colours.accent, alpha: isFine ? FINE_ALPHA : 1 });
  if (isFine) paintSeams(context, { window, width, high, colours });
  paintLiquidations(context, pixels, { lane, high, colours });
  for (const span of gapSpans(data.gaps, window, width)) paintHatch(context, span, high, colours.warning);
  return paintFills(context, fills, { window, width, high, range: pixels.range, lane: price, colours });
}

/** Draw the playhead over a strip: what is not played yet is dimmed. */
export function paintPlayhead(context, { time, window, width, height, colours }) {
  const high = height - LABELS_HIGH;
  const x = Math.round(Math.min(width - 1, Math.max(1, xOfTime(time, window, width))));
  context.globalAlpha = 0.5;
  context.fillStyle = colours.background;
  context.fillRect(x, 0, width - x, high);
  context.globalAlpha = 1;
  context.fillStyle = colours.warning;
  context.fillRect(x - 1, 0, 2, high);
  context.beginPath();
  context.roundRect(x - 5, 0, 10, 13, 3);
  context.fill();
  context.fillStyle = colours.background;
  for (const by of [-2, 1]) context.fillRect(x + by, 4, 1, 5);
}
