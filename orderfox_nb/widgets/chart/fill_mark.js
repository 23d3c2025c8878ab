// The mark of a fill, on a chart and on a strip: a triangle that points where it traded.

/** Draw it with its tip at a place: up for a buy, down for a sell. */
export function paintFill(context, { x, y, size, side, colours }) {
  const tip = side === "buy" ? -1 : 1;
  context.beginPath();
  context.moveTo(x, y);
  context.lineTo(x - size, y - tip * size * 1.6);
  context.lineTo(x + size, y - tip * size * 1.6);
  context.closePath();
  context.fillStyle = side === "buy" ? colours.bid : colours.ask;
  context.fill();
  // An edge of the panel's colour: it stands out from what is drawn in its own colour.
  context.lineWidth = 1;
  context.strokeStyle = colours.background;
  context.stroke();
}
