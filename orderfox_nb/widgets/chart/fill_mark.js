// The mark of a fill, on a chart and on a strip: a triangle that points where it traded.

const TALL = 1.6; // by half its width
const EDGE_PX = 1;

const clamped = (value, low, high) => Math.max(low, Math.min(high, value));

/** The place nearest to a mark's own at which all of it is in a box: `{top, bottom, left, right}`. */
export function wholeFill({ x, y, size, side }, { top, bottom, left, right }) {
  const tall = size * TALL;
  const [above, below] = side === "buy" ? [0, tall] : [tall, 0];
  return {
    x: clamped(x, left + size + EDGE_PX, right - size - EDGE_PX),
    y: clamped(y, top + above + EDGE_PX, bottom - below - EDGE_PX),
  };
}

/** Draw it with its tip at a place: up for a buy, down for a sell. */
export function paintFill(context, { x, y, size, side, colours }) {
  const tip = side === "buy" ? -1 : 1;
  context.beginPath();
  context.moveTo(x, y);
  context.lineTo(x - size, y - tip * size * TALL);
  context.lineTo(x + size, y - tip * size * TALL);
  context.closePath();
  context.fillStyle = side === "buy" ? colours.bid : colours.ask;
  context.fill();
  // An edge of the panel's colour: it stands out from what is drawn in its own colour.
  context.lineWidth = 1;
  context.strokeStyle = colours.background;
  context.stroke();
}
