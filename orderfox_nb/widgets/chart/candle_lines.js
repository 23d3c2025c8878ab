// Overlay lines that are computed from the bars in the browser: pure functions of columns, and how they are drawn.
import { barTimeText, priceText } from "../page/format.js";

const DAY_S = 86_400;

/** "ema20" is {kind: "ema", length: 20}; null for an unknown name. */
export function parseOverlay(name) {
  const match = /^(vwap|ema|bollinger)(\d{0,3})$/.exec(name);
  if (!match || (match[1] === "vwap") !== (match[2] === "")) return null;
  return { kind: match[1], length: Number(match[2] || 0) };
}

export function overlayTitle(name) {
  const { kind, length } = parseOverlay(name) ?? {};
  if (kind === "vwap") return "VWAP";
  return kind === "ema" ? `EMA ${length}` : `Bollinger ${length}`;
}

/** Exponential moving average, seeded with the first value; NaN until it includes `length` values. */
export function emaLine(values, length) {
  const weight = 2 / (length + 1);
  const line = new Float64Array(values.length);
  let average = values[0] ?? NaN;
  for (let at = 0; at < values.length; at++) {
    average += (values[at] - average) * weight;
    line[at] = at + 1 < length ? NaN : average;
  }
  return line;
}

/** Moving average and the two lines `width` standard deviations (of the population) beside it. */
export function bollingerLines(values, length, width = 2) {
  const [middle, upper, lower] = [0, 1, 2].map(() => new Float64Array(values.length).fill(NaN));
  // Sums of differences to a value nearby: squares of whole prices would lose the digits that matter.
  const base = values[0] ?? 0;
  let [sum, squares] = [0, 0];
  for (let at = 0; at < values.length; at++) {
    const value = values[at] - base;
    sum += value;
    squares += value * value;
    if (at >= length) {
      const gone = values[at - length] - base;
      sum -= gone;
      squares -= gone * gone;
    }
    if (at + 1 < length) continue;
    const mean = sum / length;
    const deviation = Math.sqrt(Math.max(0, squares / length - mean * mean)) * width;
    middle[at] = base + mean;
    upper[at] = middle[at] + deviation;
    lower[at] = middle[at] - deviation;
  }
  return [middle, upper, lower];
}

/** Where a bar's VWAP begins: with its UTC day, for bars of half a day and more with its month. */
export function vwapAnchor(timeS, lengthS) {
  if (lengthS < DAY_S / 2) return timeS - (timeS % DAY_S);
  const at = new Date(timeS * 1000);
  return Date.UTC(at.getUTCFullYear(), at.getUTCMonth(), 1) / 1000;
}

/** Volume-weighted average of the typical price since the anchor of each bar, and where it starts again. */
export function vwapLine(bars, lengthS) {
  const line = new Float64Array(bars[0].length);
  const begins = new Set();
  let [anchor, money, volume] = [NaN, 0, 0];
  for (let at = 0; at < line.length; at++) {
    const start = vwapAnchor(bars[0][at], lengthS);
    if (start !== anchor) {
      [anchor, money, volume] = [start, 0, 0];
      begins.add(at);
    }
    money += ((bars[2][at] + bars[3][at] + bars[4][at]) / 3) * bars[5][at];
    volume += bars[5][at];
    line[at] = volume > 0 ? money / volume : NaN;
  }
  return { line, begins };
}

/** The lines of the chosen overlays: [{name, title, lines, ink, band}]. */
export function overlayLines(names, bars, lengthS) {
  const found = [];
  let averages = 0;
  for (const name of names) {
    const { kind, length } = parseOverlay(name) ?? {};
    if (kind === "vwap") {
      // Bars that begin within a day do not know what was before: the legend says since when.
      const whole = !bars[0].length || bars[0][0] <= vwapAnchor(bars[0].at(-1), lengthS);
      const title = whole ? "VWAP" : `VWAP since ${barTimeText(bars[0][0] * 1000, lengthS * 1000)}`;
      const { line, begins } = vwapLine(bars, lengthS);
      found.push({ name, title, lines: [line], begins, ink: "overlay1", band: false });
    } else if (kind === "ema") {
      const ink = averages++ % 2 ? "overlay3" : "overlay2";
      found.push({ name, title: `EMA ${length}`, lines: [emaLine(bars[4], length)], ink, band: false });
    } else if (kind === "bollinger") {
      const lines = bollingerLines(bars[4], length);
      found.push({ name, title: `BB ${length}`, lines, ink: "overlay4", band: true });
    }
  }
  return found;
}

/** What the legend says of an overlay at a bar. */
export function overlayText({ title, lines }, at, digits) {
  const [first, upper, lower] = lines.map((line) => line[at]);
  if (!Number.isFinite(first)) return `${title} –`;
  const sides = upper === undefined ? "" : ` (${priceText(lower, digits)} – ${priceText(upper, digits)})`;
  return `${title} ${priceText(first, digits)}${sides}`;
}

/** Draw overlays through `xOf(index)` and `yOf(price)`; the caller clips. */
export function paintOverlays(context, { overlays, first, last, xOf, yOf, colours }) {
  context.lineJoin = "round";
  for (const { lines, ink, band, begins } of overlays) {
    const colour = colours[ink];
    if (band) {
      context.fillStyle = colour;
      context.globalAlpha = 0.07;
      fillBetween(context, lines[1], lines[2], first, last, xOf, yOf);
    }
    context.strokeStyle = colour;
    lines.forEach((line, number) => {
      context.globalAlpha = band && number === 0 ? 0.55 : 0.95;
      context.lineWidth = band ? 1 : 1.4;
      context.beginPath();
      strokeValues(context, { line, begins }, first, last, xOf, yOf);
      context.stroke();
    });
    context.globalAlpha = 1;
  }
}

function strokeValues(context, { line, begins }, first, last, xOf, yOf) {
  let pen = false;
  // One bar more on both sides: the line continues beyond the window.
  for (let at = Math.max(0, first - 1); at <= Math.min(line.length - 1, last + 1); at++) {
    if (!Number.isFinite(line[at])) pen = false;
    else if (pen && !begins?.has(at)) context.lineTo(xOf(at), yOf(line[at]));
    else {
      context.moveTo(xOf(at), yOf(line[at]));
      pen = true;
    }
  }
}

function fillBetween(context, upper, lower, first, last, xOf, yOf) {
  const from = Math.max(0, first - 1);
  const to = Math.min(upper.length - 1, last + 1);
  const drawn = [];
  for (let at = from; at <= to; at++) if (Number.isFinite(upper[at])) drawn.push(at);
  if (drawn.length < 2) return;
  context.beginPath();
  for (const at of drawn) context.lineTo(xOf(at), yOf(upper[at]));
  for (const at of drawn.reverse()) context.lineTo(xOf(at), yOf(lower[at]));
  context.closePath();
  context.fill();
}
