// The panes of a candle chart: where each stands, and traded volume and liquidations with their scales on a canvas.
import { axisText } from "../page/format.js";
import { niceTicks } from "./ticks.js";

const LIQUIDATIONS_FROM = 0.785; // share of the plot's height; where they are shown the rest has what is above
const VOLUME_SHARE = 0.11;
const PANE_GAP = 0.02; // between the prices and what is below them
const PANE_TOP = 0.05;
const OUTLIER = 8; // times the mean bar: larger bars are cut and marked with a break
const SCALE_GAP = 16; // pixels from one label of a scale to the next
const HALF_LABEL = 6;
export const LABEL_LEFT = 3; // pixels from the plot to a label, as bqplot has it
const TITLE_HEIGHT = 15;
const CUT_LEGENDS = ["cut: larger than drawn", "cut: larger", "cut"]; // the first that fits

/**
 * Shares of the plot's height, from its top: where prices are and where they end, where traded volume stands (on
 * `floor`), where liquidations are drawn.
 */
export function panesOf({ volume = true, liquidations = true }) {
  const floor = liquidations ? LIQUIDATIONS_FROM : 1;
  const end = floor - (volume ? VOLUME_SHARE : 0);
  return {
    price: [PANE_TOP, end - PANE_GAP],
    end,
    floor,
    volume: volume ? [end + 0.01, floor] : null,
    liquidations: liquidations ? [0.825, 0.985] : null, // its title stands above
  };
}

/** Whether a point is where liquidations are drawn. */
export function inLiquidations(panes, plot, y) {
  return panes.liquidations !== null && y >= plot.top + plot.height * panes.floor && y <= plot.top + plot.height;
}

/** Labels of a pane's scale: [[text, y]…] of a range of values between two places, each whole inside its pane. */
export function scaleLabels([low, high], yOf, [top, bottom]) {
  if (!(high > low)) return [];
  const { ticks, digits } = niceTicks([low, high], Math.max(1, Math.floor((bottom - top) / SCALE_GAP)));
  return ticks.flatMap((value) => {
    const y = yOf(value);
    const text = value === 0 ? "0" : axisText(value, digits);
    return y >= top + HALF_LABEL && y <= bottom - HALF_LABEL ? [[text, y]] : [];
  });
}

/** The labels of a pane's scale beside the plot. */
export function paintScale(context, { plot, colours }, labels) {
  context.font = colours.font;
  context.fillStyle = colours.muted;
  context.textAlign = "left";
  context.textBaseline = "middle";
  for (const [text, y] of labels) context.fillText(text, plot.left + plot.width + LABEL_LEFT, Math.round(y) + 0.5);
}

/** The scale of the traded volume, up to `maxVolume` of one bar, and the pane's title and edge. */
export function paintVolumeScale(context, { plot, panes, colours }, maxVolume) {
  const [top, bottom] = panes.volume.map((share) => plot.top + plot.height * share);
  context.fillStyle = colours.line;
  context.fillRect(plot.left, Math.round(plot.top + plot.height * panes.end), plot.width, 1);
  const yOf = (value) => bottom - (value / maxVolume) * (bottom - top);
  const labels = maxVolume > 0 ? scaleLabels([0, maxVolume], yOf, [top, bottom + HALF_LABEL]) : [];
  paintScale(context, { plot, colours }, labels);
  paintWords(context, "Volume", { x: plot.left + 10, y: top + 3, colours });
}

/** Words over what is drawn: bars and lines end at an edge around them. */
function paintWords(context, text, { x, y, colours }) {
  context.textBaseline = "top";
  context.lineJoin = "round";
  context.lineWidth = 3;
  context.strokeStyle = colours.background;
  context.strokeText(text, x, y);
  context.fillStyle = colours.muted;
  context.fillText(text, x, y);
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
  const bound = count > 2 ? Math.max((sum / count) * OUTLIER, average) : Infinity;
  return [Math.max(Math.min(above, bound), average), Math.min(below, bound)];
}

/** Where zero of the liquidations is, and how many pixels a unit has. */
export function liquidationScale(plot, panes, liquidations, first, last) {
  const [from, to] = panes.liquidations;
  const top = plot.top + plot.height * from;
  const tall = plot.height * (to - from);
  const [above, below] = liquidationReach(liquidations, first, last);
  // Zero moves to where both directions fit, and never quite to an edge: a lone long stays visible.
  const share = above + below > 0 ? Math.max(0.2, Math.min(0.8, above / (above + below))) : 0.5;
  const per = Math.min((tall * share) / Math.max(above, 1e-9), (tall * (1 - share)) / Math.max(below, 1e-9));
  return { top, bottom: top + tall, zero: Math.round(top + tall * share), per, empty: above + below <= 0 };
}

/** What stands above the liquidations, the longest first. Where the past is unknown, an empty place means nothing. */
export function liquidationTitles(history) {
  if (history === "complete") return ["Liquidations, shorts − longs", "Liquidations"];
  const part = "only what was seen live";
  return [`Liquidations, shorts − longs · ${part}`, `Liquidations · ${part}`, part];
}

/** Draw the net of each bar around zero, its moving average, and what the marks mean. */
export function paintLiquidations(context, scene, { first, last, centre, width, fillAll }) {
  const { plot, panes, colours, show } = scene;
  const { liquidations, liquidation_history: history } = scene.frame;
  const { top, bottom, zero, per, empty } = liquidationScale(plot, panes, liquidations, first, last);
  const edge = plot.top + plot.height * panes.floor;
  context.fillStyle = colours.line;
  context.fillRect(plot.left, Math.round(edge), plot.width, 1);
  context.fillRect(plot.left, zero, plot.width, 1);
  context.font = colours.font;
  context.textAlign = "left";
  const titles = liquidationTitles(history);
  const title = titles.find((one) => context.measureText(one).width <= plot.width - 20) ?? titles.at(-1);
  const paintTitle = () => paintWords(context, title, { x: plot.left + 10, y: edge + 6, colours });
  if (empty) {
    paintTitle();
    return [];
  }
  const titleEnd = plot.left + 10 + context.measureText(title).width;
  const [shorts, longs, breaks] = [[], [], []];
  context.beginPath();
  let pen = false;
  for (let at = first; at <= last; at++) {
    const x = centre(at);
    const left = Math.round(x - width / 2);
    const net = liquidations[1][at] - liquidations[2][at];
    const room = net > 0 ? zero - top : bottom - zero - 1;
    const high = net === 0 ? 0 : Math.min(room, Math.max(1, Math.abs(net) * per));
    if (net > 0) shorts.push(left, zero - high, width, high);
    else if (net < 0) longs.push(left, zero + 1, width, high);
    if (Math.abs(net) * per > room + 1) breaks.push(left - 1, net > 0 ? top + 4 : bottom - 6, width + 2, 2);
    const average = liquidations[3][at];
    if (!(average > 0)) pen = false;
    else if (pen) context.lineTo(x, zero - average * per);
    else context.moveTo(x, zero - average * per);
    pen = average > 0;
  }
  fillAll(context, colours.bid, shorts);
  fillAll(context, colours.ask, longs);
  fillAll(context, colours.background, breaks);
  if (show.average) {
    context.strokeStyle = colours.warning;
    context.lineWidth = 1.5;
    context.stroke();
  }
  paintTitle();
  if (breaks.length) paintCutLegend(context, { plot, edge, titleEnd, colours });
  const values = [(zero - bottom) / per, (zero - top) / per];
  return scaleLabels(values, (value) => zero - value * per, [top - HALF_LABEL, bottom + HALF_LABEL]);
}

/** A small bar with the break and what it means: beside the title in words that fit, or below it. */
function paintCutLegend(context, { plot, edge, titleEnd, colours }) {
  const room = plot.left + plot.width - titleEnd - 26;
  const fitting = CUT_LEGENDS.find((words) => context.measureText(words).width <= room);
  const text = fitting ?? CUT_LEGENDS[0];
  const x = fitting ? titleEnd + 12 : plot.left + 10;
  const y = edge + 6 + (fitting ? 0 : TITLE_HEIGHT);
  context.fillStyle = colours.muted;
  context.fillRect(x, y, 6, 12);
  context.fillStyle = colours.background;
  context.fillRect(x - 1, y + 4, 8, 2);
  paintWords(context, text, { x: x + 10, y, colours });
}
