// The ladder's price axis: every step of a row's height is a row, whether a level lies on it or not.
import { waitingPrice } from "../page/shown_bot.js";

const MIN_HALF = 3;
const MAX_HALF = 50;
const ROW_PX = { min: 16, fit: 19, max: 24 };

/** The frame's rows by their place on the axis: a row's key is its price in row heights. */
export function axisOf(frame) {
  const unit = Math.max(1, Math.round(Number(frame.rounding) * 10 ** frame.price_digits));
  const [bids, asks] = [frame.bids, frame.asks].map(([prices]) => prices.map((price) => Math.round(price / unit)));
  // Whether a side may continue beyond its last row: the frame has as many as were requested.
  const more = { bids: bids.length >= frame.rows, asks: asks.length >= frame.rows };
  const [bid, ask] = [bids[0], asks[0]];
  let boundary = null; // the highest row below the middle of the book
  if (bid !== undefined && ask !== undefined) boundary = Math.floor((bid + ask) / 2);
  else if (bid !== undefined) boundary = bid;
  else if (ask !== undefined) boundary = ask - 1;
  return { unit, bids, asks, more, boundary };
}

/**
 * Rows of a side (`bids` or `asks`) from the boundary outward. `at` is the frame's last row up to there, -1 before the
 * first; `own` says that the row itself has levels, `known` that the frame reaches so far: where it does not, nothing
 * can be said of the row.
 */
export function sideRows({ bids, asks, more, boundary }, name, count) {
  const isBid = name === "bids";
  const [keys, step] = isBid ? [bids, -1] : [asks, 1];
  const first = isBid ? boundary : boundary + 1;
  const rows = [];
  let at = -1;
  for (let index = 0; index < count; index++) {
    const key = first + step * index;
    if (key < 1) break; // no row has a price of zero
    while (at + 1 < keys.length && (keys[at + 1] - key) * step <= 0) at++;
    const beyond = keys.length > 0 && (key - keys.at(-1)) * step > 0;
    rows.push({ key, at, own: at >= 0 && keys[at] === key, known: !(beyond && more[name]) });
  }
  return rows;
}

/**
 * What orders of a bot say of the rows in which they wait, by side and key: `bid 6165` → "buy 0.010 at 61650.0". A row
 * promises no better price than its orders have: bids are grouped down, asks up, as the frame's levels.
 */
export function ownRows(orders, unit, digits) {
  const rows = new Map();
  for (const order of orders) {
    const price = waitingPrice(order);
    if (price === null) continue;
    const ticks = Math.round(price * 10 ** digits);
    const [side, key] = order.side === "buy" ? ["bid", Math.floor(ticks / unit)] : ["ask", Math.ceil(ticks / unit)];
    const text = `${order.side} ${order.amount} at ${order.price ?? order.triggerPrice}`;
    const name = `${side} ${key}`;
    rows.set(name, rows.has(name) ? `${rows.get(name)}\n${text}` : text);
  }
  return rows;
}

/** How many rows a side has, and how high one is, in a room of a height in pixels; `rows` is a number or "fit". */
export function fitRows(rows, room) {
  const fitting = Math.max(MIN_HALF, Math.min(MAX_HALF, Math.floor(room / (2 * ROW_PX.fit))));
  const half = rows === "fit" ? fitting : rows;
  const px = Math.max(ROW_PX.min, Math.min(ROW_PX.max, Math.floor(room / (2 * half))));
  return { half, px, scrolls: 2 * half * px > room };
}

/**
 * Rows of the wire that are enough for a ladder whose middle may stand at a quarter of its height. The same for nearly
 * all panels, so that the server computes one frame for them and a panel that grows needs no other.
 */
export function wireRows(half) {
  return 1.5 * half <= 50 ? 50 : 100;
}

/** Which rows are on the axis. Prices stay where they are while the market moves within the middle half of them. */
export class LadderWindow {
  constructor() {
    this.centre = null;
  }

  /** Put the middle of the book back in the middle of the ladder with the next `place`. */
  recentre() {
    this.centre = null;
  }

  /**
   * Rows of each side for a boundary, and whether the axis `moved`. While the viewer reads (`held`), the axis stays
   * until the market leaves it.
   */
  place(boundary, half, held = false) {
    const limit = held ? half - 1 : Math.ceil(half / 2);
    const moved = this.centre === null || Math.abs(boundary - this.centre) > limit;
    if (moved) this.centre = boundary;
    const drift = boundary - this.centre;
    return { moved, drift, asks: half - drift, bids: half + drift };
  }
}
