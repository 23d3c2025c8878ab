// The picture of cumulative depth on a canvas, and the numbers behind it: pure functions of a depth frame.

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

/** What is known up to a price: side, sums, average price, distance from the middle; null if nothing is. */
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
export function maxDepth(frame) {
  const largest = Math.max(frame.bids[1].at(-1) ?? 0, frame.asks[1].at(-1) ?? 0);
  return largest / 10 ** frame.size_digits;
}

/** Draw both sides as stairs. Beyond the last snapshot only changed levels are known: there they are faint. */
export function paintDepth(context, { plot, x, y, frame, colours }) {
  const { left, top, width, height } = plot;
  const xOf = (price) => left + ((price - x[0]) / (x[1] - x[0])) * width;
  for (const side of ["bids", "asks"]) {
    const sign = side === "bids" ? -1 : 1;
    const colour = sign < 0 ? colours.bid : colours.ask;
    const [edge, known] = sign < 0 ? [x[0], frame.known[0]] : [x[1], frame.known[1]];
    // The picture may reach a little beyond what was requested: nothing is drawn there.
    const asked = frame.middle * (1 + (sign * Number(frame.range)) / 100);
    const end = sign < 0 ? Math.max(edge, asked) : Math.min(edge, asked);
    const yOf = (size) => top + height - (size / y) * height;
    const paths = sidePaths(frame, side, { end, ground: top + height, xOf, yOf });
    if (!paths) continue;
    const whole = (known - end) * sign >= 0;
    const border = whole ? xOf(end) : xOf(known);
    const inner = sign < 0 ? [border, left + width - border] : [left, border - left];
    const outer = sign < 0 ? [left, border - left] : [border, left + width - border];
    fillSide(context, paths, { clip: [inner[0], top, inner[1], height], colour, fill: 0.16, stroke: 1 });
    if (whole) continue;
    fillSide(context, paths, { clip: [outer[0], top, outer[1], height], colour, fill: 0.06, stroke: 0.5 });
    paintBorder(context, { at: border, sign, plot, colours });
  }
  if (frame.middle !== null) paintUpright(context, xOf(frame.middle), plot, colours.muted, [1, 3]);
}

function sidePaths(frame, side, { end, ground, xOf, yOf }) {
  const [units, sizes] = frame[side];
  if (!units.length) return null;
  const priceScale = 10 ** frame.price_digits;
  const sizeScale = 10 ** frame.size_digits;
  const line = new Path2D();
  let level = ground;
  line.moveTo(xOf(units[0] / priceScale), ground);
  for (let at = 0; at < units.length; at++) {
    const across = xOf(units[at] / priceScale);
    line.lineTo(across, level);
    level = yOf(sizes[at] / sizeScale);
    line.lineTo(across, level);
  }
  line.lineTo(xOf(end), level);
  const area = new Path2D(line);
  area.lineTo(xOf(end), ground);
  area.closePath();
  return { line, area };
}

function fillSide(context, { line, area }, { clip, colour, fill, stroke }) {
  context.save();
  context.beginPath();
  context.rect(...clip);
  context.clip();
  context.globalAlpha = fill;
  context.fillStyle = colour;
  context.fill(area);
  context.globalAlpha = stroke;
  context.strokeStyle = colour;
  context.lineWidth = 1.5;
  context.stroke(line);
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

function paintBorder(context, { at, sign, plot, colours }) {
  paintUpright(context, at, plot, colours.line, [4, 4]);
  context.font = colours.font;
  context.fillStyle = colours.muted;
  context.textBaseline = "top";
  context.textAlign = sign < 0 ? "right" : "left";
  const room = sign < 0 ? at - plot.left : plot.left + plot.width - at;
  if (room > 90) context.fillText("known in part", at + sign * 6, plot.top + 6);
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
