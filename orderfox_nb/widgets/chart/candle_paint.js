// The dense marks of a candle chart on a canvas: pure drawing, nothing here knows of widgets or sockets.
import { TAG } from "./axis_tags.js";
import { paintLapses } from "./candle_lapses.js";
import { paintOverlays } from "./candle_lines.js";
import { LABEL_LEFT, paintLiquidations, paintScale, paintVolumeScale } from "./candle_panes.js";
import { zoneText } from "../page/format.js";
import { priceAxis } from "./price_scale.js";

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

/** Lowest low and highest high of a range of bars, null if it is empty. */
export function priceRange(bars, first, last) {
  let [low, high] = [Infinity, -Infinity];
  for (let at = first; at <= last; at++) {
    if (bars[3][at] < low) low = bars[3][at];
    if (bars[2][at] > high) high = bars[2][at];
  }
  return low <= high ? [low, high] : null;
}

function fillAll(context, colour, boxes) {
  context.fillStyle = colour;
  for (let at = 0; at < boxes.length; at += 4) context.fillRect(boxes[at], boxes[at + 1], boxes[at + 2], boxes[at + 3]);
}

/**
 * Draw candles, traded volume, overlays and the liquidation histogram with its moving average, and what stands beside
 * them on the axis.
 *
 * `plot` is {left, top, width, height} in CSS pixels, `domain` {x: [fromMs, toMs], y: [low, high]}; `lapses` are boxes
 * of the candles, `liquidationLapses` those of the liquidations.
 */
export function paintCandles(context, scene) {
  const { plot, domain, frame, lengthS, colours, show, panes, log } = scene;
  const { bars } = frame;
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
  const { yOf } = priceAxis(plot, domain.y, log);

  let maxVolume = 0;
  for (let at = first; at <= last; at++) maxVolume = Math.max(maxVolume, bars[5][at]);
  const floor = plot.top + plot.height * panes.floor;
  const end = plot.top + plot.height * panes.end;
  const tall = panes.volume ? plot.height * (panes.volume[1] - panes.volume[0]) : 0;
  const up = { volume: [], body: [] };
  const down = { volume: [], body: [] };
  for (let at = first; at <= last; at++) {
    const to = bars[4][at] >= bars[1][at] ? up : down;
    const stem = Math.round(centre(at) - wick / 2);
    if (tall > 0 && maxVolume > 0) {
      const high = (bars[5][at] / maxVolume) * tall;
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
  context.save(); // a scale that is fixed may have bars beyond its pane
  context.beginPath();
  context.rect(plot.left, plot.top, plot.width, end - plot.top);
  context.clip();
  fillAll(context, colours.bid, up.body);
  fillAll(context, colours.ask, down.body);
  const { overlays } = scene;
  if (overlays.length) paintOverlays(context, { overlays, first, last, xOf: centre, yOf, colours });
  context.restore();
  let labels = [];
  if (show.liquidations) {
    const box = { boxes: scene.liquidationLapses, top: floor, height: plot.top + plot.height - floor };
    paintLapses(context, { ...box, colour: colours.warning });
    labels = paintLiquidations(context, scene, { first, last, centre, width, fillAll });
  }
  context.restore();
  paintScale(context, scene, labels);
  if (show.volume) paintVolumeScale(context, scene, maxVolume);
  paintZone(context, scene);
}

/** In the corner of the two axes, the zone that the times are in. */
function paintZone(context, { plot, domain, lengthS, colours }) {
  context.font = colours.font;
  context.fillStyle = colours.muted;
  context.textAlign = "left";
  context.textBaseline = "middle";
  const [x, y] = [plot.left + plot.width + LABEL_LEFT, plot.top + plot.height + 15];
  context.fillText(zoneText(domain.x[1], lengthS * 1000), x, y);
}

/** A dashed line across the plot. */
export function paintPriceLine(context, { plot, y, colour }) {
  context.strokeStyle = colour;
  context.lineWidth = 1;
  context.setLineDash([3, 3]);
  context.beginPath();
  context.moveTo(plot.left, Math.round(y) + 0.5);
  context.lineTo(plot.left + plot.width, Math.round(y) + 0.5);
  context.stroke();
  context.setLineDash([]);
}

/** A text in a box, `y` in its middle; returns the box's left edge and width. */
export function paintTag(context, { x, y, text, colour, textColour, font, centred = false, within = null, width = 0 }) {
  context.font = font;
  const wide = Math.max(width, context.measureText(text).width + 10);
  let left = centred ? x - wide / 2 : x;
  if (within) left = Math.max(within[0], Math.min(within[1] - wide, left));
  context.fillStyle = colour;
  context.fillRect(left, Math.round(y) - TAG / 2, wide, TAG);
  context.fillStyle = textColour;
  context.textAlign = "left";
  context.textBaseline = "middle";
  context.fillText(text, left + 5, Math.round(y) + 0.5);
  return { left, wide };
}
