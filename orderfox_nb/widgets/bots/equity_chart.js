// The equity of a bot over time: the band between the queue models, and the line of the worst one.
import { make } from "../page/dom.js";
import { clockText } from "../page/format.js";
import { onTheme, tokens } from "../page/theme.js";
import { moneyText } from "./bot_values.js";

const AXIS_PX = 74;
const FOOT_PX = 18;
const PAD_PX = 8;
const BAND_ALPHA = 0.18;

/** The least and the greatest value to show, the deposit among them, never of no height. */
export function equityRange([, low, high], deposit) {
  const values = [...low, ...high, deposit].filter(Number.isFinite);
  const [least, most] = [Math.min(...values), Math.max(...values)];
  const margin = Math.max((most - least) * 0.08, Math.abs(most) * 1e-6, 0.01);
  return [least - margin, most + margin];
}

/** A canvas as wide as its box; `show(equity, deposit)` draws columns of times, lowest, highest and equity. */
export function makeEquityChart() {
  const root = make("div", "of-equity");
  const canvas = make("canvas", "of-equity-canvas");
  canvas.setAttribute("role", "img");
  const empty = make("p", "of-empty", "The equity appears here once the bot has run.");
  root.append(canvas, empty);
  let columns = [[], [], [], []];
  let deposit = 0;

  const draw = () => {
    const [times, low, high, equity] = columns;
    const { clientWidth: width, clientHeight: height } = root;
    empty.hidden = times.length > 0;
    canvas.hidden = times.length === 0;
    if (!times.length || width < 2 * AXIS_PX || height < 2 * FOOT_PX) return;
    const ratio = globalThis.devicePixelRatio || 1;
    canvas.width = Math.round(width * ratio);
    canvas.height = Math.round(height * ratio);
    const context = canvas.getContext("2d");
    const colours = tokens(root);
    context.scale(ratio, ratio);
    context.font = colours.font;
    const [least, most] = equityRange(columns, deposit);
    const [right, bottom] = [width - AXIS_PX, height - FOOT_PX];
    const span = Math.max(times.at(-1) - times[0], 1);
    const x = (time) => PAD_PX + ((time - times[0]) / span) * (right - 2 * PAD_PX);
    const y = (value) => PAD_PX + ((most - value) / (most - least)) * (bottom - 2 * PAD_PX);
    context.strokeStyle = colours.line;
    context.lineWidth = 1;
    context.fillStyle = colours.muted;
    context.textBaseline = "middle";
    for (const value of [most, (most + least) / 2, least]) {
      const at = Math.round(y(value)) + 0.5;
      context.beginPath();
      context.moveTo(0, at);
      context.lineTo(right, at);
      context.stroke();
    }
    context.textBaseline = "alphabetic";
    context.fillText(clockText(times[0]), PAD_PX, height - 5);
    const now = clockText(times.at(-1));
    context.fillText(now, right - PAD_PX - context.measureText(now).width, height - 5);
    // What it began with: above it the bot has won.
    context.setLineDash([3, 3]);
    context.strokeStyle = colours.muted;
    context.beginPath();
    context.moveTo(0, Math.round(y(deposit)) + 0.5);
    context.lineTo(right, Math.round(y(deposit)) + 0.5);
    context.stroke();
    context.setLineDash([]);
    context.fillStyle = context.strokeStyle = colours.accent;
    context.globalAlpha = BAND_ALPHA;
    context.beginPath();
    times.forEach((time, at) => context.lineTo(x(time), y(high[at])));
    for (let at = times.length - 1; at >= 0; at--) context.lineTo(x(times[at]), y(low[at]));
    context.fill();
    context.globalAlpha = 1;
    context.lineWidth = 1.5;
    context.lineJoin = "round";
    context.beginPath();
    times.forEach((time, at) => context.lineTo(x(time), y(equity[at])));
    context.stroke();
    context.beginPath();
    context.arc(x(times.at(-1)), y(equity.at(-1)), 2.5, 0, 2 * Math.PI);
    context.fill();
    const label = (value, colour) => {
      context.fillStyle = colour;
      context.textBaseline = "middle";
      context.fillText(moneyText(value), right + 4, Math.max(8, Math.min(y(value), bottom - 8)));
    };
    const isClear = Math.abs(y(deposit) - y(equity.at(-1))) > 15;
    if (isClear) label(deposit, colours.muted);
    label(equity.at(-1), colours.text);
  };
  const sized = new ResizeObserver(draw);
  sized.observe(root);
  const untheme = onTheme(draw);
  return {
    root,
    show(equity, start) {
      columns = equity;
      deposit = Number(start ?? equity[3][0] ?? 0);
      root.dataset.moments = String(equity[0].length);
      const [first, last] = [equity[3][0], equity[3].at(-1)].map((one) => moneyText(one));
      canvas.setAttribute("aria-label", equity[0].length ? `Equity from ${first} to ${last}` : "No equity yet");
      draw();
    },
    end() {
      sized.disconnect();
      untheme();
    },
  };
}
