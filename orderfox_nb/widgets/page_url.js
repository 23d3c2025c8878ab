// What is on the screen, as text: in the page's address and in local storage. Both can be written by anybody.
import { COLUMN_FORMS, FORMS, OTHER_NAMES, readParameters, readView } from "./page_forms.js";
import { CHOICES, choose, chosen, inLab } from "./theme.js";

const VIEWS = "orderfox.view.v1:";
const ALWAYS = ["symbol", "timeframe", "rounding", "rows"];
/** Defaults; any other value goes into the address. */
const DEFAULTS = {
  layout: "default", overlays: "", depth_percent: "1", whole_market: "false", span: "1h", show_volume: "true",
  show_liquidations: "true", show_liquidation_average: "true", show_lapses: "true",
  log_scale: "false", fixed_scale: "false",
};

/**
 * What stands before a dashboard's names in the address: nothing for the first one of the page, which a call at the
 * start of each settles, and for another its own name and a dot.
 */
export function addressPrefix(name) {
  const owner = Symbol.for("orderfox.address.v1");
  globalThis[owner] ??= name;
  return globalThis[owner] === name ? "" : `${name}.`;
}

/**
 * The view that the page's address asks of a dashboard, and what of it cannot be shown; the look, for this page. It is
 * `whole` where it has what every address of ours has: what it leaves out is then as it is by default.
 */
export function fromUrl(name) {
  if (inLab()) return { view: {}, refused: [], whole: false };
  const { view, look, refused } = readParameters(new URLSearchParams(location.search), addressPrefix(name));
  for (const [choice, value] of Object.entries(look)) choose(choice, value, false);
  return { view, refused, whole: ALWAYS.every((one) => one in view) };
}

/** The page's address for others: a server's token in it is its reader's own. */
export function viewLink() {
  const url = new URL(location.href);
  url.searchParams.delete("token");
  url.search = url.search.replaceAll("%2C", ",");
  return url.href;
}

/** The view that this browser remembers of a dashboard. */
export function fromStore(name) {
  try {
    return readView(JSON.parse(localStorage.getItem(VIEWS + name) ?? "{}") ?? {}).view;
  } catch {
    return {};
  }
}

/** The view as names and texts, without what is as it is by itself; what a cell has given is always said. */
export function viewTexts(view, given = new Set()) {
  const texts = { symbol: view.symbol.join(","), timeframe: view.timeframe, rounding: view.rounding.join(",") };
  if (given.has("minimum_notional") || view.minimum_notional.some((one) => one > 0)) {
    texts.minimum_notional = view.minimum_notional.join(",");
  }
  texts.rows = String(view.rows);
  for (const [name, value] of Object.entries(DEFAULTS)) {
    const text = String(view[name]);
    if (text !== value || given.has(name)) texts[name] = text;
  }
  for (const [name, value] of Object.entries(chosen())) if (value !== CHOICES[name][0]) texts[name] = value;
  return texts;
}

/** Keep a view: in local storage, and in the address where it is ours. */
export function keep(name, view, given) {
  const texts = viewTexts(view, given);
  try {
    localStorage.setItem(VIEWS + name, JSON.stringify(texts));
  } catch {
    // a private window may refuse; the address still has it
  }
  if (inLab()) return; // JupyterLab's own router owns the address there
  const url = new URL(location.href);
  const prefix = addressPrefix(name);
  const place = (key) => (key in CHOICES ? key : prefix + key);
  const names = [...Object.keys(COLUMN_FORMS), ...Object.keys(FORMS), ...OTHER_NAMES].map((key) => prefix + key);
  const ours = new Set([...names, ...Object.keys(CHOICES)]);
  // In whatever case somebody wrote them: the address says what the page shows, and says it once.
  for (const key of [...url.searchParams.keys()]) {
    if (ours.has(key) || ours.has(key.toLowerCase())) url.searchParams.delete(key);
  }
  for (const [key, value] of Object.entries(texts)) url.searchParams.set(place(key), value);
  url.search = url.search.replaceAll("%2C", ",");
  if (url.href !== location.href) history.replaceState(history.state, "", url);
}

/** A value as Python writes it: what passed its form has no character that the two write differently. */
function pythonText(value) {
  if (Array.isArray(value)) return `[${value.map(pythonText).join(", ")}]`;
  if (typeof value === "boolean") return value ? "True" : "False";
  return JSON.stringify(value);
}

/** The cell that shows this view. */
export function viewCode(view) {
  const many = view.symbol.length > 1;
  const each = (name) => (many ? view[name] : view[name][0]);
  const options = [[many ? "symbols" : "symbol", each("symbol")], ["timeframe", view.timeframe]];
  if (view.rounding.some((one) => one !== "auto")) options.push(["rounding", each("rounding")]);
  options.push(["rows", view.rows]);
  if (view.minimum_notional.some((one) => one > 0)) options.push(["minimum_notional", each("minimum_notional")]);
  for (const [name, value] of Object.entries(DEFAULTS)) {
    if (String(view[name]) !== value) options.push([name, view[name]]);
  }
  const call = options.map(([name, value]) => `${name}=${pythonText(value)}`).join(", ");
  return `from orderfox_nb.widgets import Dashboard\n\nDashboard(${call})\n`;
}
