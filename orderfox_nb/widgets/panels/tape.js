// Trades as they happen, newest above. Under the pointer the list pauses, so that it can be read.
import { make, setClass, write } from "../page/dom.js";
import { clockText, shortSizes, sizeForms, unitsText } from "../page/format.js";
import { followFrames, makePanel, setTrait } from "../page/panel.js";
import { pictured } from "../page/picture.js";
import { askedOf, venuesMeant } from "../page/venues.js";
import { makeAcross, memberName, writeVenue } from "./across_view.js";
import { makeTable } from "./table_rows.js";

const AVERAGED = 200;
const LARGE_TIMES = 10;
export const GAP = null; // instead of a time: trades are missing here

/**
 * Trades that pass the size filter, newest last: more of them than the venue's last few trades hold. Where a frame does
 * not reach back to the newest one that is known, trades are missing, and GAP stands in their place.
 */
export class Kept {
  constructor() {
    this.held = false;
    this.clear();
  }

  clear() {
    this.rows = []; // [id, ms, price, size, side]
    this.missed = 0; // that came while the list was held
    this.lastId = -1;
    this.mean = 0;
    this.counted = 0;
  }

  /** Pause or resume; returns true if the state changed. */
  hold(held) {
    if (this.held === held) return false;
    this.held = held;
    this.missed = 0;
    return true;
  }

  /**
   * Apply a frame's new trades; keep the newest `limit` of those worth at least `minNotional`: price times size, in the
   * units of the frame. A replay may jump or run faster than frames come: nothing is missing then, and the list begins
   * again.
   */
  apply(columns, minNotional, limit, { replayed = false } = {}) {
    const [ids, times, prices, sizes, sides] = columns;
    if (ids.at(-1) < this.lastId) this.clear(); // the venue restarted, and earlier trades no longer count
    const beyond = this.lastId >= 0 && ids[0] > this.lastId + 1;
    if (beyond && replayed) this.clear();
    let from = ids.length;
    while (from > 0 && ids[from - 1] > this.lastId) from--;
    const hole = from === 0 && this.lastId >= 0 && beyond;
    if (hole && this.rows.length && this.rows.at(-1)[1] !== GAP) this.rows.push([this.lastId, GAP]);
    for (let at = from; at < ids.length; at++) {
      this.counted = Math.min(this.counted + 1, AVERAGED);
      this.mean += (sizes[at] - this.mean) / this.counted;
      if (prices[at] * sizes[at] < minNotional) continue;
      this.rows.push([ids[at], times[at], prices[at], sizes[at], sides[at]]);
      if (this.held) this.missed++;
    }
    if (ids.length) this.lastId = ids.at(-1);
    if (this.rows.length > limit) this.rows.splice(0, this.rows.length - limit);
  }

  /** The size from which a trade stands out where none is set: ten times the mean of the last ones, filtered or not. */
  get large() {
    return this.counted ? this.mean * LARGE_TIMES : Infinity;
  }
}

/**
 * The same for trades of several venues, ordered by time: one may come late, and their numbers say nothing of a loss.
 */
export class KeptAcross extends Kept {
  clear() {
    super.clear();
    this.known = new Set();
  }

  apply(columns, minNotional, limit) {
    const [ids, times, prices, sizes, sides, places] = columns;
    const names = ids.map((id, at) => `${places[at]} ${id}`);
    const fresh = names.map((name) => !this.known.has(name));
    // The frame does not reach back to what is known: the list begins again.
    if (this.known.size && !fresh.includes(false)) this.clear();
    for (let at = 0; at < ids.length; at++) {
      if (!fresh[at]) continue;
      this.counted = Math.min(this.counted + 1, AVERAGED);
      this.mean += (sizes[at] - this.mean) / this.counted;
      if (prices[at] * sizes[at] < minNotional) continue;
      this.rows.push([ids[at], times[at], prices[at], sizes[at], sides[at], places[at]]);
      if (this.held) this.missed++;
    }
    this.known = new Set(names); // a frame has the newest trades: one that has left it does not come again
    this.rows.sort((one, other) => one[1] - other[1]); // those of one time keep their order
    if (this.rows.length > limit) this.rows.splice(0, this.rows.length - limit);
  }
}

const UNITS = { K: 1e3, M: 1e6, B: 1e9 };

/** Parse a typed amount: 2500, 10k, 1.5 M; null if it is not an amount. */
export function amountOf(text) {
  const match = /^(\d{1,15}(?:\.\d{0,12})?|\.\d{1,12})\s*([kmb]?)$/i.exec(text.trim());
  return match ? Number((Number(match[1]) * (UNITS[match[2].toUpperCase()] ?? 1)).toPrecision(15)) : null;
}

/** The shortest exact text of an amount. */
export function amountText(value) {
  for (const [letter, unit] of Object.entries(UNITS).reverse()) {
    const short = Number((value / unit).toPrecision(15));
    if (value >= unit && String(short).length < String(value).length) return `${short}${letter}`;
  }
  return String(value);
}

/** The filter's field: accepts typed text if it is an amount, zero or above. */
function makeFilter(model) {
  const field = make("input", "of-field");
  field.type = "text";
  field.inputMode = "decimal";
  field.placeholder = "min value";
  field.title = "Smallest trade that is shown, by its value in quote currency: 2500, 10K, 1M";
  field.setAttribute("aria-label", "Smallest value of a trade that is shown, in quote currency");
  field.addEventListener("change", () => {
    const value = field.value.trim() ? amountOf(field.value) : 0;
    if (value !== null) setTrait(model, "minimum_notional", value);
    show();
  });
  field.addEventListener("keydown", (event) => event.stopPropagation()); // JupyterLab's shortcuts are not meant
  const show = () => {
    const value = model.get("minimum_notional");
    if (document.activeElement === field && amountOf(field.value) === value) return;
    field.value = value > 0 ? amountText(value) : "";
  };
  return { field, show };
}

const longestName = (members) => members.map((one) => memberName(one, members)).sort((a, b) => b.length - a.length)[0];

async function render({ model, el }) {
  const parts = makePanel(el, "tape", "Trades");
  const rate = make("span", "of-context");
  const paused = make("span", "of-paused");
  const missed = make("span", "of-missed");
  const { field, show: showFilter } = makeFilter(model);
  parts.tools.append(field, paused, rate); // from the right: the last ones are left out where there is no room
  const table = makeTable("Trades, newest first", [
    ["Price", "of-price"], ["Venue", "of-name"], ["Size", "of-size"], ["Time", "of-time"],
  ],
    () => entryOfNow?.frame && !kept.held && draw(entryOfNow.frame));
  const across = makeAcross();
  parts.body.append(across.element, table.table);
  let kept = new Kept();
  let following = null;
  let entryOfNow = null; // without a frame where the playhead has just moved
  let key = "";
  let filter = -1;

  const draw = (frame) => {
    const set = model.get("large_notional") * 10 ** (frame.price_digits + frame.size_digits);
    const isLarge = (price, size) => (set > 0 ? price * size >= set : size >= kept.large);
    const count = Math.min(kept.rows.length, model.get("length"));
    const newest = kept.rows.slice(kept.rows.length - count).filter((row) => row[1] !== GAP);
    const greatest = (column) => newest.reduce((found, row) => Math.max(found, row[column]), 0);
    const sizes = sizeForms(frame.size_digits);
    const chosen = table.fit(frame.symbol, [
      { texts: [unitsText(greatest(2), frame.price_digits)] },
      frame.members ? { texts: [longestName(frame.members)] } : null,
      { texts: [sizes[0](greatest(3)), ...shortSizes(greatest(3), frame.size_digits)] },
      { texts: ["00:00:00"], drop: 1 },
    ]);
    const sizeText = sizes[chosen[2]];
    for (let at = 0; at < count; at++) {
      const [, time, price, size, side, member] = kept.rows[kept.rows.length - 1 - at];
      const { element, cells } = table.row(at);
      if (time === GAP) {
        setClass(element, "of-row of-gap");
        setClass(cells[0], "");
        cells.forEach((cell, column) => write(cell, column === 0 ? "trades missing here" : ""));
        continue;
      }
      write(cells[0], unitsText(price, frame.price_digits));
      setClass(cells[0], side > 0 ? "of-price of-bid" : "of-price of-ask");
      writeVenue(cells[1], member, frame.members);
      write(cells[2], sizeText(size));
      write(cells[3], clockText(time));
      setClass(element, isLarge(price, size) ? `of-row of-large ${side > 0 ? "of-bought" : "of-sold"}` : "of-row");
    }
    table.cut(count);
    parts.panel.dataset.shown = String(kept.rows.at(-1)?.[0] ?? "");
    parts.panel.dataset.rows = String(count);
  };
  const showPause = () => {
    if (!kept.held) paused.replaceChildren();
    else if (!paused.firstChild) paused.append("paused ", missed);
    write(missed, `· ${kept.missed} new`);
    parts.panel.dataset.paused = String(kept.held);
  };
  const paint = (entry, link) => {
    const { playhead } = link;
    const { frame } = entry;
    const minNotional = model.get("minimum_notional") * 10 ** (frame.price_digits + frame.size_digits);
    const { venue = "" } = entry.request;
    const shown = `${entry.key} ${playhead.movesOf(venue)}`;
    across.paint(frame, venuesMeant(model, link));
    if (key !== shown || filter !== minNotional) {
      const next = frame.members ? new KeptAcross() : new Kept();
      next.hold(kept.held);
      kept = next;
      [key, filter] = [shown, minNotional];
    }
    entryOfNow = entry;
    kept.apply(frame.trades, minNotional, model.get("length"), { replayed: playhead.mayJump(venue) });
    write(rate, `${frame.rate < 10 ? frame.rate.toFixed(1) : Math.round(frame.rate)}/s`);
    parts.panel.dataset.last = String(frame.trades[0].at(-1) ?? "");
    parts.panel.dataset.symbol = frame.symbol;
    if (kept.held) showPause();
    else draw(frame);
  };
  const hold = (next) => {
    if (!kept.hold(next)) return;
    showPause();
    if (!kept.held && entryOfNow?.frame) draw(entryOfNow.frame);
  };
  // A finger has no hover: it would stop the list for good.
  table.list.addEventListener("pointerenter", ({ pointerType }) => pointerType !== "touch" && hold(true));
  table.list.addEventListener("pointerleave", () => hold(table.list.matches(":focus-visible")));
  table.list.addEventListener("focus", () => table.list.matches(":focus-visible") && hold(true));
  table.list.addEventListener("blur", () => hold(table.list.matches(":hover")));
  const renew = () => {
    showFilter();
    if (entryOfNow?.frame) paint(entryOfNow, following.link);
  };
  const renewed = ["change:minimum_notional", "change:large_notional"];
  for (const name of renewed) model.on(name, renew);
  parts.symbolChanged = () => {
    entryOfNow = null;
    across.drop();
    table.cut(0);
  };
  showFilter();
  const keyOf = (link) => askedOf(model, link, "trades", { rows: model.get("length") });
  following = await followFrames({ model, parts, traits: ["symbol", "length"], keyOf, paint });
  return () => {
    for (const name of renewed) model.off(name, renew);
    following.end();
  };
}

export default { render: pictured(render) };
