// The badge's tooltip: source, state, lag, and the periods of the last hour with unreliable data.
import { make } from "../page/dom.js";
import { clockText, durationText } from "../page/format.js";
import { stateRank, STATES } from "../page/steady_state.js";
import { marketOf } from "../page/venues.js";

const HOUR_MS = 3_600_000;
const SHOWN = 8;
export const WORDS = {
  reconnecting: "reconnecting…", connecting: "connecting…", reload: "reload this page", waiting: "waiting for data…",
  syncing: "synchronising", stale: "no news", gap: "gap", skewed: "clock is off", down: "source is down",
  gone: "not available", refused: "refused by the server", ended: "kernel ended", closed: "market closed",
  lost: "this page had no connection",
};

/** The worst state of a market's frames on this page and the streams that are in it: ["gap", ["book"]]. */
export function worstState(entries, market) {
  let rank = -1;
  let streams = [];
  for (const { request, frame } of entries) {
    if (marketOf(request) !== market || !frame?.quality) continue;
    const own = stateRank(frame.quality.state);
    if (own > rank) [rank, streams] = [own, []];
    if (own === rank) streams.push(request.stream);
  }
  return rank < 0 ? null : [STATES[rank] ?? "down", [...new Set(streams)]];
}

/** What the venue says of a market: `status` why it is not traded, `session` "closed"; both empty else. */
export function marketNote(entries, market) {
  const note = { status: "", session: "" };
  for (const { request, frame } of entries) {
    if (marketOf(request) !== market || !frame?.quality) continue;
    note.status ||= frame.quality.status ?? "";
    note.session ||= frame.quality.session ?? "";
  }
  return note;
}

const UNVERIFIED = { book: "the order book", trades: "trades" };

/** What a venue's messages cannot show about itself, empty if there is nothing to say. */
export function unverifiedNote(origin) {
  const names = (origin?.unverified ?? []).map((channel) => UNVERIFIED[channel] ?? channel);
  return names.length ? `Not verifiable at this venue: ${names.join(" and ")}. A loss there may go unnoticed.` : "";
}

/** Lapses of the last hour out of the server's answer, newest first: what, from, to, reason. */
export function lastLapses(answer, now) {
  const found = [];
  for (const { topic, lapses } of answer?.topics ?? []) {
    const channel = topic.split("/").at(-1);
    for (const { state, start, end, reason, lost } of lapses) {
      if ((end ?? now) >= now - HOUR_MS) found.push({ channel, state, from: start, to: end ?? now, reason, lost });
    }
  }
  return found.sort((one, other) => other.from - one.from);
}

/** Times in which this page itself had no connection. */
export class OwnLapses {
  constructor() {
    this.kept = [];
    this.since = null;
  }

  note(connected, now) {
    if (!connected) this.since ??= now;
    else if (this.since !== null) {
      this.kept.push({ channel: "page", state: "lost", from: this.since, to: now, reason: "" });
      this.kept = this.kept.slice(-50);
      this.since = null;
    }
  }

  /** Lapses of the last hour with the one that lasts. */
  all(now) {
    const open = this.since === null ? [] : [{ channel: "page", state: "lost", from: this.since, to: now, reason: "" }];
    return [...this.kept, ...open].filter(({ to }) => to >= now - HOUR_MS);
  }
}

function line(name, value) {
  const row = make("div", "of-tip-line");
  row.append(make("span", "", name), make("b", "", value));
  return row;
}

/** Fill the tip: `facts` are pairs of name and text, `notes` sentences, `lapses` newest first or null where unknown. */
export function fillQualityTip(tip, { facts, notes, lapses, isPending = false }) {
  const lines = facts.map(([name, value]) => line(name, value));
  for (const note of notes) lines.push(make("p", "", note));
  lines.push(make("h3", "of-title", "Last hour"));
  if (lapses === null && isPending) lines.push(make("p", "", "Asking the server…"));
  else if (lapses === null) lines.push(make("p", "", "Not known: the server does not answer."));
  else if (!lapses.length) lines.push(make("p", "", "No lapse."));
  for (const { channel, state, from, to, reason, lost } of (lapses ?? []).slice(0, SHOWN)) {
    const row = make("div", "of-lapse");
    const missing = lost > 0 ? `, ${lost} events missing` : "";
    row.append(
      make("b", "", `${clockText(from)} ${channel}: ${WORDS[state] ?? state}`),
      make("span", "", `${durationText(to - from)}${missing}${reason ? ` · ${reason}` : ""}`),
    );
    lines.push(row);
  }
  if (lapses?.length > SHOWN) lines.push(make("p", "", `and ${lapses.length - SHOWN} more`));
  tip.replaceChildren(...lines);
}
