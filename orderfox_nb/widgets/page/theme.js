// Dark or light, the palette and the zone of times, for the whole page: the document element carries data-of-theme,
// data-of-palette and data-of-zone; the tokens in theme.css and the times of format.js follow.

const SHEET = ""; // the text of theme.css: esm.py puts it here
const STORES = { theme: "orderfox.theme.v1", palette: "orderfox.palette.v1", zone: "orderfox.zone.v1" };
export const CHOICES = { theme: ["auto", "dark", "light"], palette: ["standard", "safe"], zone: ["local", "utc"] };

/** Whether the page is JupyterLab: there the theme, the address and the keyboard are its own. */
export function inLab() {
  return document.body.dataset.jpThemeName !== undefined && document.body.dataset.voila === undefined;
}

function stored(name) {
  try {
    const value = localStorage.getItem(STORES[name]);
    return CHOICES[name].includes(value) ? value : CHOICES[name][0];
  } catch {
    return CHOICES[name][0]; // a private window may refuse
  }
}

function store(name, value) {
  try {
    localStorage.setItem(STORES[name], value);
  } catch {
    // the choice holds for this page alone
  }
}

/** What was chosen for this page: `{theme, palette, zone}`. */
export function chosen() {
  const { ofChosen, ofPalette, ofZone } = document.documentElement.dataset;
  const [theme, palette, zone] = [ofChosen, ofPalette, ofZone];
  return { theme: theme ?? stored("theme"), palette: palette ?? stored("palette"), zone: zone ?? stored("zone") };
}

function themeOf(wanted) {
  const { jpThemeLight } = document.body.dataset;
  if (inLab()) return jpThemeLight === "false" ? "dark" : "light";
  if (wanted !== "auto") return wanted;
  if (jpThemeLight === "false") return "dark"; // Voila was started with its dark theme
  return matchMedia("(prefers-color-scheme: light)").matches ? "light" : "dark";
}

/** Insert the tokens, once per page and before the sheets of the widgets, which may differ from them. */
function insertSheet() {
  if (!SHEET || document.getElementById("orderfox-theme")) return;
  const style = Object.assign(document.createElement("style"), { id: "orderfox-theme", textContent: SHEET });
  const first = document.querySelector('style[id^="orderfox_nb."]'); // anywidget names a sheet by its widget's class
  if (first) first.before(style);
  else document.head.append(style);
}

/** Follow what another tab of this address chose: the event comes to all tabs but that one. */
function followStore({ key, newValue }) {
  for (const [name, store] of Object.entries(STORES)) {
    // Without a key everything was removed.
    if (key === store || key === null) choose(name, newValue ?? CHOICES[name][0], false);
  }
}

/** Apply the theme to the page, and reapply it when the surrounding page or another tab changes it. */
export function applyTheme() {
  const { dataset } = document.documentElement;
  const { theme, palette, zone } = chosen();
  const wanted = { ofTheme: themeOf(theme), ofPalette: palette, ofZone: zone, ofHost: inLab() ? "lab" : "page" };
  for (const [name, value] of Object.entries(wanted)) if (dataset[name] !== value) dataset[name] = value;
  const name = Symbol.for("orderfox.theme.v3");
  if (globalThis[name]) return;
  const observer = new MutationObserver(() => applyTheme());
  observer.observe(document.body, { attributes: true, attributeFilter: ["data-jp-theme-name", "data-jp-theme-light"] });
  matchMedia("(prefers-color-scheme: light)").addEventListener("change", () => applyTheme());
  addEventListener("storage", followStore);
  globalThis[name] = observer;
}

/** Choose theme, palette or zone for this page; `remember` keeps it for the next one. */
export function choose(name, value, remember = true) {
  if (!CHOICES[name]?.includes(value)) return;
  if (remember) store(name, value);
  const { dataset } = document.documentElement;
  if (name === "theme") dataset.ofChosen = value;
  else dataset[name === "zone" ? "ofZone" : "ofPalette"] = value;
  applyTheme();
}

export function toggleTheme() {
  choose("theme", document.documentElement.dataset.ofTheme === "dark" ? "light" : "dark");
}

/** Call back when the choice, colours or zone of the page changed; returns a function that ends it. */
export function onTheme(callback) {
  const observer = new MutationObserver(callback);
  const attributeFilter = ["data-of-chosen", "data-of-theme", "data-of-palette", "data-of-zone"];
  observer.observe(document.documentElement, { attributes: true, attributeFilter });
  return () => observer.disconnect();
}

/** The tokens as a canvas needs them: resolved colours of an element. */
export function tokens(element) {
  const style = getComputedStyle(element);
  const read = (name) => style.getPropertyValue(`--of-${name}`).trim();
  return {
    background: read("panel"), raised: read("raised"), line: read("line"), text: read("text"), muted: read("muted"),
    bid: read("bid"), ask: read("ask"), accent: read("accent"), warning: read("warning"), tag: read("tag-text"),
    font: `11.5px ${style.fontFamily}`,
  };
}

insertSheet(); // with the first widget's module, before any of them is shown
