// One side of the ladder in the document: its rows outward from the middle, each with its price, sizes and depth bar.
import { make, write } from "../page/dom.js";
import { unitsText } from "../page/format.js";
import { partsImage } from "./across_view.js";

const CELLS = ["of-price", "of-size", "of-total", "of-notional"];

export function makeSide(name, label) {
  const element = make("div", `of-side of-${name}s`);
  const list = make("div", "of-rows");
  list.setAttribute("role", "rowgroup");
  list.setAttribute("aria-label", label);
  list.tabIndex = 0; // the arrow keys choose a row
  element.append(list);
  return { element, list, rows: [], name };
}

function addRow(side) {
  const element = make("div", "of-row");
  element.setAttribute("role", "row");
  const bar = make("i", "of-bar");
  const cells = CELLS.map((name, at) => make("span", at === 0 ? `${name} of-${side.name}` : name));
  for (const cell of cells) cell.setAttribute("role", "cell");
  element.append(bar, ...cells);
  side.list.append(element);
  side.rows.push({ element, bar, cells, key: null, size: null });
}

/** Mark a row in which orders of the chosen bot wait, and say which. */
function markOwn({ element, cells }, text) {
  element.classList.toggle("of-own", text !== "");
  cells[0].title = text;
}

/** Draw how much of a row each venue has: as long as its size beside the largest row, divided by venue. */
function showParts(row, sizes, greatest) {
  if (!row.parts) {
    row.parts = make("i", "of-parts");
    row.element.prepend(row.parts);
  }
  const total = sizes.reduce((sum, size) => sum + size, 0);
  const image = total ? partsImage(sizes, total) : "none";
  const scale = (total / greatest).toFixed(4);
  const { style } = row.parts;
  if (row.image !== image) style.backgroundImage = row.image = image;
  if (row.part !== scale) style.transform = `scaleX(${(row.part = scale)})`;
}

/**
 * Draw rows, best first in the document; the asks' column is reversed by the style sheet, so that the best ask stands
 * lowest. `columns` are the frame's prices, sizes and sums of the side, `texts` write sizes, sums and notionals, and
 * `own` says which rows have orders of a bot.
 */
export function paintSide(side, rows, { columns, unit, digits, texts, largest, flash, own: orders }) {
  const [prices, sizes, totals, parts] = columns;
  const greatest = parts ? Math.max(1, ...sizes) : 1;
  // Highlight a change of at least half of a row's average size.
  const notable = Math.max(1, (totals.at(-1) ?? 0) / (2 * prices.length));
  while (side.rows.length < rows.length) addRow(side);
  while (side.rows.length > rows.length) side.rows.pop().element.remove();
  const before = new Map(side.rows.map((row) => [row.key, row.size]));
  rows.forEach(({ key, at, own, known }, index) => {
    const row = side.rows[index];
    const size = own ? sizes[at] : 0;
    const total = at >= 0 && known ? totals[at] : null;
    write(row.cells[0], unitsText(key * unit, digits));
    write(row.cells[1], own ? texts.size(size) : known ? "" : "…");
    write(row.cells[2], total === null ? "" : texts.total(total));
    write(row.cells[3], own ? texts.notional(size * prices[at]) : "");
    const scale = ((total ?? 0) / largest).toFixed(4);
    if (row.scale !== scale) row.bar.style.transform = `scaleX(${(row.scale = scale)})`;
    if (parts || row.parts) showParts(row, parts && own ? parts.map((column) => column[at]) : [], greatest);
    const waiting = orders.get(`${side.name} ${key}`) ?? "";
    if ((row.waiting ?? "") !== waiting) markOwn(row, (row.waiting = waiting));
    if (row.own !== own) row.element.classList.toggle("of-none", !(row.own = own));
    const grown = flash && before.has(key) && Math.abs(size - before.get(key)) >= notable;
    // Two names for one animation: it starts again only when its name changes.
    if (grown) row.element.dataset.flash = row.element.dataset.flash === "1" ? "2" : "1";
    Object.assign(row, { key, size, at: known ? at : -1 });
  });
}
