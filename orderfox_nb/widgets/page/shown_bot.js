// What the chosen bot of the page has in its market: charts, ladders and the strip of that market show its orders and
// fills. Each anywidget has its own copy of this text, so the one instance of a page lives on globalThis.
import { marketOf } from "./venues.js";

const NOTHING = { orders: [], fills: [] };

class ShownBot {
  constructor() {
    this.owner = null; // the panel that shows it
    this.market = "";
    this.shown = NOTHING;
    this.listeners = new Set();
  }

  /** Show open orders and fills in a market, `{venue, symbol}`. */
  show(owner, market, { orders, fills }) {
    this.owner = owner;
    this.market = marketOf(market);
    this.shown = { orders, fills };
    for (const listener of this.listeners) listener();
  }

  /** The panel shows none any more. */
  clear(owner) {
    if (this.owner !== owner || this.shown === NOTHING) return;
    this.market = "";
    this.shown = NOTHING;
    for (const listener of this.listeners) listener();
  }

  /** Orders and fills in a market; in the past the fills up to then, as its open orders at that time are unknown. */
  of(market, playhead) {
    if (!playhead?.covers(market.venue)) return this.everIn(market);
    const { now } = playhead;
    return { orders: [], fills: this.everIn(market).fills.filter(({ timestamp }) => timestamp <= now) };
  }

  /** Orders and all fills in a market, whatever time the page shows. */
  everIn(market) {
    return marketOf(market) === this.market ? this.shown : NOTHING;
  }

  listen(listener) {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }
}

export function shownBot() {
  return (globalThis[Symbol.for("orderfox.bot.v1")] ??= new ShownBot());
}

/** The price at which an order waits: its own, or the one that triggers it; null for one at any price. */
export function waitingPrice({ price, triggerPrice }) {
  const text = price ?? triggerPrice;
  return text === null || text === undefined ? null : Number(text);
}
