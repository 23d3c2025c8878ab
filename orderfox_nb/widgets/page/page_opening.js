// The view that a dashboard opens with. Precedence: link, then cell, then the browser's storage. A setting chosen for
// one symbol, such as the height of its rows, is never applied to another one.
import { pageLink } from "./page_link.js";
import { tickProblems, unknownSymbols } from "./page_words.js";

const RETRY_MS = 5_000;

export const same = (one, other) => JSON.stringify(one) === JSON.stringify(other);
const upper = (text) => text.split(":")[0].replace("/", "").toUpperCase();

/**
 * The view to open with. `settings` is the table, `link`, `stored` and `cell` are views, `given` the names that the
 * cell asked for; gives the lists of the columns and what they share, by the names of the view.
 */
export function openingView({ settings, link, stored, cell, given }) {
  const remembered = Object.fromEntries(Object.entries(stored).filter(([name]) => !given.has(name)));
  const view = { ...cell, ...remembered, ...link };
  const symbol = view.symbol.map(upper);
  const own = (source, name, at) => {
    const place = (source.symbol ?? []).map(upper).indexOf(symbol[at]);
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
    view[name] = symbol.map((_, at) => valueAt(name, at) ?? fresh);
  }
  return view;
}

/** Every symbol that an opening may show, as it was written. */
export function namedSymbols(...views) {
  return [...new Set(views.flatMap((view) => view.symbol ?? []))];
}

/** A view with the ids of its symbols and without those that are not listed; `rows` are the server's answer. */
function knownSymbols(view, rows, settings) {
  if (!view.symbol) return view;
  const ids = view.symbol.map((text) => rows.find((row) => row.asked === text)?.symbol ?? null);
  const kept = { ...view };
  for (const { name } of settings.columns) {
    if (view[name]) kept[name] = view[name].filter((_, at) => ids[at] !== null || at >= ids.length);
  }
  kept.symbol = ids.filter((id) => id !== null);
  if (!kept.symbol.length) for (const { name } of settings.columns) delete kept[name];
  return kept;
}

/**
 * The columns to show once the server has resolved the symbols, and notices about the unresolved ones: sentences with
 * `suggestions`, which are shown `beside` the columns or replace them.
 */
export function answeredView({ settings, link, stored, cell, given, rows }) {
  const [knownLink, knownStored, knownCell] = [link, stored, cell].map((view) => knownSymbols(view, rows, settings));
  const largest = rows.find((row) => row.largest)?.largest;
  // A venue need not list what a cell shows by default; what it names is shown as it is, with its error.
  const instead = given.has("symbol") || !largest ? cell : { ...cell, symbol: [largest], rounding: ["auto"] };
  const known = { link: knownLink, stored: knownStored, cell: knownCell.symbol?.length ? knownCell : instead };
  const opened = openingView({ ...known, settings, given });
  const view = Object.fromEntries(settings.columns.map(({ name }) => [name, opened[name]]));
  const { problems, roundings } = tickProblems(link, view, rows);
  const [asked, source] = link.symbol ? [link, "link"] : given.has("symbol") ? [cell, "cell"] : [stored, "memory"];
  const beside = source === "link" && Boolean(knownLink.symbol?.length);
  const notes = unknownSymbols(asked.symbol ?? [], rows, view.symbol, source).map((one) => ({ ...one, beside }));
  for (const text of problems) notes.push({ text, suggestions: [], beside });
  return { view: { ...view, rounding: roundings }, notes };
}

/**
 * The answered view without what the viewer has chosen while the server was asked: `first` is what the page opened
 * with, `shown` what it shows now. Lists of columns that are not there any more say nothing.
 */
export function untouchedView(answered, first, shown) {
  const columns = answered.symbol.length === first.symbol.length;
  const kept = ([name]) => !columns || name === "symbol" || same(shown[name], first[name]);
  return Object.fromEntries(Object.entries(answered).filter(kept));
}

/**
 * Ask the server which symbols texts mean, until it answers: gives the answer's promise, and what ends the asking.
 * A row has `asked`, `symbol` (null where none is meant, with `message` and `suggestions`) and `tick_size`.
 */
export function askSymbols(symbols) {
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
        const data = await link.request("symbols", { symbols });
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
