// The picture of cumulative depth on a canvas, and the numbers behind it: pure functions of a depth frame.

/** About `count` round numbers inside a range. */
export function roundTicks([low, high], count) {
  const raw = (high - low) / Math.max(1, count);
  const power = 10 ** Math.floor(Math.log10(raw));
  const step = [1, 2, 2.5, 5, 10].find((one) => one * power >= raw) * power;
  const ticks = [];
  for (let at = Math.ceil(low / step); at * step <= high; at++) ticks.push(at * step);
  return { ticks, step };
}

/** The point of one side that holds everything up to a price: its index, -1 before the best one. */
export function pointAt(prices, price, side) {
  let [low, high] = [0, prices.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    const inside = side === "bids" ? prices[middle] >= price : prices[middle] <= price;
    if (inside) low = middle + 1;
    else high = middle;
  }
  return low - 1;
}

/** What is known up to a price: side, sums, average price, distance from the middle; null where nothing is. */
export function depthAt(frame, price) {
  if (frame.middle === null) return null;
  const side = price < frame.middle ? "bids" : "asks";
  const [units, sizes, notionals] = frame[side];
  const index = pointAt(units, price * 10 ** frame.price_digits, side);
  if (index < 0) return null;
  const size = sizes[index] / 10 ** frame.size_digits;
  return {
    side, index, size, price: units[index] / 10 ** frame.price_digits, notional: notionals[index],
    average: notionals[index] / size, distance: price / frame.middle - 1,
  };
}

/** The largest sum of both sides, as a size. */
export function mostDepth(frame) {
  const most = Math.max(frame.bids[1].at(-1) ?? 0, frame.asks[1].at(-1) ?? 0);
  return most / 10 ** frame.size_digits;
}

/** Draw both sides as stairs; where the book's data ends inside the picture, so do they, and a line says it. */
export function paintDepth(context, { plot, x, y, frame, colours }) {
  const { left, top, width, height } = plot;
  const xOf = (price) => left + ((price - x[0]) / (x[1] - x[0])) * width;
  const yOf = (size) => top + height - (size / y) * height;
  const priceScale = 10 ** frame.price_digits;
  const sizeScale = 10 ** frame.size_digits;
  context.save();
  context.beginPath();
  context.rect(left, top, width, height);
  context.clip();
  for (const [side, colour, edge, deepest] of [
    ["bids", colours.bid, x[0], frame.deepest[0]],
    ["asks", colours.ask, x[1], frame.deepest[1]],
  ]) {
    const [units, sizes] = frame[side];
    if (!units.length) continue;
    const known = side === "bids" ? Math.max(edge, deepest) : Math.min(edge, deepest);
    const ground = top + height;
    const line = new Path2D();
    let level = ground;
    line.moveTo(xOf(units[0] / priceScale), ground);
    for (let at = 0; at < units.length; at++) {
      const across = xOf(units[at] / priceScale);
      line.lineTo(across, level);
      level = yOf(sizes[at] / sizeScale);
      line.lineTo(across, level);
    }
    line.lineTo(xOf(known), level);
    const area = new Path2D(line);
    area.lineTo(xOf(known), ground);
    area.closePath();
    context.globalAlpha = 0.16;
    context.fillStyle = colour;
    context.fill(area);
    context.globalAlpha = 1;
    context.strokeStyle = colour;
    context.lineWidth = 1.5;
    context.stroke(line);
    if (known !== edge) paintEnd(context, { at: xOf(known), side, plot, colours });
  }
  if (frame.middle !== null) paintUpright(context, xOf(frame.middle), plot, colours.muted, [1, 3]);
  context.restore();
}

function paintUpright(context, at, { top, height }, colour, dash) {
  context.strokeStyle = colour;
  context.lineWidth = 1;
  context.setLineDash(dash);
  context.beginPath();
  context.moveTo(Math.round(at) + 0.5, top);
  context.lineTo(Math.round(at) + 0.5, top + height);
  context.stroke();
  context.setLineDash([]);
}

function paintEnd(context, { at, side, plot, colours }) {
  paintUpright(context, at, plot, colours.line, [4, 4]);
  context.font = colours.font;
  context.fillStyle = colours.muted;
  context.textBaseline = "top";
  context.textAlign = side === "bids" ? "right" : "left";
  context.fillText("no deeper data", at + (side === "bids" ? -6 : 6), plot.top + 6);
}

/** The crosshair at a price, with a dot on the stairs and a fainter line as far on the other side. */
export function paintCursor(context, { plot, x, y, frame, colours, price, found }) {
  const xOf = (value) => plot.left + ((value - x[0]) / (x[1] - x[0])) * plot.width;
  paintUpright(context, xOf(price), plot, colours.muted, [2, 3]);
  const opposite = xOf(2 * frame.middle - price);
  if (opposite >= plot.left && opposite <= plot.left + plot.width) {
    paintUpright(context, opposite, plot, colours.line, [2, 3]);
  }
  if (!found) return;
  context.fillStyle = found.side === "bids" ? colours.bid : colours.ask;
  context.beginPath();
  context.arc(xOf(price), plot.top + plot.height - (found.size / y) * plot.height, 3.5, 0, 2 * Math.PI);
  context.fill();
}
