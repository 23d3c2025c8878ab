// The symbol lists of the server's venues as one: rows of all of them, each with its venue.

const SYMBOLS = { symbol: "*", stream: "symbols", parameters: {} };
const LIST_COLUMNS = 7;

/** Columns of several symbols frames, and one more of the venues; `frames` are [venue, frame] in the venues' order. */
export function joinedLists(frames) {
  const columnOf = (at) => frames.flatMap(([, { symbols }]) => symbols[at] ?? []);
  const columns = Array.from({ length: LIST_COLUMNS }, (_, at) => columnOf(at));
  return [...columns, frames.flatMap(([venue, { symbols }]) => symbols[0].map(() => venue))];
}

/** Follows the lists of one venue or of all; `show(columns, frame)` is called with every list that comes. */
export class SymbolLists {
  constructor(link, show) {
    Object.assign(this, { link, show });
    this.frames = new Map(); // by venue
    this.ends = new Map();
  }

  /** Follow the lists of these venues and of no others; what is known of a venue stays. */
  follow(venues) {
    for (const [venue, end] of this.ends) {
      if (venues.includes(venue)) continue;
      end();
      this.ends.delete(venue);
    }
    for (const venue of venues) {
      if (this.ends.has(venue)) continue;
      const view = { paint: ({ frame }) => this.listed(venue, frame) };
      this.ends.set(venue, this.link.subscribe({ venue, ...SYMBOLS }, view));
    }
  }

  /** All venues of the server, the first one by its empty name. */
  followAll() {
    const { names } = this.link.venues;
    this.follow(names.length ? names.map((name) => this.link.venues.idOf(name)) : [""]);
  }

  listed(venue, frame) {
    this.frames.set(venue, frame);
    this.show(this.columns(), frame);
  }

  columns() {
    const { venues } = this.link;
    const known = venues.names.map((name) => venues.idOf(name)).filter((venue) => this.frames.has(venue));
    return joinedLists(known.map((venue) => [venue, this.frames.get(venue)]));
  }

  end() {
    this.follow([]);
  }
}
