// Which symbols the picker shows, and in what order: pure functions of the columns of a symbols frame, with one more
// column of the symbols' venues where there are several. A favourite is a symbol, with another venue than the first one
// before it: `BTCUSDT`, `sim-spot:BTCUSDT`.

const SHOWN = 200; // rows in the document; the search reaches every symbol
export const COLUMNS = { symbol: 0, name: 1, volume: 2, change: 3, funding: 4, last: 5, kind: 6, venue: 7 };

const joined = (text) => text.replace(/[/\s_-]/g, "");

export const favouriteOf = ({ venue, symbol }) => (venue ? `${venue}:${symbol}` : symbol);

/** The market of a row: `{venue, symbol}`. */
export function marketAt(symbols, row) {
  return { venue: symbols[COLUMNS.venue]?.[row] ?? "", symbol: symbols[0][row] };
}

/**
 * Rows that match a search, the ones that begin with it first. `labelOf(venue)` is how a reader knows a venue: a search
 * may begin with it and a colon, `sim-spot:btc`.
 */
export function matchSymbols(symbols, search, labelOf = (venue) => venue) {
  const [prefix, rest] = search.trim().split(/:(.*)/s);
  const venues = new Set(symbols[COLUMNS.venue] ?? []);
  const isNamed = (venue) => rest !== undefined && labelOf(venue).toLowerCase() === prefix.toLowerCase();
  const named = [...venues].filter(isNamed);
  const [pair, settled] = (named.length ? rest : search).trim().toUpperCase().split(":");
  const wanted = joined(pair);
  const [begin, hold] = [[], []];
  for (let row = 0; row < symbols[0].length; row++) {
    if (named.length && !named.includes(symbols[COLUMNS.venue][row])) continue;
    // A name that says how it is settled, BTC/USDT:USDT, is not a spot market.
    if (settled && symbols[COLUMNS.kind]?.[row] === "SPOT") continue;
    // The venue's own id, and the name that is the same on every venue.
    const ids = [symbols[0][row], symbols[COLUMNS.name]?.[row] ?? ""].map((text) => joined(text.toUpperCase()));
    if (ids.some((id) => id.startsWith(wanted))) begin.push(row);
    else if (ids.some((id) => id.includes(wanted))) hold.push(row);
  }
  return begin.concat(hold);
}

/** Matching rows in an order: favourites first, then by a column; what is unknown comes last. */
export function listSymbols(symbols, options) {
  const { search = "", sort = "volume", descending = true, favourites = [], labelOf } = options;
  const column = symbols[COLUMNS[sort] ?? COLUMNS.volume];
  const favouriteIds = new Set(favourites);
  const rows = matchSymbols(symbols, search, labelOf);
  // A search is answered by what begins with it: sorting comes after that only where nothing was typed.
  const place = new Map(rows.map((row, at) => [row, search.trim() ? at : 0]));
  const compare = (one, other) => {
    const [first, second] = [column[one], column[other]];
    if (first === null || second === null) return (first === null) - (second === null);
    const order = typeof first === "string" ? first.localeCompare(second) : first - second;
    return descending ? -order : order;
  };
  const isFavourite = (row) => favouriteIds.has(favouriteOf(marketAt(symbols, row)));
  rows.sort(
    (one, other) =>
      isFavourite(other) - isFavourite(one) || place.get(one) - place.get(other) || compare(one, other),
  );
  return rows.slice(0, SHOWN);
}

const FAVOURITES = "orderfox.favourites.v1";

/** Favourites of this browser; any stored value other than a list of symbols is ignored. */
export function readFavourites() {
  try {
    const stored = JSON.parse(localStorage.getItem(FAVOURITES) ?? "[]");
    const isSymbol = (one) => typeof one === "string" && /^[^\s,\p{C}]{1,81}$/u.test(one);
    return Array.isArray(stored) ? stored.filter(isSymbol).slice(0, 500) : [];
  } catch {
    return [];
  }
}

/**
 * A symbol made a favourite or none, among those that the browser keeps: another picker may have changed them since
 * this one read them. Its own hold where the browser keeps nothing.
 */
export function toggled(favourites, symbol) {
  const stored = readFavourites();
  const others = (stored.length ? stored : favourites).filter((one) => one !== symbol);
  return favourites.includes(symbol) ? others : [...others, symbol];
}

export function keepFavourites(favourites) {
  try {
    localStorage.setItem(FAVOURITES, JSON.stringify(favourites));
  } catch {
    // private windows may refuse: they last as long as the page
  }
}
