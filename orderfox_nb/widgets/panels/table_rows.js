// Tables of panels: a header, and below it as many whole rows as there is room for, in columns that cut no digit.
import { ColumnFit, makeMeasure } from "./column_fit.js";
import { make } from "../page/dom.js";

const PADDING_PX = 24;

/**
 * A scrolling table; `columns` are its titles with their classes. Rows are taken with `row(at)`, the rest dropped;
 * `fit(key, columns)` lays the columns out (see `ColumnFit`), and `onResize()` says that their room has changed.
 */
export function makeTable(label, columns, onResize) {
  const table = make("div", "of-table of-fit");
  table.setAttribute("role", "table");
  table.setAttribute("aria-label", label);
  const head = make("div", "of-columns");
  head.setAttribute("role", "row");
  for (const [title, name] of columns) {
    const cell = make("span", name, title);
    cell.setAttribute("role", "columnheader");
    head.append(cell);
  }
  const box = make("div", "of-rows-box");
  const list = make("div", "of-whole-rows");
  list.setAttribute("role", "rowgroup");
  list.setAttribute("aria-label", label);
  list.tabIndex = 0; // it scrolls: the keyboard must reach it
  box.append(list);
  table.append(head, box);
  const rows = [];
  const add = () => {
    const element = make("div", "of-row");
    element.setAttribute("role", "row");
    const cells = columns.map(([, name]) => make("span", name));
    for (const cell of cells) cell.setAttribute("role", "cell");
    element.append(...cells);
    list.append(element);
    rows.push({ element, cells });
  };
  const fit = new ColumnFit(table, columns.map(([title]) => title), makeMeasure(table));
  let width = 0;
  new ResizeObserver(() => {
    if (width === list.clientWidth) return;
    width = list.clientWidth;
    onResize();
  }).observe(list);
  return {
    table, list, rows,
    fit: (key, wanted) => fit.fit(`${key} ${width}`, width - PADDING_PX, wanted),
    row(at) {
      if (at === rows.length) add();
      return rows[at];
    },
    cut(count) {
      while (rows.length > count) rows.pop().element.remove();
    },
  };
}
