// Where the data comes from and how good it is, said in words.
import { make, setClass, write } from "./dom.js";
import { followFrames } from "./panel.js";
import { applyTheme, onTheme, toggleTheme } from "./theme.js";

const WORDS = {
  reconnecting: "reconnecting…", connecting: "connecting…", reload: "reload this page", waiting: "waiting for data…",
  syncing: "synchronising", stale: "no news", gap: "gap", skewed: "clock is off", down: "source is down",
  gone: "not available",
};

/** What the source is, in words that nobody can misread. */
export function originText(origin) {
  if (!origin) return "";
  if (origin.simulated) return "SIMULATED";
  if (origin.recorded) return "RECORDED";
  return origin.venue.toUpperCase();
}

async function render({ model, el }) {
  applyTheme();
  el.classList.add("of-widget");
  const root = make("div", "of of-badge-box");
  const panel = make("div", "of-badge");
  panel.setAttribute("role", "status");
  const source = make("strong", "of-source");
  const dot = make("i", "of-dot");
  const text = make("span", "of-badge-text");
  panel.append(source, dot, text);
  const theme = make("button", "of-theme");
  theme.type = "button";
  theme.title = "Dark or light";
  theme.setAttribute("aria-label", "Dark or light");
  theme.addEventListener("click", toggleTheme);
  const showTheme = () => {
    write(theme, document.documentElement.dataset.ofTheme === "dark" ? "☀" : "☾");
    theme.hidden = document.documentElement.dataset.ofHost === "lab";
  };
  showTheme();
  const problem = make("div", "of-problem");
  problem.setAttribute("role", "alert");
  problem.hidden = true;
  root.append(panel, theme, problem);
  el.append(root);

  const parts = { panel, note: make("span"), gone: "" };
  let shownLag = 0;
  const show = (link) => {
    const origin = link.hello?.origin;
    const state = panel.dataset.state ?? "connecting";
    write(source, originText(origin));
    setClass(source, origin?.simulated || origin?.recorded ? "of-source of-warning" : "of-source");
    const words = WORDS[state] ?? state;
    const comm = link.transport?.kind === "comm" ? " · through the kernel" : "";
    // A recording plays at a speed of its own: its delay says nothing.
    const delay = origin?.recorded ? "" : ` · ${shownLag} ms`;
    write(text, (state === "live" ? `live${delay}` : words) + comm);
    const why = origin?.problem ?? "";
    write(problem, why);
    problem.hidden = why === "";
    const lines = [`source: ${origin?.source ?? "not known yet"}`, `state: ${words}`];
    if (state === "live") lines.push(`${shownLag} ms behind the quickest frame of the last minute`);
    if (origin?.simulated) lines.push("Every number here is invented by the embedded exchange.");
    if (origin?.demo_symbols) lines.push("The symbol list is the built-in one.");
    panel.title = lines.join("\n");
  };
  const keyOf = () => ({ symbol: model.get("symbol"), stream: "ticker", parameters: {} });
  const following = await followFrames({ model, parts, traits: ["symbol"], keyOf, paint: () => {} });
  const { link } = following;
  const unlisten = link.listen(() => queueMicrotask(() => show(link)));
  const untheme = onTheme(showTheme);
  const timer = setInterval(() => {
    shownLag = Math.round(link.lag.ms ?? 0);
    show(link);
  }, 500);
  return () => {
    clearInterval(timer);
    untheme();
    unlisten();
    following.end();
  };
}

export default { render };
