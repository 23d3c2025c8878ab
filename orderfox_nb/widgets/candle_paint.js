// The dense marks of a candle chart on a canvas: pure drawing, nothing here knows of widgets or sockets.

const PRICE_PANE = [0.03, 0.74]; // share of the plot's height
const LIQUIDATION_PANE = [0.825, 0.99]; // its title stands above
const VOLUME_SHARE = 0.13;

/** First and last index of the bars that a window of time shows. */
export function visibleBars(times, fromS, toS) {
  const at = (wanted) => {
    let [low, high] = [0, times.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (times[middle] < wanted) low = middle + 1;
      else high = middle;
    }
    return low;
  };
  return [at(fromS), at(toS) - 1];
}

/** Lowest low and highest high of a range of bars, null where it is empty. */
export function priceRange(bars, first, last) {
  let [low, high] = [Infinity, -Infinity];
  for (let at = first; at <= last; at++) {
    if (bars[3][at] < low) low = bars[3][at];
    if (bars[2][at] > high) high = bars[2][at];
  }
  return low <= high ? [low, high] : null;
}

/** The y domain of the whole plot that puts a price range into the price pane. */
export function plotDomain([low, high]) {
  const span = (high - low) / (PRICE_PANE[1] - PRICE_PANE[0]);
  const top = high + span * PRICE_PANE[0];
  return [top - span, top];
}

/** The price range that the price pane shows of a plot domain. */
export function paneRange([bottom, top]) {
  const span = top - bottom;
  return [top - span * PRICE_PANE[1], top - span * PRICE_PANE[0]];
}

/** Round prices inside a range, `wanted` of them or fewer. */
export function niceTicks([low, high], wanted) {
  const rough = (high - low) / Math.max(1, wanted);
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 2.5, 5, 10].map((factor) => factor * power).find((size) => size >= rough) ?? 10 * power;
  const ticks = [];
  for (let at = Math.ceil(low / step); at * step <= high; at++) ticks.push(at * step);
  return { ticks, step };
}

const STEPS_S = [
  60, 120, 300, 600, 900, 1800, 3600, 7200, 14_400, 21_600, 43_200, 86_400, 172_800, 604_800, 2_592_000, 7_776_000,
  31_536_000,
];

/** Round local times inside a window, about one every `wanted` share of it. */
export function timeTicks(fromMs, toMs, wanted) {
  const rough = (toMs - fromMs) / 1000 / Math.max(1, wanted);
  const step = (STEPS_S.find((size) => size >= rough) ?? STEPS_S.at(-1)) * 1000;
  const zone = new Date(fromMs).getTimezoneOffset() * 60_000; // local midnight is a round time
  const ticks = [];
  for (let at = Math.ceil((fromMs - zone) / step) * step + zone; at <= toMs; at += step) ticks.push(new Date(at));
  const two = (number) => String(number).padStart(2, "0");
  const day = (at) => `${two(at.getDate())}.${two(at.getMonth() + 1)}.`;
  const midnight = (at) => at.getHours() + at.getMinutes() === 0;
  const text = (at) => (step >= 86_400_000 || midnight(at) ? day(at) : `${two(at.getHours())}:${two(at.getMinutes())}`);
  return { ticks, text };
}

/** How far the visible bars and their average reach above zero and below. */
function liquidationReach(liquidations, first, last) {
  let [above, below] = [0, 0];
  for (let at = first; at <= last; at++) {
    const net = liquidations[1][at] - liquidations[2][at];
    above = Math.max(above, net, liquidations[3][at] ?? 0);
    below = Math.max(below, -net);
  }
  return [above, below];
}

function fillAll(context, colour, boxes) {
  context.fillStyle = colour;
  for (let at = 0; at < boxes.length; at += 4) context.fillRect(boxes[at], boxes[at + 1], boxes[at + 2], boxes[at + 3]);
}

/**
 * Draw candles, traded volume and the liquidation histogram with its moving average.
 *
 * `plot` is {left, top, width, height} in CSS pixels, `domain` {x: [fromMs, toMs], y: [low, high]}.
 */
export function paintCandles(context, { plot, domain, frame, lengthS, colours, show }) {
  const { bars, liquidations } = frame;
  const [fromMs, toMs] = domain.x;
  const perMs = plot.width / (toMs - fromMs);
  const [first, last] = visibleBars(bars[0], fromMs / 1000 - lengthS, toMs / 1000);
  context.save();
  context.beginPath();
  context.rect(plot.left, plot.top, plot.width, plot.height);
  context.clip();

  const pitch = lengthS * 1000 * perMs;
  const width = Math.max(1, Math.min(16, Math.round(pitch * 0.72)));
  const wick = pitch > 14 ? 2 : 1;
  const centre = (at) => plot.left + (bars[0][at] * 1000 - fromMs + lengthS * 500) * perMs;
  const yOf = (price) => plot.top + ((domain.y[1] - price) / (domain.y[1] - domain.y[0])) * plot.height;

  let most = 0;
  for (let at = first; at <= last; at++) most = Math.max(most, bars[5][at]);
  const floor = plot.top + plot.height * (PRICE_PANE[1] + 0.045);
  const tall = plot.height * VOLUME_SHARE;
  const up = { volume: [], body: [] };
  const down = { volume: [], body: [] };
  for (let at = first; at <= last; at++) {
    const to = bars[4][at] >= bars[1][at] ? up : down;
    const x = centre(at);
    const left = Math.round(x - width / 2);
    if (most > 0) {
      const high = (bars[5][at] / most) * tall;
      to.volume.push(left, floor - high, width, high);
    }
    const [top, bottom] = [yOf(Math.max(bars[1][at], bars[4][at])), yOf(Math.min(bars[1][at], bars[4][at]))];
    const [high, low] = [yOf(bars[2][at]), yOf(bars[3][at])];
    to.body.push(Math.round(x - wick / 2), high, wick, Math.max(1, low - high));
    to.body.push(left, Math.round(top), width, Math.max(1, Math.round(bottom - top)));
  }
  if (show.volume) {
    context.globalAlpha = 0.3;
    fillAll(context, colours.bid, up.volume);
    fillAll(context, colours.ask, down.volume);
    context.globalAlpha = 1;
  }
  fillAll(context, colours.bid, up.body);
  fillAll(context, colours.ask, down.body);
  if (show.liquidations) paintLiquidations(context, { plot, liquidations, first, last, centre, width, colours });
  context.restore();
}

function paintLiquidations(context, { plot, liquidations, first, last, centre, width, colours }) {
  const top = plot.top + plot.height * LIQUIDATION_PANE[0];
  const tall = plot.height * (LIQUIDATION_PANE[1] - LIQUIDATION_PANE[0]);
  const [above, below] = liquidationReach(liquidations, first, last);
  // Zero moves to where both directions fit, and never quite to an edge: a lone long stays visible.
  const share = above + below > 0 ? Math.max(0.2, Math.min(0.8, above / (above + below))) : 0.5;
  const zero = Math.round(top + tall * share);
  context.fillStyle = colours.line;
  context.fillRect(plot.left, Math.round(plot.top + plot.height * 0.785), plot.width, 1);
  context.fillRect(plot.left, zero, plot.width, 1);
  context.fillStyle = colours.muted;
  context.font = colours.font;
  context.textBaseline = "top";
  context.fillText("Liquidations, shorts − longs", plot.left + 10, plot.top + plot.height * 0.785 + 6);
  if (above + below <= 0) return;
  const per = Math.min((tall * share) / Math.max(above, 1e-9), (tall * (1 - share)) / Math.max(below, 1e-9));
  const [shorts, longs] = [[], []];
  context.beginPath();
  let pen = false;
  for (let at = first; at <= last; at++) {
    const x = centre(at);
    const net = liquidations[1][at] - liquidations[2][at];
    const high = Math.abs(net) > 0 ? Math.max(1, Math.abs(net) * per) : 0;
    if (net > 0) shorts.push(Math.round(x - width / 2), zero - high, width, high);
    else if (net < 0) longs.push(Math.round(x - width / 2), zero + 1, width, high);
    const average = liquidations[3][at];
    if (!(average > 0)) pen = false;
    else if (pen) context.lineTo(x, zero - average * per);
    else context.moveTo(x, zero - average * per);
    pen = average > 0;
  }
  fillAll(context, colours.bid, shorts);
  fillAll(context, colours.ask, longs);
  context.strokeStyle = colours.warning;
  context.lineWidth = 1.5;
  context.stroke();
}

/** A dashed line across the plot with its price in a box at the right. */
export function paintPriceLine(context, { plot, y, text, colour, textColour, font }) {
  if (y < plot.top - 1 || y > plot.top + plot.height + 1) return;
  context.strokeStyle = colour;
  context.lineWidth = 1;
  context.setLineDash([3, 3]);
  context.beginPath();
  context.moveTo(plot.left, Math.round(y) + 0.5);
  context.lineTo(plot.left + plot.width, Math.round(y) + 0.5);
  context.stroke();
  context.setLineDash([]);
  paintTag(context, { x: plot.left + plot.width + 2, y, text, colour, textColour, font });
}

export function paintTag(context, { x, y, text, colour, textColour, font, centred = false }) {
  context.font = font;
  const width = context.measureText(text).width + 10;
  const left = centred ? x - width / 2 : x;
  context.fillStyle = colour;
  context.fillRect(left, Math.round(y) - 9, width, 18);
  context.fillStyle = textColour;
  context.textBaseline = "middle";
  context.fillText(text, left + 5, Math.round(y) + 0.5);
}
