// The way into the past and through it: a strip over what is recorded, with a playhead that all widgets follow.
import { make, write } from "../page/dom.js";
import { clockText, dayText, durationText, zoned, zoneOffsetMs } from "../page/format.js";
import { holdLink } from "../page/page_link.js";
import { kernelEnded, makePastBadge, marketShown, writePast } from "../page/panel.js";
import { pictured } from "../page/picture.js";
import { pressRewindKey } from "../page/rewind_keys.js";
import { shownBot } from "../page/shown_bot.js";
import { applyTheme, onTheme, tokens } from "../page/theme.js";
import { fetchFromServer } from "../page/transport.js";
import { marketOf } from "../page/venues.js";
import { makeControls, makeIconButton } from "./rewind_controls.js";
import { StripView } from "./rewind_view.js";
import { askedTime, nearWindow, wholeWindow } from "./rewind_strip.js";

const RENEW_MS = 60_000; // a minute is a row of the strip
const SOON_MS = 5_000; // while nothing is known, or the recording is young
const YOUNG_MS = 600_000;
const TICK_MS = 250;

/** Why the server's recorder has stopped, as it says itself; empty if it has not, or cannot be asked. */
async function recorderProblem(link) {
  if (link.base === null || link.byKernel) return "";
  try {
    const { recording } = await (await fetchFromServer(link.base, "api/v1/health")).json();
    return recording?.state === "stopped" ? `Recording has stopped: ${recording.problem}` : "";
  } catch {
    return "";
  }
}

class RewindPanel {
  constructor({ model, root, link, session }) {
    Object.assign(this, { model, root, link, session, data: null, unknown: "", stopped: "", dragged: null });
    this.healthAt = -Infinity; // when the recorder's state was requested
    this.colours = null;
    const { playhead } = link;
    const enter = () => playhead.enter(this.venue);
    this.enter = makeIconButton("rewind", "Play what was recorded, from ten minutes ago", enter, { text: "Rewind" });
    this.info = make("span", "of-rewind-info");
    this.info.id = `of-rewind-${Math.random().toString(36).slice(2)}`;
    this.info.setAttribute("role", "status");
    this.enter.setAttribute("aria-describedby", this.info.id);
    this.past = makePastBadge();
    this.controls = makeControls(playhead, (text) => this.goTo(text));
    const moves = {
      begin: () => (this.resumes = !playhead.isPast || playhead.playing),
      show: (time) => this.drag(time),
      go: (time) => playhead.enter(this.venue, time, { playing: false }),
      end: (time) => playhead.enter(this.venue, time, { playing: this.resumes }),
    };
    this.whole = new StripView("of-rewind-strip", moves);
    this.near = new StripView("of-rewind-near", moves);
    this.near.element.setAttribute("aria-hidden", "true"); // the same playhead, only larger
    const slider = { role: "slider", tabindex: "0", "aria-label": "Playhead" };
    for (const [name, value] of Object.entries(slider)) this.whole.setAttribute(name, value);
    root.append(this.enter, this.past, this.controls.bar, this.whole.element, this.near.element, this.info);
  }

  get recordedMs() {
    return this.data ? this.data.end - this.data.start : 0;
  }

  get isKnown() {
    return this.recordedMs > 0;
  }

  /** The venue whose recording is shown: that of the playhead in the past. */
  get venue() {
    const { playhead } = this.link;
    const shown = marketShown(this.model, this.link).venue;
    return playhead.isPast && !playhead.covers(shown) ? playhead.venue : shown;
  }

  goTo(text) {
    const { link } = this;
    const near = link.now(this.venue);
    const time = askedTime(text, { near, live: link.liveNow(this.venue), offset: zoneOffsetMs(near) });
    if (time === null) return false;
    link.playhead.enter(this.venue, time);
    return true;
  }

  drag(time) {
    this.dragged = time;
    this.show();
  }

  // ---- what is recorded -----------------------------------------------------------------------------------------

  /** Ask for the strip and the recorder's state; gives when to ask again, in ms. */
  async renew() {
    const { link, model } = this;
    if (link.state !== "open" || document.hidden || this.root.getClientRects().length === 0) return SOON_MS;
    const market = marketShown(model, link);
    if (performance.now() - this.healthAt >= RENEW_MS) {
      this.healthAt = performance.now();
      this.stopped = await recorderProblem(link);
    }
    const { symbol, venue } = market;
    const strip = await link.request("strip", { symbol }, venue).catch((error) => ({ error: error.message }));
    if (marketOf(market) !== marketOf(marketShown(model, link))) return 0;
    this.unknown = strip.error ?? "";
    if (!strip.error) this.data = strip;
    this.redraw();
    this.root.dataset.recorded = this.isKnown ? String(this.recordedMs) : "";
    return this.recordedMs > YOUNG_MS ? RENEW_MS : SOON_MS;
  }

  symbolChanged() {
    this.data = null;
    this.show();
  }

  // ---- on the screen --------------------------------------------------------------------------------------------

  /** Why there is no way into the past now, empty if there is one. */
  get obstacle() {
    const { link, stopped, unknown } = this;
    if (link.state === "closed") return link.detail || "This market is closed.";
    if (link.byKernel && link.state !== "open" && this.session.state === "dead") return kernelEnded();
    if (link.state !== "open") return "no connection";
    if (this.isKnown) return "";
    return stopped || unknown || (this.data ? "Nothing is recorded yet." : "reading what is recorded…");
  }

  words() {
    const { playhead } = this.link;
    const trouble = playhead.problem || this.stopped || this.obstacle;
    if (trouble) return trouble;
    if (!playhead.isPast) return `${durationText(this.recordedMs)} recorded`;
    const { venues } = this.link;
    if (venues.areSeveral && playhead.shared) return `In the past, with one clock: ${venues.names.join(", ")}.`;
    // One venue has a playhead: what stands beside it without a badge is live.
    return venues.areSeveral ? `Only ${venues.labelOf(this.venue)} is in the past: other venues stay live.` : "";
  }

  show() {
    const { root, link, info, enter, data } = this;
    const { playhead } = link;
    const { isPast } = playhead;
    const time = this.dragged ?? playhead.now;
    if (root.dataset.mode !== (isPast ? "past" : "live")) root.dataset.mode = isPast ? "past" : "live";
    writePast(this.past, playhead.text);
    enter.disabled = this.obstacle !== "";
    const words = this.words();
    write(info, words);
    info.title = words;
    const trouble = playhead.problem || this.stopped || (this.unknown && this.obstacle);
    info.classList.toggle("of-warning", Boolean(trouble));
    this.colours ??= { ...tokens(root), small: `10.5px ${getComputedStyle(root).fontFamily}` };
    const live = link.liveNow(this.venue);
    const known = this.isKnown ? { start: data.start, end: data.end } : { start: live, end: live };
    if (isPast) Object.assign(known, { start: playhead.start, end: playhead.end });
    const { fills } = shownBot().everIn({ ...marketShown(this.model, link), venue: this.venue });
    const scene = { data, fills, time, colours: this.colours, enabled: isPast || this.obstacle === "" };
    this.whole.show({ ...scene, window: wholeWindow({ ...known, live }) });
    if (isPast) this.near.show({ ...scene, window: nearWindow(time) });
    this.controls.show(isPast ? `${dayText(zoned(time))} ${clockText(time)}` : "");
    this.describe(known, time, live);
  }

  /** What the slider says to a reader of screens. */
  describe({ start, end }, time, live) {
    const { playhead } = this.link;
    const now = time ?? live;
    const [min, max, value] = [start, Math.max(end, now), now].map(Math.round);
    const values = {
      "aria-valuemin": min, "aria-valuemax": max, "aria-valuenow": value,
      "aria-valuetext": playhead.isPast ? `${clockText(now)}, ${playhead.words}` : "live",
      "aria-disabled": String(!playhead.isPast && this.obstacle !== ""),
    };
    for (const [name, value] of Object.entries(values)) this.whole.setAttribute(name, String(value));
  }

  restyle() {
    this.colours = null;
    this.redraw();
  }

  redraw() {
    this.whole.changed();
    this.near.changed();
    this.show();
  }

  end() {
    this.whole.end();
    this.near.end();
    this.root.remove();
  }
}

async function render({ model, el }) {
  applyTheme();
  el.classList.add("of-widget");
  const root = make("section", "of of-rewind");
  root.setAttribute("aria-label", "Rewind");
  root.dataset.mode = "live";
  root.dataset.lmSuppressShortcuts = "true"; // JupyterLab's shortcuts are not meant here
  el.append(root);
  const { link, session, release } = await holdLink(model);
  const panel = new RewindPanel({ model, root, link, session });
  let timer = 0;
  let run = null;
  const renew = async () => {
    clearTimeout(timer);
    const own = (run = {});
    const wait = await panel.renew();
    if (run === own) timer = setTimeout(renew, wait);
  };
  let seen = "";
  const unlisten = link.listen(({ state }) => {
    panel.show();
    if (seen === state) return;
    seen = state;
    if (state === "open" && !panel.isKnown) renew();
  });
  const symbolChanged = () => {
    panel.symbolChanged();
    renew();
  };
  model.on("change:symbol change:venue", symbolChanged);
  root.addEventListener("keydown", (event) => {
    pressRewindKey(event, link.playhead, () => root.querySelector(".of-rewind-time").focus());
  });
  const untheme = onTheme(() => panel.restyle());
  const unlistenBot = shownBot().listen(() => panel.redraw());
  const sized = new ResizeObserver(() => panel.restyle());
  sized.observe(root);
  const ticks = setInterval(() => document.hidden || panel.show(), TICK_MS);
  return () => {
    run = null;
    clearTimeout(timer);
    clearInterval(ticks);
    sized.disconnect();
    untheme();
    unlistenBot();
    unlisten();
    model.off("change:symbol change:venue", symbolChanged);
    panel.end();
    release();
  };
}

export default { render: pictured(render) };
