// What a dashboard opens with: the link's word stands above the cell's, and that above what the browser remembers. What
// was chosen for one symbol, such as the height of its rows, never goes to another one.
import { pageLink } from "./page_link.js";
import { tickProblems, unknownSymbols } from "./page_words.js";

const ASK_AGAIN_MS = 5_000;
const EACH_NAMES = ["symbol", "rounding", "minimum_notional"];

const upper = (text) => text.split(":")[0].replace("/", "").toUpperCase();

/**
 * The view to open with. `link`, `stored` and `cell` are views, `given` the names that the cell asked for; gives the
 * lists of the columns and what they share, by the names of the view.
 */
export function openingView({ link, stored, cell, given }) {
  const remembered = Object.fromEntries(Object.entries(stored).filter(([name]) => !given.has(name)));
  const view = { ...cell, ...remembered, ...link };
  const symbol = view.symbol.map(upper);
  const own = (source, name, at) => {
    const place = (source.symbol ?? []).map(upper).indexOf(symbol[at]);
    return place < 0 ? undefined : source[name]?.[place];
  };
  const rounding = symbol.map((_, at) => {
    if (link.rounding?.[at]) return link.rounding[at];
    if (given.has("rounding") && !link.symbol) return cell.rounding[at] ?? "auto";
    return (given.has("rounding") ? undefined : own(stored, "rounding", at)) ?? own(cell, "rounding", at) ?? "auto";
  });
  const minimum = symbol.map((_, at) => {
    const sources = given.has("minimum_notional") ? [link, cell] : [link, stored, cell];
    return sources.map((one) => one.minimum_notional?.[at] ?? undefined).find((one) => one !== undefined) ?? 0;
  });
  return { ...view, rounding, minimum_notional: minimum };
}

/** Every symbol that an opening may show, as it was written. */
export function namedSymbols(...views) {
  return [...new Set(views.flatMap((view) => view.symbol ?? []))];
}

/** A view with the ids of its symbols and without those that are not listed; `rows` are the server's answer. */
function knownSymbols(view, rows) {
  if (!view.symbol) return view;
  const ids = view.symbol.map((text) => rows.find((row) => row.asked === text)?.symbol ?? null);
  const kept = { ...view };
  for (const name of EACH_NAMES) {
    if (view[name]) kept[name] = view[name].filter((_, at) => ids[at] !== null || at >= ids.length);
  }
  kept.symbol = ids.filter((id) => id !== null);
  if (!kept.symbol.length) for (const name of EACH_NAMES) delete kept[name];
  return kept;
}

/**
 * The columns to show once the server has said which symbols are meant, and what is told of the others: sentences with
 * `suggestions`, which stand `beside` what is shown or take its place.
 */
export function answeredView({ link, stored, cell, given, rows }) {
  const [knownLink, knownStored, knownCell] = [link, stored, cell].map((view) => knownSymbols(view, rows));
  const largest = rows.find((row) => row.largest)?.largest;
  // A venue need not list what a cell shows by default; what it names is shown as it is, with its error.
  const instead = given.has("symbol") || !largest ? cell : { ...cell, symbol: [largest], rounding: ["auto"] };
  const known = { link: knownLink, stored: knownStored, cell: knownCell.symbol?.length ? knownCell : instead };
  const { symbol, rounding, minimum_notional } = openingView({ ...known, given });
  const { problems, roundings } = tickProblems(link, { symbol, rounding }, rows);
  const [asked, source] = link.symbol ? [link, "link"] : given.has("symbol") ? [cell, "cell"] : [stored, "memory"];
  const beside = source === "link" && Boolean(knownLink.symbol?.length);
  const told = unknownSymbols(asked.symbol ?? [], rows, symbol, source).map((one) => ({ ...one, beside }));
  for (const text of problems) told.push({ text, suggestions: [], beside });
  return { view: { symbol, rounding: roundings, minimum_notional }, told };
}

/**
 * Ask the server which symbols texts mean, until it answers: gives the answer's promise, and what ends the asking.
 * A row has `asked`, `symbol` (null where none is meant, with `message` and `suggestions`) and `tick_size`.
 */
export function askSymbols(symbols) {
  const link = pageLink();
  let unlisten = () => {};
  let timer = 0;
  let asking = false;
  let ended = false;
  const answer = new Promise((done) => {
    const ask = async () => {
      if (asking || ended || link.state !== "open") return;
      asking = true;
      try {
        const data = await link.request("symbols", { symbols });
        if (!ended) done(data);
        end();
      } catch {
        asking = false; // the venue's list cannot be had now, or the socket was lost
        if (!ended) timer = setTimeout(ask, ASK_AGAIN_MS);
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
