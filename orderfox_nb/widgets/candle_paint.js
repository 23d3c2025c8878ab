// The dense marks of a candle chart on a canvas: pure drawing, nothing here knows of widgets or sockets.
import { paintOverlays } from "./candle_lines.js";
import { paintLapses } from "./candle_lapses.js";

const LIQUIDATIONS_FROM = 0.785; // share of the plot's height; where it is shown the price has what is above
const VOLUME_SHARE = 0.13;
const OUTLIER = 8; // times the mean bar: what is larger is cut, and says so with a break

/** Shares of the plot's height, from its top: where prices are, where volume stands, where liquidations are drawn. */
export function panesOf({ liquidations = true }) {
  return liquidations
    ? { price: [0.03, 0.74], floor: LIQUIDATIONS_FROM, liquidations: [0.825, 0.985] } // its title stands above
    : { price: [0.03, 0.93], floor: 1, liquidations: null };
}

/** Whether a point is where liquidations are drawn. */
export function inLiquidations(panes, plot, y) {
  return panes.liquidations !== null && y >= plot.top + plot.height * panes.floor && y <= plot.top + plot.height;
}

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
export function plotDomain([low, high], { price }) {
  const span = (high - low) / (price[1] - price[0]);
  const top = high + span * price[0];
  return [top - span, top];
}

/** The price range that the price pane shows of a plot domain. */
export function paneRange([bottom, top], { price }) {
  const span = top - bottom;
  return [top - span * price[1], top - span * price[0]];
}

/** How far the visible bars and their average reach above zero and below; one huge bar does not flatten the rest. */
function liquidationReach(liquidations, first, last) {
  let [above, below, sum, count, average] = [0, 0, 0, 0, 0];
  for (let at = first; at <= last; at++) {
    const net = liquidations[1][at] - liquidations[2][at];
    above = Math.max(above, net);
    below = Math.max(below, -net);
    average = Math.max(average, liquidations[3][at] ?? 0);
    if (net !== 0) {
      sum += Math.abs(net);
      count++;
    }
  }
  const most = count > 2 ? Math.max((sum / count) * OUTLIER, average) : Infinity;
  return [Math.max(Math.min(above, most), average), Math.min(below, most)];
}

function fillAll(context, colour, boxes) {
  context.fillStyle = colour;
  for (let at = 0; at < boxes.length; at += 4) context.fillRect(boxes[at], boxes[at + 1], boxes[at + 2], boxes[at + 3]);
}

/**
 * Draw candles, traded volume, overlays and the liquidation histogram with its moving average.
 *
 * `plot` is {left, top, width, height} in CSS pixels, `domain` {x: [fromMs, toMs], y: [low, high]}; `lapses` are boxes
 * of the candles, `liquidationLapses` those of the liquidations.
 */
export function paintCandles(context, scene) {
  const { plot, domain, frame, lengthS, colours, show, panes } = scene;
  const { bars, liquidations } = frame;
  const [fromMs, toMs] = domain.x;
  const perMs = plot.width / (toMs - fromMs);
  const [first, last] = visibleBars(bars[0], fromMs / 1000 - lengthS, toMs / 1000);
  context.save();
  context.beginPath();
  context.rect(plot.left, plot.top, plot.width, plot.height);
  context.clip();

  const pitch = lengthS * 1000 * perMs;
  const wick = pitch > 14 ? 2 : 1;
  // Body and wick share their middle on whole pixels.
  const width = wick + 2 * Math.max(0, Math.min(7, Math.round((pitch * 0.72 - wick) / 2)));
  const side = (width - wick) / 2;
  const centre = (at) => plot.left + (bars[0][at] * 1000 - fromMs + lengthS * 500) * perMs;
  const yOf = (price) => plot.top + ((domain.y[1] - price) / (domain.y[1] - domain.y[0])) * plot.height;

  let most = 0;
  for (let at = first; at <= last; at++) most = Math.max(most, bars[5][at]);
  const floor = plot.top + plot.height * panes.floor;
  const tall = plot.height * VOLUME_SHARE;
  const up = { volume: [], body: [] };
  const down = { volume: [], body: [] };
  for (let at = first; at <= last; at++) {
    const to = bars[4][at] >= bars[1][at] ? up : down;
    const stem = Math.round(centre(at) - wick / 2);
    if (most > 0) {
      const high = (bars[5][at] / most) * tall;
      to.volume.push(stem - side, floor - high, width, high);
    }
    const [top, bottom] = [yOf(Math.max(bars[1][at], bars[4][at])), yOf(Math.min(bars[1][at], bars[4][at]))];
    const [high, low] = [yOf(bars[2][at]), yOf(bars[3][at])];
    to.body.push(stem, high, wick, Math.max(1, low - high));
    to.body.push(stem - side, Math.round(top), width, Math.max(1, Math.round(bottom - top)));
  }
  paintLapses(context, { boxes: scene.lapses, top: plot.top, height: floor - plot.top, colour: colours.warning });
  if (show.volume) {
    context.globalAlpha = 0.3;
    fillAll(context, colours.bid, up.volume);
    fillAll(context, colours.ask, down.volume);
    context.globalAlpha = 1;
  }
  fillAll(context, colours.bid, up.body);
  fillAll(context, colours.ask, down.body);
  if (scene.overlays.length) {
    context.save();
    context.beginPath();
    context.rect(plot.left, plot.top, plot.width, floor - plot.top);
    context.clip();
    paintOverlays(context, { overlays: scene.overlays, first, last, xOf: centre, yOf, colours });
    context.restore();
  }
  if (show.liquidations) {
    const box = { boxes: scene.liquidationLapses, top: floor, height: plot.top + plot.height - floor };
    paintLapses(context, { ...box, colour: colours.warning });
    const { liquidation_history: history } = scene.frame;
    paintLiquidations(context, { plot, panes, liquidations, history, first, last, centre, width, colours, show });
  }
  context.restore();
}

/** Where the past is not known, an empty place in it means nothing. */
export function liquidationTitle(history) {
  return `Liquidations, shorts − longs${history === "complete" ? "" : " · only what was seen live"}`;
}

function paintLiquidations(context, { plot, panes, liquidations, history, first, last, centre, width, colours, show }) {
  const [from, to] = panes.liquidations;
  const top = plot.top + plot.height * from;
  const tall = plot.height * (to - from);
  const [above, below] = liquidationReach(liquidations, first, last);
  // Zero moves to where both directions fit, and never quite to an edge: a lone long stays visible.
  const share = above + below > 0 ? Math.max(0.2, Math.min(0.8, above / (above + below))) : 0.5;
  const zero = Math.round(top + tall * share);
  const edge = plot.top + plot.height * panes.floor;
  context.fillStyle = colours.line;
  context.fillRect(plot.left, Math.round(edge), plot.width, 1);
  context.fillRect(plot.left, zero, plot.width, 1);
  context.fillStyle = colours.muted;
  context.font = colours.font;
  context.textBaseline = "top";
  context.fillText(liquidationTitle(history), plot.left + 10, edge + 6);
  if (above + below <= 0) return;
  const per = Math.min((tall * share) / Math.max(above, 1e-9), (tall * (1 - share)) / Math.max(below, 1e-9));
  const [shorts, longs, breaks] = [[], [], []];
  context.beginPath();
  let pen = false;
  for (let at = first; at <= last; at++) {
    const x = centre(at);
    const left = Math.round(x - width / 2);
    const net = liquidations[1][at] - liquidations[2][at];
    const room = net > 0 ? zero - top : top + tall - zero - 1;
    const high = net === 0 ? 0 : Math.min(room, Math.max(1, Math.abs(net) * per));
    if (net > 0) shorts.push(left, zero - high, width, high);
    else if (net < 0) longs.push(left, zero + 1, width, high);
    if (Math.abs(net) * per > room + 1) breaks.push(left - 1, net > 0 ? top + 4 : top + tall - 6, width + 2, 2);
    const average = liquidations[3][at];
    if (!(average > 0)) pen = false;
    else if (pen) context.lineTo(x, zero - average * per);
    else context.moveTo(x, zero - average * per);
    pen = average > 0;
  }
  fillAll(context, colours.bid, shorts);
  fillAll(context, colours.ask, longs);
  fillAll(context, colours.background, breaks);
  if (!show.average) return;
  context.strokeStyle = colours.warning;
  context.lineWidth = 1.5;
  context.stroke();
}

/** A dashed line across the plot with its price in a box at the right, and below it what is left of the bar. */
export function paintPriceLine(context, { plot, y, text, left, colours, colour }) {
  if (y < plot.top - 1 || y > plot.top + plot.height + 1) return;
  context.strokeStyle = colour;
  context.lineWidth = 1;
  context.setLineDash([3, 3]);
  context.beginPath();
  context.moveTo(plot.left, Math.round(y) + 0.5);
  context.lineTo(plot.left + plot.width, Math.round(y) + 0.5);
  context.stroke();
  context.setLineDash([]);
  const x = plot.left + plot.width + 2;
  const { font } = colours;
  const width = paintTag(context, { x, y, text, colour, textColour: colours.tag, font });
  const below = { x, y: y + 18, text: left, colour: colours.raised, textColour: colours.muted };
  if (left) paintTag(context, { ...below, font, width });
}

/** A text in a box, `y` in its middle; gives the box's width. */
export function paintTag(context, { x, y, text, colour, textColour, font, centred = false, width = 0 }) {
  context.font = font;
  const wide = Math.max(width, context.measureText(text).width + 10);
  const left = centred ? x - wide / 2 : x;
  context.fillStyle = colour;
  context.fillRect(left, Math.round(y) - 9, wide, 18);
  context.fillStyle = textColour;
  context.textBaseline = "middle";
  context.fillText(text, left + 5, Math.round(y) + 0.5);
  return wide;
}
