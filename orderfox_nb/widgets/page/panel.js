// What every live panel does alike: hold the link, follow one key that depends on the model's traits, show its state.
import { make, write } from "./dom.js";
import { saveChanges } from "./kernel.js";
import { holdLink } from "./page_link.js";
import { RENEWED_MS } from "./playhead.js";
import { stateRank, Steady } from "./steady_state.js";
import { subscriptionText } from "./subscription.js";
import { applyTheme, inLab, onTheme } from "./theme.js";
import { ACROSS, marketOf, severalOf } from "./venues.js";

export const STATE_TEXT = {
  connecting: "connecting…", reconnecting: "reconnecting…", reload: "reload this page", waiting: "waiting for data…",
  syncing: "synchronising…", stale: "no news", gap: "gap, catching up…", skewed: "clock is off",
  down: "source is down", refused: "server is full", gone: "not available", closed: "market closed",
};
const UNSEEN_MS = 3_000;

/** What to do when the kernel has ended: frames may continue, what Python sets does not arrive any more. */
export function kernelEnded() {
  return `kernel ended: ${inLab() ? "run the cell again" : "reload the page"}`;
}

/** Says that what a widget shows is of the past, and of when; empty while the page is live. */
export function makePastBadge() {
  return make("span", "of-past");
}

/** Write a badge of the past; where a panel has little room its style keeps the first word alone. */
export function writePast(badge, text) {
  if (badge.ofText === text) return;
  badge.ofText = text;
  badge.title = text;
  const [word, ...when] = text.split(" ");
  badge.replaceChildren(...(text ? [word, make("span", "of-past-when", ` ${when.join(" ")}`)] : []));
}

/** The frame of a panel: header with title and tools, body, a line that says its state. */
export function makePanel(el, kind, title) {
  applyTheme();
  el.classList.add("of-widget");
  const panel = make("section", `of of-panel of-${kind}`);
  panel.setAttribute("aria-label", title);
  const header = make("header", "of-header");
  const heading = make("h2", "of-title", title);
  const name = make("span", "of-symbol"); // hidden in a dashboard, whose head says it for all
  heading.append(name);
  const note = make("span", "of-state");
  note.setAttribute("role", "status");
  const tools = make("div", "of-tools");
  const past = makePastBadge();
  header.append(heading, past, note, tools);
  const message = make("p", "of-message");
  message.setAttribute("role", "alert");
  message.hidden = true;
  const body = make("div", "of-body");
  panel.append(header, message, body);
  el.append(panel);
  return { panel, header, heading, name, past, tools, message, body, note };
}

/** The market that a widget shows: `{venue, symbol}`, the venue empty for the first one of the page's server. */
export function marketShown(model, link) {
  const several = severalOf(model, link);
  return several.length ? { venue: ACROSS, symbol: several.join(",") } : ownMarket(model, link);
}

/** The market that a widget names, also where it shows it at other venues too. */
export function ownMarket(model, link) {
  return { venue: link.venues.idOf(model.get("venue")), symbol: model.get("symbol") };
}

/** The words for a market beside a title. */
function marketWords(model, link, { venue, symbol }) {
  const several = severalOf(model, link);
  if (several.length > 1) return [`${several.length} venues`];
  const label = venue === ACROSS ? "all venues" : link.venues.labelOf(venue);
  return [symbol === "*" ? "all symbols" : model.get("symbol"), label];
}

/**
 * Follow frames for a panel. `keyOf(link)` returns the subscription for the model's current traits (null: none) without
 * its venue, `paint(entry)` draws; `traits` are the names beside the venue whose change leads to another key. If the
 * market has no `channel`, nothing is followed. Returns a function that stops it.
 */
export async function followFrames({ model, parts, traits, keyOf, paint, channel = "" }) {
  const { link, session, release } = await holdLink(model);
  const { panel, note } = parts;
  let unsubscribe = null;
  let followed = ""; // the text of what is subscribed, empty if nothing is
  let current = null;
  let painted = null;
  let ended = false;
  const isHidden = () => panel.getClientRects().length === 0 || Boolean(parts.isOff?.());
  // The panels of a market follow at once, before they are displayed, so that their first frame is there sooner.
  let unseen = Boolean(parts.isApart) && isHidden();
  let market = null;
  let moves = -1; // of the playhead, since which this shows what it shows
  let renewing = 0;

  const venue = () => marketShown(model, link).venue;
  // A dashboard's badge shows the state of all panels of its markets.
  const hasBadge = () => !parts.isApart && venue() !== ACROSS && panel.closest(".of-dashboard") !== null;
  const isAbsent = () => channel !== "" && link.venues.isAbsent(channel, venue());
  const showState = () => {
    const quality = current?.quality?.state;
    let state = link.state === "open" ? (current && !link.unheard ? quality : "waiting") : link.state;
    let text = STATE_TEXT[state] ?? state;
    let why = "";
    // A venue that refuses everything sends frames too, without any data.
    const without = link.state === "open" && ["waiting", "syncing", "down"].includes(state);
    if (without) why = link.venues.originOf(venue())?.problem ?? "";
    if (["refused", "closed"].includes(link.state)) why = link.detail;
    if (parts.gone) [state, text, why] = ["gone", STATE_TEXT.gone, parts.gone];
    if (isAbsent()) [state, text, why] = ["absent", "", `This market has no ${channel}.`];
    if (state === "live") text = current?.quality?.session === "closed" ? "closed session" : "";
    // Why the venue does not trade the symbol: what stands here is the last that was known.
    if (state === "down" && current?.quality?.status) text = current.quality.status;
    // Where the kernel carried the frames nothing comes back by itself. A dashboard says it once, for all its panels.
    const over = state === "live" || (link.byKernel && link.state !== "open");
    if (over && session.state === "dead" && state !== "closed") {
      text = panel.closest(".of-dashboard") ? "" : kernelEnded();
    }
    if (why && hasBadge()) text = ""; // the badge shows it, once for all panels
    parts.state = state;
    steady.set({ state, text, why });
  };
  const steady = new Steady(({ state, text, why }) => {
    if (panel.dataset.state !== state) panel.dataset.state = state;
    if (write(note, text)) note.title = why || text;
    if (!parts.message) return;
    // A reason is a sentence, for which a header has no room.
    write(parts.message, hasBadge() && state !== "absent" ? "" : why);
    parts.message.hidden = parts.message.textContent === "";
  }, { rank: ({ state }) => stateRank(state) });
  /** A symbol in another form than the venue's becomes the venue's; a dashboard does that for all its panels. */
  const adoptSymbol = ({ frame, request }) => {
    if (!frame.symbol || frame.symbol === "*" || request.symbol !== model.get("symbol")) return;
    if (!panel.closest(".of-dashboard")) setTrait(model, "symbol", frame.symbol);
  };
  const view = {
    paint(entry) {
      const { frame } = entry;
      clearTimeout(renewing);
      parts.gone = "";
      current = frame;
      painted = entry;
      paint(entry, link);
      panel.dataset.frames = String(Number(panel.dataset.frames ?? 0) + 1);
      panel.dataset.sequence = String(entry.sequence);
      panel.dataset.key = entry.key;
      showState();
      adoptSymbol(entry);
    },
    gone(message) {
      parts.gone = message;
      current = null;
      showState();
    },
  };
  const follow = () => {
    if (ended) return;
    const asked = keyOf(link); // before anything else: it also brings the panel's controls up to date
    const request = asked && { ...asked, venue: venue() };
    const text = request && !unseen && !isAbsent() ? subscriptionText(request) : "";
    const shown = marketShown(model, link);
    if (parts.name) {
      write(parts.name, marketWords(model, link, shown).filter(Boolean).join(" · "));
    }
    if (text && text === followed) return; // another symbol is none to a panel that shows the whole market
    const next = text ? link.subscribe(request, view) : null;
    unsubscribe?.(); // after the new one, so that a shared key is not closed in between
    [unsubscribe, followed] = [next, text];
    if (market !== marketOf(shown)) {
      market = marketOf(shown);
      parts.gone = "";
      current = painted = null;
      moves = -1;
      steady.reset();
      parts.symbolChanged?.(shown.symbol);
    }
    showState();
  };
  /** The playhead has moved: what no frame renews soon is of another time. */
  const forget = () => {
    current = painted = null;
    steady.reset();
    parts.symbolChanged?.(model.get("symbol"));
    showState();
  };
  const showPast = () => {
    if (parts.isApart) return; // bots trade on, whatever the page looks at
    const { playhead } = link;
    const isPast = playhead.covers(venue());
    if (parts.past) {
      writePast(parts.past, isPast ? playhead.text : "");
      if (isPast) panel.dataset.past = "";
      else delete panel.dataset.past;
    }
    const movesNow = playhead.movesOf(venue());
    const isSame = moves < 0 || moves === movesNow;
    moves = movesNow;
    if (isSame) return;
    clearTimeout(renewing);
    renewing = setTimeout(forget, RENEWED_MS);
  };
  const names = ["venue", "symbols", "all_venues", "currency", ...traits].map((name) => `change:${name}`);
  for (const name of names) model.on(name, follow);
  // Another server, whose market has other channels or whose first venue is another one, is another key too.
  const unlisten = link.listen(() => {
    follow();
    showPast();
    showState();
  });
  const untheme = onTheme(() => current && painted?.frame && paint(painted, link));
  // A panel that is not displayed (another layout, another tab of JupyterLab) takes no frames.
  let hiding = 0;
  const checkVisible = () => {
    clearTimeout(hiding);
    const hidden = isHidden();
    if (!hidden && unseen) {
      unseen = false;
      follow();
    } else if (hidden && !unseen) {
      hiding = setTimeout(() => {
        unseen = isHidden();
        if (!unseen) return;
        parts.left?.();
        follow();
      }, UNSEEN_MS);
    }
  };
  const sized = new ResizeObserver(checkVisible);
  sized.observe(panel);
  checkVisible();
  follow();
  return {
    link,
    session,
    follow, // again: what the key depends on beside the model's traits has changed
    end() {
      ended = true;
      steady.stop();
      for (const name of names) model.off(name, follow);
      sized.disconnect();
      clearTimeout(hiding);
      clearTimeout(renewing);
      untheme();
      unlisten();
      unsubscribe?.();
      release();
      // ipywidgets keeps a view that has ended as long as its model: what was drawn in it need not stay.
      panel.remove();
    },
  };
}

/** Set a trait from the page; the kernel hears of it when it has time. */
export function setTrait(model, name, value) {
  if (model.get(name) === value) return;
  model.set(name, value);
  saveChanges(model);
}

/** Show another market: both of its traits at once, so that no listener sees the one without the other. */
export function setMarket(model, { venue, symbol }) {
  model.set({ venue, symbol });
  saveChanges(model);
}
