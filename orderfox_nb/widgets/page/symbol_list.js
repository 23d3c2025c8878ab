// Which symbols the picker shows, and in what order: pure functions of the symbols frame.

const SHOWN = 200; // rows in the document; the search reaches every symbol
export const COLUMNS = { symbol: 0, volume: 2, change: 3, funding: 4, last: 5 };

/** Rows of the symbols frame that match a search, the ones that begin with it first. */
export function matchSymbols(symbols, search) {
  const wanted = search.trim().toUpperCase().replace(/:.*$/, "").replace(/[/\s_-]/g, "");
  const [begin, hold] = [[], []];
  for (let row = 0; row < symbols[0].length; row++) {
    const id = symbols[0][row].toUpperCase();
    if (id.startsWith(wanted)) begin.push(row);
    else if (id.includes(wanted)) hold.push(row);
  }
  return begin.concat(hold);
}

/** Matching rows in an order: favourites first, then by a column; what is not known comes last. */
export function listSymbols(symbols, { search = "", sort = "volume", descending = true, favourites = [] }) {
  const column = symbols[COLUMNS[sort] ?? COLUMNS.volume];
  const favouriteIds = new Set(favourites);
  const rows = matchSymbols(symbols, search);
  // A search is answered by what begins with it: sorting comes after that only where nothing was typed.
  const place = new Map(rows.map((row, at) => [row, search.trim() ? at : 0]));
  const compare = (one, other) => {
    const [first, second] = [column[one], column[other]];
    if (first === null || second === null) return (first === null) - (second === null);
    const order = typeof first === "string" ? first.localeCompare(second) : first - second;
    return descending ? -order : order;
  };
  const isFavourite = (row) => favouriteIds.has(symbols[0][row]);
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
    const isSymbol = (one) => typeof one === "string" && /^[^\s,\p{C}]{1,40}$/u.test(one);
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
