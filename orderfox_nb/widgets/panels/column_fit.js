// Columns as wide as their numbers. A number is never cut: where there is no room a column is left out, sizes are
// abbreviated, and at last the text is made smaller, by one rule for all tables.
import { make } from "../page/dom.js";

const MIN_SCALE = 0.7;
const COLUMN_GAP = 10;
const TITLE_SCALE = 0.94;
const USUAL = "0.,:+-−–%$·()/ ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz↓"; // in tables of numbers

/** Gives `measure(text)`, the width of a text in a table of the host; digits are all of one width there. */
export function makeMeasure(host) {
  const probe = make("span", "of-probe");
  probe.setAttribute("aria-hidden", "true");
  host.append(probe);
  const widths = new Map();
  /** Measure letters together: each question about a size makes the browser lay out what has changed since the last. */
  const measureLetters = (letters) => {
    const places = letters.map((letter) => make("span", "", letter.repeat(20)));
    probe.replaceChildren(...places);
    const found = places.map((place) => place.getBoundingClientRect().width / 20);
    probe.replaceChildren();
    letters.forEach((letter, at) => found[at] > 0 && widths.set(letter, found[at]));
  };
  const widthOf = (letter) => {
    const one = letter >= "0" && letter <= "9" ? "0" : letter;
    if (!widths.has(one)) measureLetters(widths.size ? [one] : [...new Set([...USUAL, one])]);
    return widths.get(one) ?? 8; // not displayed now: nothing can be measured
  };
  return (text) => [...text].reduce((sum, letter) => sum + widthOf(letter), 0);
}

/**
 * Choose how columns are written. Each is null if it is not shown, or `{forms, drop}`: the widths of its longest
 * text in each of its forms, the full one first, and how soon it is left out (2 before anything is abbreviated, 1 after
 * that, 0 never). Gives the form of each, -1 for one that is left out, their widths, and the scale of the text.
 */
export function fitColumns(room, columns) {
  const chosen = columns.map((column) => (column ? 0 : -1));
  const widthOf = (at) => (chosen[at] < 0 ? 0 : columns[at].forms[chosen[at]]);
  const need = () => {
    const shown = chosen.filter((form) => form >= 0).length;
    return columns.reduce((sum, _, at) => sum + widthOf(at), 0) + COLUMN_GAP * Math.max(0, shown - 1);
  };
  const dropOne = (priority) => {
    const at = columns.findLastIndex((column, index) => column?.drop === priority && chosen[index] >= 0);
    if (at >= 0) chosen[at] = -1;
    return at >= 0;
  };
  const shorten = () => {
    const saved = columns.map((column, at) => {
      const form = chosen[at];
      return form < 0 ? 0 : column.forms[form] - (column.forms[form + 1] ?? Infinity);
    });
    const at = saved.lastIndexOf(Math.max(...saved)); // of two alike the later one, which says less
    if (!(saved[at] > 0)) return false;
    chosen[at]++;
    return true;
  };
  while (need() > room) if (!dropOne(2) && !shorten() && !dropOne(1)) break;
  const scale = Math.max(MIN_SCALE, Math.min(1, room / need()));
  return { chosen, widths: columns.map((_, at) => widthOf(at)), scale };
}

/** Keeps the columns of one table: they grow with their numbers, and shrink again for another `key` or another room. */
export class ColumnFit {
  /** `titles` stand above the columns in smaller letters. */
  constructor(table, titles, measure) {
    Object.assign(this, { table, titles, measure, key: "", seen: [], style: "" });
  }

  /**
   * `columns` are `{texts, drop}`, the longest text in each form, or null for a hidden one; returns the form of
   * each, -1 for one left out.
   */
  fit(key, room, columns) {
    if (this.key !== key) [this.key, this.seen] = [key, columns.map(() => [])];
    const wanted = columns.map((column, at) => {
      if (!column) return null;
      const { texts, drop = 0 } = column;
      const title = this.measure(this.titles[at]) * TITLE_SCALE;
      const widths = texts.map((text, form) => Math.max(title, this.measure(text), this.seen[at][form] ?? 0));
      this.seen[at] = widths;
      return { forms: widths, drop };
    });
    const { chosen, widths, scale } = fitColumns(room, wanted);
    const tracks = chosen.flatMap((form, at) => (form < 0 ? [] : [`minmax(${Math.ceil(widths[at] * scale)}px, 1fr)`]));
    const style = `${tracks.join(" ")}|${scale.toFixed(3)}|${chosen.map((form) => (form < 0 ? 1 : 0)).join("")}`;
    if (style !== this.style) {
      this.style = style;
      this.table.style.setProperty("--of-tracks", tracks.join(" "));
      this.table.style.setProperty("--of-text-scale", scale.toFixed(3));
      this.table.dataset.without = chosen.flatMap((form, at) => (form < 0 ? [at] : [])).join(" ");
    }
    return chosen;
  }
}

/** The first of some texts that has room, the last one where none has. */
export function fittingText(room, texts, measure) {
  return texts.find((text) => measure(text) <= room) ?? texts.at(-1);
}
