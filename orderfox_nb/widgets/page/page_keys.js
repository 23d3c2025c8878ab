// The dashboard's keys. On a page of its own they are heard everywhere, in JupyterLab only inside the dashboard.
import { isWriting, pressRewindKey, REWIND_KEYS } from "./rewind_keys.js";
import { inLab, toggleTheme } from "./theme.js";

export const TIMEFRAME_KEYS = ["1m", "5m", "15m", "30m", "1h", "4h", "1d"];
export const KEYS = [
  ["/", "search a symbol"],
  ["v", "choose the venue, where there are several"],
  ...TIMEFRAME_KEYS.map((timeframe, at) => [String(at + 1), `timeframe ${timeframe}`]),
  ["l", "next layout"],
  ["t", "dark or light"],
  ["u", "times in UTC or local"],
  ["c", "ladder back to the middle"],
  ["p", "copy as Python code"],
  ["?", "these keys"],
];
/** What panels hear while they have the focus. */
export const PANEL_KEYS = [
  ["In the past", REWIND_KEYS],
  ["Chart, focused", [
    ["← →", "move in time"], ["+ −", "zoom"], ["Home", "oldest bar that is loaded"], ["End", "newest bar"],
    ["⇧ ← →", "move the crosshair"], ["⇧ ↑ ↓", "scale the price"], ["Esc", "drop the crosshair"],
    ["wheel", "zoom; on a page that scrolls once the chart is clicked, or with Ctrl"],
  ]],
  ["Order book and depth, focused", [
    ["↑ ↓", "choose a row of the book"], ["← →", "move along the depth"], ["Esc", "let go"],
  ]],
];

/** Listen for keys of the dashboard around `el`; returns a function that ends it. */
export function listenKeys({ el, menu, chooseTrait, playhead }) {
  const press = (event) => {
    const root = el.closest(".of-dashboard");
    if (!root || event.ctrlKey || event.metaKey || event.isComposing || isWriting(event.target)) return;
    const inside = event.target instanceof Node && root.contains(event.target);
    // Of several dashboards on a page, the one with the focus, otherwise the first.
    const first = event.target === document.body && document.querySelector(".of-dashboard") === root;
    if (!inside && (inLab() || !first)) return;
    const goTo = () => root.querySelector(".of-rewind-time")?.focus();
    if (pressRewindKey(event, playhead, goTo) || event.altKey) return;
    const key = event.key.toLowerCase(); // with Caps Lock too
    const timeframe = TIMEFRAME_KEYS[Number(key) - 1];
    if (key === "/") root.querySelector(".of-picker-button")?.click();
    else if (key === "v") root.querySelector(".of-venue:not([hidden])")?.focus();
    else if (timeframe) chooseTrait("timeframe", timeframe);
    else if (key === "l") menu.nextLayout();
    else if (key === "t") toggleTheme();
    else if (key === "u") menu.toggleZone();
    else if (key === "c") root.querySelectorAll(".of-recentre").forEach((one) => one.click());
    else if (key === "p") menu.showCode();
    else if (key === "?") menu.showKeys();
    else return;
    event.preventDefault();
    event.stopPropagation();
  };
  document.addEventListener("keydown", press);
  return () => document.removeEventListener("keydown", press);
}
