// The chosen bot on the chart: its open orders as lines, its fills as triangles that point where it traded.
import { visibleBars } from "./candle_paint.js";
import { paintFill } from "./fill_mark.js";
import { priceAxis } from "./price_scale.js";
import { waitingPrice } from "../page/shown_bot.js";

const SIZE_PX = 5;
const LABEL_PX = 14;

/** Fills by bar, side and price, so that a hundred of one bar are few marks: `{time s, side, price, count}`. */
export function fillMarks(fills, times) {
  const marks = new Map();
  for (const { timestamp, side, price } of fills) {
    const at = visibleBars(times, 0, timestamp / 1000 + 1e-9)[1];
    if (timestamp / 1000 < times[0] || at < 0) continue;
    const time = times[Math.min(at, times.length - 1)];
    const key = `${time} ${side} ${price}`;
    const mark = marks.get(key) ?? { time, side, price: Number(price), count: 0 };
    mark.count++;
    marks.set(key, mark);
  }
  return [...marks.values()];
}

/** Draw them into the price pane; gives how many orders and marks of fills are in it. */
export function paintBot(context, { plot, domain, panes, log, colours, frame, lengthS, bot }) {
  const { yOf } = priceAxis(plot, domain.y, log);
  const [top, bottom] = [plot.top, plot.top + plot.height * panes.end];
  const right = plot.left + plot.width;
  const [fromMs, toMs] = domain.x;
  const isInside = (y) => y >= top && y <= bottom;
  const inkOf = (side) => (side === "buy" ? colours.bid : colours.ask);
  const labels = [];
  let [orders, fills] = [0, 0];
  context.save();
  context.font = colours.font;
  context.textBaseline = "bottom";
  context.textAlign = "left";
  context.lineJoin = "round";
  for (const order of bot.orders) {
    const price = waitingPrice(order);
    const y = price === null ? NaN : Math.round(yOf(price)) + 0.5;
    if (!isInside(y)) continue;
    orders++;
    context.strokeStyle = context.fillStyle = inkOf(order.side);
    context.lineWidth = 1;
    context.setLineDash([6, 4]);
    context.beginPath();
    context.moveTo(plot.left, y);
    context.lineTo(right, y);
    context.stroke();
    context.setLineDash([]);
    if (labels.some((at) => Math.abs(at - y) < LABEL_PX)) continue; // they would cover each other
    labels.push(y);
    // On the left: the newest candles and fills are on the right, at about the same prices.
    const label = `${order.side} ${order.amount}`;
    context.lineWidth = 3;
    context.strokeStyle = colours.background;
    context.strokeText(label, plot.left + 4, y - 1);
    context.fillText(label, plot.left + 4, y - 1);
  }
  for (const { time, side, price, count } of fillMarks(bot.fills, frame.bars[0])) {
    const x = plot.left + (((time + lengthS / 2) * 1000 - fromMs) / (toMs - fromMs)) * plot.width;
    const y = yOf(price);
    if (!isInside(y) || x < plot.left || x > right) continue;
    fills += count;
    paintFill(context, { x, y, size: SIZE_PX, side, colours });
  }
  context.restore();
  return { orders, fills };
}
