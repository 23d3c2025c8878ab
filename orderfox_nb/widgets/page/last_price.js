// The last price of a symbol, one for everything on the page: the newest of its trades and its ticker by the venue's
// time, in the colour of its move. It changes in one step for all that show it, before anything else is painted.
import { unitsText } from "./format.js";
import { marketOf } from "./venues.js";

const FEEDS = new Set(["trades", "ticker"]);

/** The last price in a frame: {time, units, digits, move}; a move of 0 is unknown. Null if the frame has no price. */
export function lastOf(stream, frame) {
  const digits = frame.price_digits;
  if (stream === "ticker") {
    if (frame.last === null || frame.last === undefined) return null;
    return { time: frame.last_time ?? 0, units: Math.round(frame.last * 10 ** digits), digits, move: 0 };
  }
  const [, times, prices] = frame.trades;
  if (!prices.length) return null;
  const units = prices.at(-1);
  let at = prices.length - 2;
  while (at >= 0 && prices[at] === units) at--;
  return { time: times.at(-1), units, digits, move: at < 0 ? 0 : Math.sign(units - prices[at]) };
}

export class LastPrices {
  constructor() {
    this.known = new Map(); // by market
    this.listeners = new Map();
  }

  /** `{units, digits, text, move}`, null before the first; `move` is 1 up, -1 down against the price before it. */
  of(market) {
    return this.known.get(market) ?? null;
  }

  /** Call `show(last)` now and at each change; returns a function that ends it. */
  listen(market, show) {
    const own = this.listeners.get(market) ?? new Set();
    this.listeners.set(market, own.add(show));
    show(this.of(market));
    return () => {
      own.delete(show);
      if (own.size || this.listeners.get(market) !== own) return;
      this.listeners.delete(market);
      this.known.delete(market);
    };
  }

  /** Find what the page's entries say now. At one time a trade counts before the ticker. */
  commit(entries) {
    const found = new Map();
    const traded = new Map();
    for (const { request, frame } of entries) {
      const { stream } = request;
      const market = marketOf(request);
      if (!frame || !FEEDS.has(stream) || !this.listeners.has(market)) continue;
      const one = lastOf(stream, frame);
      if (one && stream === "trades") traded.set(market, one);
      const best = found.get(market);
      const newer = !best || (one && (one.time > best.time || (one.time === best.time && stream === "trades")));
      if (one && newer) found.set(market, one);
    }
    for (const [market, { units, digits, move }] of found) {
      const trade = traded.get(market);
      // What a ticker moved by since the last trade, where no price before it is known.
      const first = trade ? Math.sign(units - trade.units) || trade.move : 0;
      this.set(market, units, digits, move, first);
    }
  }

  /** Forget the markets of which no entry has a price any more. */
  drop(entries) {
    const priced = new Set();
    for (const { request, frame } of entries) if (frame && FEEDS.has(request.stream)) priced.add(marketOf(request));
    for (const market of [...this.known.keys()].filter((one) => !priced.has(one))) {
      this.known.delete(market);
      for (const show of this.listeners.get(market) ?? []) show(null);
    }
  }

  set(market, units, digits, move, first) {
    const before = this.known.get(market);
    const by = before && before.digits === digits ? Math.sign(units - before.units) || before.move : 0;
    const last = { units, digits, text: unitsText(units, digits), move: move || by || first };
    if (before && before.text === last.text && before.move === last.move) return;
    this.known.set(market, last);
    for (const show of this.listeners.get(market)) show(last);
  }
}

/** The class of a move: green up, red down. */
export function moveClass(last) {
  return last?.move > 0 ? "of-bid" : last?.move < 0 ? "of-ask" : "";
}
