// Where the data comes from and how good it is, said in words.
import { make, setClass, write } from "../page/dom.js";
import { LAG_MEANING, lagLevel, lagText } from "../page/lag.js";
import { followFrames, makePastBadge, marketShown } from "../page/panel.js";
import { pictured } from "../page/picture.js";
import {
  fillQualityTip, lastLapses, marketNote, OwnLapses, unverifiedNote, WORDS, worstState,
} from "./quality_tip.js";
import { stateRank, Steady } from "../page/steady_state.js";
import { applyTheme, onTheme, toggleTheme } from "../page/theme.js";
import { fetchFromServer } from "../page/transport.js";
import { marketOf } from "../page/venues.js";

const RETRY_MS = 3_000;
const SHOW_MS = 1_000;
const LEVELS = ["low", "raised", "high"];

/** The kind of source, in unambiguous words. */
export function originText(origin) {
  if (!origin) return "";
  if (origin.simulated) return origin.recorded ? "SIMULATED, RECORDED" : "SIMULATED";
  if (origin.recorded) return "RECORDED";
  return origin.venue.toUpperCase();
}

async function askLapses(base, { venue, symbol }) {
  const query = venue ? `?venue=${encodeURIComponent(venue)}` : "";
  try {
    const answer = await fetchFromServer(base, `api/v1/quality/${encodeURIComponent(symbol)}${query}`);
    return answer.ok ? await answer.json() : null;
  } catch {
    return null;
  }
}

async function render({ model, el }) {
  applyTheme();
  el.classList.add("of-widget");
  const root = make("div", "of of-badge-box");
  const panel = make("button", "of-badge");
  panel.type = "button";
  const real = make("strong", "of-live-trading", "LIVE TRADING");
  real.hidden = true;
  const source = make("strong", "of-source");
  const dot = make("i", "of-dot");
  const past = makePastBadge();
  const text = make("span", "of-badge-text");
  const name = make("span", "of-symbol"); // hidden in a dashboard, where the picker stands beside it
  panel.append(real, name, source, past, dot, text);
  const tip = make("div", "of of-quality-tip");
  tip.popover = "manual"; // in the browser's top layer: no container can clip it
  tip.setAttribute("role", "tooltip");
  tip.id = `of-quality-${Math.random().toString(36).slice(2)}`;
  panel.setAttribute("aria-describedby", tip.id);
  // The lag changes every second; a screen reader announces only a change of state.
  const spoken = make("span", "of-spoken");
  spoken.setAttribute("role", "status");
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
  root.append(panel, theme, spoken, problem, tip);
  el.append(root);

  const parts = { panel, name, past, note: make("span"), gone: "" };
  const own = new OwnLapses();
  let lag = { text: "", level: "low", keepsUp: true };
  let answer = null;
  let asked = -Infinity;
  let isPending = false;
  let following = null;

  const shownMarket = () => marketShown(model, following.link);
  const originNow = () => following.link.venues.originOf(shownMarket().venue);
  const nowOf = (link) => link.liveNow(shownMarket().venue);
  const stateNow = () => {
    const { link, session } = following;
    if (link.state === "closed") return ["closed", []];
    if (link.byKernel && link.state !== "open" && session.state === "dead") return ["ended", []];
    const state = parts.state ?? "connecting";
    const worst = link.state === "open" ? worstState(link.entries.values(), marketOf(shownMarket())) : null;
    if (!worst || ["waiting", "gone"].includes(state)) return [state, []];
    return worst;
  };
  const fillTip = () => {
    const { link } = following;
    const origin = originNow();
    const isPast = link.playhead.covers(shownMarket().venue);
    const [state, streams] = stateNow();
    const where = state === "live" || !streams.length ? "" : ` (${streams.join(", ")})`;
    const facts = [["Source", origin?.source ?? "not known yet"], ["State", (WORDS[state] ?? state) + where]];
    const notes = [];
    if (state === "live" && !origin?.recorded && !isPast) {
      facts.push(["Lag", lag.text], ["of it in this browser", lagText(link.lag.browser)]);
      notes.push(LAG_MEANING);
      if (!lag.keepsUp) notes.push("This browser cannot keep up with the frames. Show fewer panels.");
    }
    if (origin?.simulated) notes.push("All data here is simulated by the embedded exchange.");
    if (link.hello?.live_trading) notes.unshift("Bots of this server may send real orders.");
    const { shared, words } = link.playhead;
    if (isPast && shared) notes.push(`A notebook has rewound this market: ${words}.`);
    else if (isPast) notes.push(`This page is in the past, ${words}. L or Live returns.`);
    else if (origin?.recorded) notes.push("A replay of a recording.");
    if (unverifiedNote(origin)) notes.push(unverifiedNote(origin));
    if (origin?.demo_symbols) notes.push("The symbol list is the built-in one.");
    if (link.transport?.kind === "comm") notes.push("Frames come through the kernel.");
    const now = nowOf(link);
    const known = link.transport?.kind !== "socket" || answer !== null;
    const lapses = [...own.all(now), ...lastLapses(answer, now)].sort((one, other) => other.from - one.from);
    tip.dataset.lapses = known ? String(lapses.length) : "";
    fillQualityTip(tip, { facts, notes, lapses: known ? lapses : null, isPending });
  };
  const isOpen = () => tip.matches(":popover-open");
  const place = () => {
    const box = panel.getBoundingClientRect();
    tip.style.top = `${box.bottom + 6}px`;
    tip.style.left = `${Math.max(8, Math.min(box.left, innerWidth - tip.offsetWidth - 8))}px`;
  };
  const renewTip = async () => {
    const { link } = following;
    if (link.transport?.kind === "socket" && performance.now() - asked > RETRY_MS) {
      asked = performance.now();
      isPending = true;
      answer = await askLapses(link.base, shownMarket());
      isPending = false;
    }
    if (isOpen()) fillTip();
  };
  const open = () => {
    if (isOpen() || !following) return;
    asked = -Infinity;
    const renewed = renewTip();
    fillTip();
    tip.showPopover();
    place();
    renewed.then(() => isOpen() && place());
  };
  const close = () => isOpen() && tip.hidePopover();
  panel.addEventListener("pointerenter", open);
  panel.addEventListener("pointerleave", () => panel.matches(":focus-visible") || close());
  panel.addEventListener("focus", () => panel.matches(":focus-visible") && open());
  panel.addEventListener("blur", close);
  panel.addEventListener("click", open); // a finger has no hover
  panel.addEventListener("keydown", (event) => event.key === "Escape" && close());

  const show = (link) => {
    const origin = originNow();
    const isPast = link.playhead.covers(shownMarket().venue);
    if (link.hello) real.hidden = !link.hello.live_trading; // it stays while the connection is lost
    own.note(link.state === "open" || !link.hello, nowOf(link));
    const [state, streams] = stateNow();
    // The badge of the past beside it says that it is recorded.
    write(source, originText(isPast ? { ...origin, recorded: false } : origin));
    setClass(source, origin?.simulated || origin?.recorded ? "of-source of-warning" : "of-source");
    const market = marketNote(link.entries.values(), marketOf(shownMarket()));
    const words = (state === "down" && market.status) || (WORDS[state] ?? state);
    const comm = link.transport?.kind === "comm" ? " · through the kernel" : "";
    const part = streams.length && streams.length < 3 && state !== "live" ? `: ${streams.join(", ")}` : "";
    if (state !== "live") steady.set({ state, words, text: words + part + comm, level: "" });
    else if (isPast) steady.set({ state, words: "past", text: comm.slice(3), level: "low" });
    else if (origin?.recorded) steady.set({ state, words, text: `live${comm}`, level: "low" }); // its speed is its own
    else {
      const slow = lag.keepsUp ? "" : " · this browser cannot keep up";
      const open = market.session === "closed" ? "closed session" : "live";
      const shown = { words: words + slow, text: `${open} · ${lag.text}${slow}${comm}`, level: lag.level };
      steady.set({ state: lag.level === "low" && lag.keepsUp ? state : `live ${lag.level}${slow}`, ...shown });
    }
    // Important messages are shown here, once, and not in each panel of a dashboard.
    const full = link.state === "refused" ? link.detail : "";
    const why = parts.gone || full || (origin?.problem ?? "");
    write(problem, why);
    problem.hidden = why === "";
  };
  const rank = ({ state, level }) => {
    if (!state.startsWith("live")) return 1 + stateRank(state);
    return (LEVELS.indexOf(level) + (state === "live" ? 0 : 1)) / 4;
  };
  const steady = new Steady(({ state, words, text: shown, level }) => {
    write(text, shown);
    panel.dataset.worst = state.split(" ", 1)[0];
    panel.dataset.lag = level;
    write(spoken, `${real.hidden ? "" : "Live trading. "}${originText(originNow())} ${words}`);
  }, { rank });
  const keyOf = () => ({ symbol: model.get("symbol"), stream: "ticker", parameters: {} });
  parts.symbolChanged = () => {
    answer = null;
    steady.reset();
  };
  following = await followFrames({ model, parts, traits: ["symbol"], keyOf, paint: () => {} });
  const { link } = following;
  const readLag = () => {
    const { total, keepsUp } = link.venues.lagOf(shownMarket().venue);
    lag = { text: lagText(total), level: lagLevel(total), keepsUp };
  };
  readLag();
  const unlisten = link.listen(() => queueMicrotask(() => show(link)));
  const untheme = onTheme(showTheme);
  const timer = setInterval(() => {
    readLag();
    show(link);
    if (isOpen()) renewTip();
  }, SHOW_MS);
  return () => {
    clearInterval(timer);
    steady.stop();
    close();
    untheme();
    unlisten();
    following.end();
    root.remove();
  };
}

export default { render: pictured(render) };
