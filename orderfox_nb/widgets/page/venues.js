// The venues of a server: which one is the default, where the data of each is from, and how late it is.
import { Lag } from "./lag.js";

/** A market in one text, by which the page knows it: `BTCUSDT` of the first venue, `sim-spot/BTCUSDT` of another. */
export function marketOf({ venue = "", symbol }) {
  return venue ? `${venue}/${symbol}` : symbol;
}

export const ACROSS = "*"; // stands for the venue of a view over several of them

/** Whether a widget shows its market at every venue that lists it; the whole market of a venue is that of one. */
const isEverywhere = (model) => {
  return Boolean(model.get("all_venues")) && !model.get("whole_market") && model.get("symbol") !== "*";
};

/** Whether what is to be shown over all venues is: one venue is all, and the past is that of the market rewound. */
export function showsAll({ venues, playhead }) {
  return venues.areSeveral && !playhead.isPast;
}

/**
 * The markets of a widget that shows several venues as one, `venue:symbol` each; empty if it shows one market. One
 * alone stands for all venues that list it. A page in the past shows the one market that was rewound.
 */
export function severalOf(model, link) {
  const named = model.get("symbols") ?? [];
  if (named.length || !isEverywhere(model) || !showsAll(link)) return named;
  return [`${link.venues.nameOf(model.get("venue"))}:${model.get("symbol")}`];
}

/** The names of the venues of a widget that shows its market over all of them; empty for any other widget. */
export function venuesMeant(model, link) {
  return severalOf(model, link).length === 1 ? link.venues.names : [];
}

/**
 * What a subscription of one stream asks for: a symbol, or several markets with the currency that is shown; null where
 * the server has not said yet which venues there are.
 */
export function askedOf(model, link, stream, parameters) {
  const markets = severalOf(model, link);
  if (!markets.length && isEverywhere(model) && !link.venues.names.length) return null;
  if (!markets.length) return { symbol: model.get("symbol"), stream, parameters };
  return { symbol: markets.join(","), stream, parameters: { ...parameters, currency: model.get("currency") } };
}

export class Venues {
  constructor() {
    this.first = ""; // the name of the default one
    this.origins = {};
    this.lag = new Lag(); // of the first one, and of the page itself
    this.lags = new Map(); // of the others by name
  }

  greeted({ venue, origin, origins, time, times }, received) {
    this.first = venue;
    this.origins = origins ?? { [venue]: origin };
    this.lag.reset(received - time);
    this.lags.clear();
    for (const [name, now] of Object.entries(times ?? {})) {
      if (name === venue) continue;
      this.lags.set(name, new Lag(this.lag));
      this.lags.get(name).reset(received - now);
    }
  }

  changed({ venue, origin }) {
    if (venue in this.origins && origin) this.origins = { ...this.origins, [venue]: origin };
  }

  /** By which the page knows them, and what stands for several of them. */
  get ids() {
    return [...this.names.map((name) => this.idOf(name)), ACROSS];
  }

  get names() {
    return Object.keys(this.origins);
  }

  /** Whether a label has to say which venue something is of. */
  get areSeveral() {
    return this.names.length > 1;
  }

  /** The one text by which the page knows a venue: empty for the first one, also where it is named. */
  idOf(name) {
    return !name || name === this.first ? "" : name;
  }

  nameOf(id) {
    return id || this.first;
  }

  /** What a reader sees of a venue: nothing if there is one alone. */
  labelOf(id) {
    return this.areSeveral ? this.nameOf(id) : "";
  }

  has(id) {
    return !id || id in this.origins;
  }

  originOf(id) {
    return this.origins[this.nameOf(id)];
  }

  /** Whether a venue's market has no such channel; not before the server has said so. */
  isAbsent(channel, id = "") {
    return this.originOf(id)?.absent?.includes(channel) ?? false;
  }

  lagOf(id) {
    return this.lags.get(id) ?? this.lag;
  }

  /** Discard measurements after the page was hidden. */
  forget() {
    for (const lag of [this.lag, ...this.lags.values()]) lag.forget();
  }
}
