// Dark or light, for the whole page: the document element carries data-of-theme, and the tokens in theme.css follow.

const KEY = "orderfox.theme.v1";

function inLab() {
  return document.body.dataset.jpThemeName !== undefined && document.body.dataset.voila === undefined;
}

function preferred() {
  if (inLab()) return document.body.dataset.jpThemeLight === "false" ? "dark" : "light";
  const stored = localStorage.getItem(KEY);
  if (stored === "dark" || stored === "light") return stored;
  return matchMedia("(prefers-color-scheme: light)").matches ? "light" : "dark";
}

/** Bring the page to its theme and keep it there when JupyterLab's changes. */
export function applyTheme() {
  const root = document.documentElement;
  const wanted = root.dataset.ofChosen ?? preferred();
  if (root.dataset.ofTheme !== wanted) root.dataset.ofTheme = wanted;
  root.dataset.ofHost = inLab() ? "lab" : "page";
  if (globalThis[Symbol.for("orderfox.theme.v1")]) return;
  const observer = new MutationObserver(() => applyTheme());
  observer.observe(document.body, { attributes: true, attributeFilter: ["data-jp-theme-name", "data-jp-theme-light"] });
  globalThis[Symbol.for("orderfox.theme.v1")] = observer;
}

/** Choose a theme for this page, remembered for the next one; "auto" follows the surroundings. */
export function chooseTheme(theme) {
  const root = document.documentElement;
  if (theme === "auto") delete root.dataset.ofChosen;
  else root.dataset.ofChosen = theme;
  applyTheme();
}

export function toggleTheme() {
  const next = document.documentElement.dataset.ofTheme === "dark" ? "light" : "dark";
  localStorage.setItem(KEY, next);
  chooseTheme(next);
}

/** Call back when the colours of the page changed; gives what ends it. */
export function onTheme(callback) {
  const observer = new MutationObserver(callback);
  const attributeFilter = ["data-of-theme", "data-of-palette"];
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
