// What is on the screen, as text: in the page's address and in local storage. Both can be written by anybody.
import { CHOICES, choose, chosen, inLab } from "./theme.js";

export const LAYOUTS = ["default", "chart", "book"];
const STORE = "orderfox.view.v1:";
// One entry a column, separated by commas.
const COLUMN_FORMS = {
  symbol: /^[A-Za-z0-9_:/-]{1,40}$/,
  rounding: /^(auto|\d{1,12}(\.\d{1,12})?)$/,
  minimum_notional: /^\d{1,12}(\.\d{1,12})?(e-\d{1,2})?$/,
};
const FORMS = {
  timeframe: /^(1m|3m|5m|15m|30m|1h|2h|4h|6h|8h|12h|1d|3d|1w|1M)$/,
  rows: /^(10|20|50)$/,
  layout: new RegExp(`^(${LAYOUTS.join("|")})$`),
  overlays: /^((vwap|(ema|bollinger)([2-9]|[1-9]\d|[1-4]\d\d|500))(,(?=.)|$)){0,20}$/,
  depth_percent: /^(0\.1|0\.25|0\.5|1|2|5|10)$/,
  whole_market: /^(true|false)$/,
  span: /^(1m|15m|1h)$/,
  show_volume: /^(true|false)$/,
  show_liquidations: /^(true|false)$/,
  show_liquidation_average: /^(true|false)$/,
  show_lapses: /^(true|false)$/,
  log_scale: /^(true|false)$/,
  fixed_scale: /^(true|false)$/,
};
const VIEW = [...Object.keys(COLUMN_FORMS), ...Object.keys(FORMS)];
/** What is so by itself; the others are always said. */
const DEFAULTS = {
  layout: "default", overlays: "", depth_percent: "1", whole_market: "false", span: "1h", show_volume: "true",
  show_liquidations: "true", show_liquidation_average: "true", show_lapses: "true",
  log_scale: "false", fixed_scale: "false",
};
const READ = {
  symbol: (text) => text.replace("/", "").toUpperCase(), rounding: (text) => text, minimum_notional: Number,
  rows: Number, depth_percent: Number, overlays: (text) => (text ? text.split(",") : []),
};
const valueOf = (name, text) => READ[name]?.(text) ?? (["true", "false"].includes(text) ? text === "true" : text);

/** Values of the right form only; what each column has becomes one entry a column, null where there is none. */
export function cleaned(values, columns) {
  const clean = {};
  for (const [name, form] of Object.entries(COLUMN_FORMS)) {
    const parts = String(values[name] ?? "").split(",").slice(0, columns);
    const fine = parts.map((part) => (form.test(part) ? valueOf(name, part) : null));
    if (fine.some((part) => part !== null)) clean[name] = fine;
  }
  for (const [name, form] of Object.entries(FORMS)) {
    const text = values[name] === undefined || values[name] === null ? null : String(values[name]);
    if (text !== null && form.test(text)) clean[name] = valueOf(name, text);
  }
  return clean;
}

/**
 * What stands before a dashboard's names in the address: nothing for the first one of the page, which a call at the
 * start of each settles, and for another its own name and a dot.
 */
export function addressPrefix(name) {
  const owner = Symbol.for("orderfox.address.v1");
  globalThis[owner] ??= name;
  return globalThis[owner] === name ? "" : `${name}.`;
}

/** The view that the page's address asks of a dashboard; the look too, for this page alone. */
export function fromUrl(name, columns) {
  if (inLab()) return {};
  const values = new URLSearchParams(location.search);
  for (const choice of Object.keys(CHOICES)) choose(choice, values.get(choice), false);
  const prefix = addressPrefix(name);
  const own = VIEW.map((key) => [key, values.get(prefix + key)]).filter(([, value]) => value !== null);
  return cleaned(Object.fromEntries(own), columns);
}

/** The page's address for others: a server's token in it is its reader's own. */
export function viewLink() {
  const url = new URL(location.href);
  url.searchParams.delete("token");
  url.search = url.search.replaceAll("%2C", ",");
  return url.href;
}

export function fromStore(name, columns) {
  try {
    return cleaned(JSON.parse(localStorage.getItem(STORE + name) ?? "{}"), columns);
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
    localStorage.setItem(STORE + name, JSON.stringify(texts));
  } catch {
    // a private window may refuse; the address still has it
  }
  if (inLab()) return; // JupyterLab's own router owns the address there
  const url = new URL(location.href);
  const prefix = addressPrefix(name);
  const place = (key) => (key in CHOICES ? key : prefix + key);
  for (const key of ["minimum_notional", ...Object.keys(DEFAULTS), ...Object.keys(CHOICES)]) {
    url.searchParams.delete(place(key));
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
