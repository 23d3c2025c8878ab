// What is on the screen, as text: in the page's address and in local storage. Both can be written by anybody.
import { CHOICES, choose, chosen, inLab } from "./theme.js";

export const LAYOUTS = ["default", "chart", "book"];
const STORE = "orderfox.view.v1:";
const FORMS = {
  symbol: /^[A-Za-z0-9_:/-]{1,40}$/,
  timeframe: /^(1m|3m|5m|15m|30m|1h|2h|4h|6h|8h|12h|1d|3d|1w|1M)$/,
  rounding: /^(auto|\d{1,12}(\.\d{1,12})?)$/,
  rows: /^(10|20|50)$/,
  layout: new RegExp(`^(${LAYOUTS.join("|")})$`),
};
const VIEW = Object.keys(FORMS);

/** Values of the right form only; `symbol` and `rounding` become one entry a column, null where there is none. */
export function cleaned(values, columns) {
  const clean = {};
  for (const name of ["symbol", "rounding"]) {
    const parts = String(values[name] ?? "").split(",").slice(0, columns);
    const fine = parts.map((part) => (FORMS[name].test(part) ? part : null));
    if (fine.some((part) => part !== null)) {
      clean[name] = fine.map((part) => (name === "symbol" && part ? part.replace("/", "").toUpperCase() : part));
    }
  }
  for (const name of ["timeframe", "layout"]) if (FORMS[name].test(values[name] ?? "")) clean[name] = values[name];
  if (FORMS.rows.test(String(values.rows ?? ""))) clean.rows = Number(values.rows);
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

/** The view as names and texts, without what is as it is by itself. */
export function viewTexts(view) {
  const texts = {
    symbol: view.symbol.join(","), timeframe: view.timeframe, rounding: view.rounding.join(","),
    rows: String(view.rows),
  };
  if (view.layout !== "default") texts.layout = view.layout;
  for (const [name, value] of Object.entries(chosen())) if (value !== CHOICES[name][0]) texts[name] = value;
  return texts;
}

/** Keep a view: in local storage, and in the address where it is ours. */
export function keep(name, view) {
  const texts = viewTexts(view);
  try {
    localStorage.setItem(STORE + name, JSON.stringify(texts));
  } catch {
    // a private window may refuse; the address still has it
  }
  if (inLab()) return; // JupyterLab's own router owns the address there
  const url = new URL(location.href);
  const prefix = addressPrefix(name);
  const place = (key) => (key in CHOICES ? key : prefix + key);
  for (const key of ["layout", ...Object.keys(CHOICES)]) url.searchParams.delete(place(key));
  for (const [key, value] of Object.entries(texts)) url.searchParams.set(place(key), value);
  url.search = url.search.replaceAll("%2C", ",");
  if (url.href !== location.href) history.replaceState(history.state, "", url);
}

/** The cell that shows this view. Every value passed its form before, so none needs escaping but for its quotes. */
export function viewCode(view) {
  const quoted = JSON.stringify;
  const options = [];
  const many = view.symbol.length > 1;
  options.push(many ? `symbols=[${view.symbol.map(quoted).join(", ")}]` : `symbol=${quoted(view.symbol[0])}`);
  options.push(`timeframe=${quoted(view.timeframe)}`);
  if (view.rounding.some((one) => one !== "auto")) {
    options.push(`rounding=${many ? `[${view.rounding.map(quoted).join(", ")}]` : quoted(view.rounding[0])}`);
  }
  options.push(`rows=${view.rows}`);
  if (view.layout !== "default") options.push(`layout=${quoted(view.layout)}`);
  return `from orderfox_nb.widgets import Dashboard\n\nDashboard(${options.join(", ")})\n`;
}
