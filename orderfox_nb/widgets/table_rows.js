// Tables of panels: a header, and below it as many whole rows as there is room for.
import { make } from "./dom.js";

/** A scrolling table; `columns` are its titles with their classes. Rows are taken with `row(at)`, the rest dropped. */
export function makeTable(label, columns) {
  const table = make("div", "of-table");
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
  return {
    table, list, rows,
    row(at) {
      if (at === rows.length) add();
      return rows[at];
    },
    cut(count) {
      while (rows.length > count) rows.pop().element.remove();
    },
  };
}
