// The view on the screen as text, in the page's address and in local storage. Neither can be trusted.
import { CHOICES, choose, chosen, inLab } from "./theme.js";

const VIEWS = "orderfox.view.v1:";

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
 * `whole` where it has all that an address written by a page has: missing settings then have their defaults.
 */
export function fromUrl(name, settings) {
  if (inLab()) return { view: {}, refused: [], whole: false };
  const { view, style, refused } = settings.readParameters(new URLSearchParams(location.search), addressPrefix(name));
  for (const [choice, value] of Object.entries(style)) choose(choice, value, false);
  return { view, refused, whole: settings.rows.every((one) => !one.always || one.name in view) };
}

/** The page's address for sharing, without the server's token. */
export function viewLink() {
  const url = new URL(location.href);
  url.searchParams.delete("token");
  url.search = url.search.replaceAll("%2C", ",");
  return url.href;
}

/** The view of a dashboard stored in this browser. */
export function fromStore(name, settings) {
  try {
    const stored = JSON.parse(localStorage.getItem(VIEWS + name) ?? "{}") ?? {};
    const kept = settings.rows.filter(({ remembered }) => remembered).map((one) => [one.name, stored[one.name]]);
    return settings.readView(Object.fromEntries(kept)).view;
  } catch {
    return {};
  }
}

/** The view as names and texts, without defaults; values given by a cell are always included. */
export function viewTexts(view, settings, given = new Set()) {
  const texts = {};
  for (const setting of settings.rows) {
    const { name, always } = setting;
    if (always || given.has(name) || !setting.isDefault(view[name])) texts[name] = setting.textOf(view[name]);
  }
  for (const [name, value] of Object.entries(chosen())) if (value !== CHOICES[name][0]) texts[name] = value;
  return texts;
}

/** Keep a view: in local storage, and in the address where it is ours. */
export function keep(name, view, settings, given) {
  const texts = viewTexts(view, settings, given);
  try {
    const remembered = Object.entries(texts).filter(([key]) => settings.get(key)?.remembered ?? true);
    localStorage.setItem(VIEWS + name, JSON.stringify(Object.fromEntries(remembered)));
  } catch {
    // a private window may refuse; the address still has it
  }
  if (inLab()) return; // JupyterLab's own router owns the address there
  const url = new URL(location.href);
  const prefix = addressPrefix(name);
  const place = (key) => (key in CHOICES ? key : prefix + key);
  const names = [...settings.rows.map((one) => one.name), ...settings.others].map((key) => prefix + key);
  const ours = new Set([...names, ...Object.keys(CHOICES)]);
  // Names may be in any case: the address must contain each setting of the page only once.
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
export function viewCode(view, settings) {
  const many = view.symbol.length > 1;
  const options = [];
  for (const setting of settings.rows) {
    const { name, each, always } = setting;
    const value = view[name];
    if (setting.isDefault(value) && (each || !always)) continue;
    if (each) options.push([many && name === "symbol" ? "symbols" : name, many ? value : value[0]]);
    else options.push([name, value]);
  }
  const call = options.map(([name, value]) => `${name}=${pythonText(value)}`).join(", ");
  return `from orderfox_nb.widgets import Dashboard\n\nDashboard(${call})\n`;
}
