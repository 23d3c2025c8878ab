// The view that a dashboard opens with. Precedence: link, then cell, then the browser's storage. A setting chosen for
// one symbol, such as the height of its rows, is never applied to another one.
import { pageLink } from "./page_link.js";
import { tickProblems, unknownSymbols } from "./page_words.js";
import { marketOf } from "./venues.js";

const RETRY_MS = 5_000;
const MARKET = ["symbol", "venue"];

export const same = (one, other) => JSON.stringify(one) === JSON.stringify(other);
const upper = (text) => text.split(":")[0].replace("/", "").toUpperCase();

/** The markets of a view, each `{venue, symbol}` as it was written. */
const marketsOf = (view) => (view.symbol ?? []).map((symbol, at) => ({ venue: view.venue?.[at] ?? "", symbol }));

/**
 * The three views with a venue for each of their symbols. A venue belongs to the symbols that it is named with; one
 * that a link or a cell names alone is that of the symbols that are shown instead.
 */
export function withVenues({ settings, link, stored, cell, given }) {
  const ofCell = given.has("venue") && !given.has("symbol") ? cell.venue : undefined;
  const alone = link.symbol ? undefined : link.venue ?? ofCell;
  const placed = (view, venues) => {
    const others = Object.fromEntries(Object.entries(view).filter(([name]) => name !== "venue"));
    const venueAt = (at) => venues?.[at] ?? (venues && venues === alone ? venues[0] : "");
    return view.symbol ? { ...others, venue: view.symbol.map((_, at) => venueAt(at)) } : others;
  };
  /** What was stored of another venue's prices does not go to this one. */
  const moved = (view) => {
    const shown = placed(view, alone);
    const ofPrices = settings.own.filter(({ each }) => each === "symbol").map(({ name }) => name);
    const kept = ([name]) => same(marketsOf(view), marketsOf(shown)) || !ofPrices.includes(name);
    return Object.fromEntries(Object.entries(shown).filter(kept));
  };
  return {
    link: placed(link, link.venue),
    stored: alone ? moved(stored) : placed(stored, stored.venue),
    cell: placed(cell, alone ?? cell.venue),
  };
}

/**
 * The view to open with. `settings` is the table, `link`, `stored` and `cell` are views, `given` the names that the
 * cell asked for; returns the lists of the columns and what they share, by the names of the view.
 */
export function openingView({ settings, link, stored, cell, given }) {
  const isGiven = (name) => given.has(MARKET.includes(name) ? "symbol" : name);
  const remembered = Object.fromEntries(Object.entries(stored).filter(([name]) => !isGiven(name)));
  const view = { ...cell, ...remembered, ...link };
  const names = (source) =>
    marketsOf(source).map(({ venue, symbol }) => marketOf({ venue, symbol: upper(symbol) }));
  const shown = names(view);
  const own = (source, name, at) => {
    const place = names(source).indexOf(shown[at]);
    return place < 0 ? undefined : source[name]?.[place];
  };
  const ofSymbol = (name, at) => {
    if (link[name]?.[at]) return link[name][at];
    if (given.has(name) && !link.symbol) return cell[name][at];
    return (given.has(name) ? undefined : own(stored, name, at)) ?? own(cell, name, at);
  };
  const ofColumn = (name, at) => {
    const sources = given.has(name) ? [link, cell] : [link, stored, cell];
    return sources.map((one) => one[name]?.[at] ?? undefined).find((one) => one !== undefined);
  };
  for (const { name, each, default: fresh } of settings.own) {
    const valueAt = each === "symbol" ? ofSymbol : ofColumn;
    view[name] = shown.map((_, at) => valueAt(name, at) ?? fresh);
  }
  return view;
}

/** Every market that an opening may show, as it was written. */
export function namedMarkets(...views) {
  return [...new Map(views.flatMap(marketsOf).map((market) => [marketOf(market), market])).values()];
}

const rowOf = ({ venue, symbol }, rows) => rows.find((row) => row.asked === symbol && (row.venue ?? "") === venue);

/** A view with the ids of its symbols and without those that are not listed; `rows` are the server's answers. */
function knownSymbols(view, rows, settings) {
  if (!view.symbol) return view;
  const found = marketsOf(view).map((market) => rowOf(market, rows));
  const ids = found.map((row) => row?.symbol ?? null);
  const kept = { ...view };
  for (const { name } of settings.columns) {
    if (view[name]) kept[name] = view[name].filter((_, at) => ids[at] !== null || at >= ids.length);
  }
  kept.symbol = ids.filter((id) => id !== null);
  kept.venue = found.filter((row) => row?.symbol).map(({ id }) => id ?? "");
  if (!kept.symbol.length) for (const { name } of settings.columns) delete kept[name];
  return kept;
}

/**
 * The columns to show once the server has resolved the symbols, and notices about the unresolved ones: sentences with
 * `suggestions`, which are shown `beside` the columns or replace them.
 */
export function answeredView({ settings, link, stored, cell, given, rows }) {
  const [knownLink, knownStored, knownCell] = [link, stored, cell].map((view) => knownSymbols(view, rows, settings));
  const { largest, id: venue = "" } = rows.find((row) => row.largest) ?? {};
  // A venue need not list what a cell shows by default; what it names is shown as it is, with its error.
  const fresh = { ...cell, symbol: [largest], venue: [venue], rounding: ["auto"] };
  const instead = given.has("symbol") || !largest ? cell : fresh;
  const known = { link: knownLink, stored: knownStored, cell: knownCell.symbol?.length ? knownCell : instead };
  const opened = openingView({ ...known, settings, given });
  const view = Object.fromEntries(settings.columns.map(({ name }) => [name, opened[name]]));
  const { problems, roundings } = tickProblems(link, view, rows);
  const [asked, source] = link.symbol ? [link, "link"] : given.has("symbol") ? [cell, "cell"] : [stored, "memory"];
  const beside = source === "link" && Boolean(knownLink.symbol?.length);
  const unknown = marketsOf(asked).map((market) => rowOf(market, rows)).filter((row) => row?.symbol === null);
  const notes = unknownSymbols(unknown, view.symbol, source).map((one) => ({ ...one, beside }));
  for (const text of problems) notes.push({ text, suggestions: [], beside });
  return { view: { ...view, rounding: roundings }, notes };
}

/**
 * The answered view without what the viewer has chosen while the server was asked: `first` is what the page opened
 * with, `shown` what it shows now. Lists of columns that are not there any more say nothing.
 */
export function untouchedView(answered, first, shown) {
  const columns = answered.symbol.length === first.symbol.length;
  const kept = ([name]) => !columns || MARKET.includes(name) || same(shown[name], first[name]);
  return Object.fromEntries(Object.entries(answered).filter(kept));
}

/** What the server says of the symbols of one venue, and of a venue that it does not have. */
async function askVenue(link, venue, symbols) {
  const id = link.venues.idOf(venue);
  if (link.venues.has(id)) {
    const rows = await link.request("symbols", { symbols }, id);
    return rows.map((row) => ({ ...row, venue, id }));
  }
  const message = `There is no venue ${venue} here, only ${link.venues.names.join(", ")}.`;
  return symbols.map((asked) => ({ asked, venue, symbol: null, message, suggestions: [], id: "" }));
}

/**
 * Ask the server which markets texts name, until it answers: gives the answer's promise, and what ends the asking.
 * A row has `asked` and `venue` as they were written, `symbol` (null if none matches, with `message` and
 * `suggestions`), `tick_size`, and `id`, by which the page knows the venue.
 */
export function askMarkets(markets) {
  const link = pageLink();
  let unlisten = () => {};
  let timer = 0;
  let pending = false;
  let ended = false;
  const answer = new Promise((done) => {
    const ask = async () => {
      if (pending || ended || link.state !== "open") return;
      pending = true;
      try {
        const answers = [...new Set(markets.map(({ venue }) => venue))].map((venue) => {
          const ones = markets.filter((market) => market.venue === venue);
          return askVenue(link, venue, ones.map(({ symbol }) => symbol));
        });
        const data = (await Promise.all(answers)).flat();
        if (!ended) done(data);
        end();
      } catch {
        pending = false; // the venue's list cannot be had now, or the socket was lost
        if (!ended) timer = setTimeout(ask, RETRY_MS);
      }
    };
    unlisten = link.listen(ask);
  });
  const end = () => {
    ended = true;
    clearTimeout(timer);
    unlisten();
  };
  return { answer, end };
}
