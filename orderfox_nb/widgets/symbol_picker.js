// Choose a symbol: a button that opens a searchable list with 24 h volume, change and last price.
import { make, setClass, write } from "./dom.js";
import { grouped, percentText, shortText } from "./format.js";
import { holdLink } from "./link.js";
import { setTrait } from "./panel.js";
import { applyTheme } from "./theme.js";

const SHOWN = 200; // rows in the document; the search reaches every symbol

/** Rows of the symbols frame that match a search, the ones that begin with it first. */
export function matchSymbols(symbols, search) {
  const wanted = search.trim().toUpperCase().replace(/[/\s-]/g, "");
  const [begin, hold] = [[], []];
  for (let row = 0; row < symbols[0].length; row++) {
    const id = symbols[0][row].toUpperCase();
    if (id.startsWith(wanted)) begin.push(row);
    else if (id.includes(wanted)) hold.push(row);
  }
  return begin.concat(hold).slice(0, SHOWN);
}

/** A price whose digits nobody told: as it came, thousands separated. */
function lastText(price) {
  if (price === null || price === undefined) return "–";
  const text = String(price);
  const [whole, rest] = text.split(".");
  return /e/.test(text) ? text : grouped(whole) + (rest === undefined ? "" : `.${rest}`);
}

async function render({ model, el }) {
  applyTheme();
  el.classList.add("of-widget");
  const root = make("div", "of of-picker");
  const button = make("button", "of-picker-button");
  button.type = "button";
  button.setAttribute("aria-haspopup", "listbox");
  const name = make("strong", "of-picker-name");
  button.append(name, make("span", "of-picker-kind", "Perpetual ▾"));
  const popup = make("div", "of-picker-popup");
  popup.popover = "auto"; // in the browser's top layer: no container can clip it
  const search = make("input", "of-search");
  search.type = "search";
  search.placeholder = "Search symbols";
  search.setAttribute("aria-label", "Search symbols");
  const note = make("p", "of-empty");
  const columns = make("div", "of-columns");
  for (const title of ["Symbol", "Last", "24 h", "Volume"]) columns.append(make("span", "", title));
  const list = make("div", "of-list");
  list.setAttribute("role", "listbox");
  list.setAttribute("aria-label", "Symbols");
  popup.append(search, columns, list, note);
  root.append(button, popup);
  el.append(root);

  const { link, release } = await holdLink(model);
  const names = new Map();
  let symbols = null;
  let unsubscribe = null;
  let marked = 0;
  let matches = [];

  const showName = () => write(name, names.get(model.get("symbol")) ?? model.get("symbol"));
  const choose = (symbol) => {
    setTrait(model, "symbol", symbol);
    popup.hidePopover();
  };
  const rows = [];
  const addRow = () => {
    const element = make("div", "of-row");
    element.setAttribute("role", "option");
    const cells = [make("span", "of-price"), make("span"), make("span"), make("span", "of-total")];
    element.append(...cells);
    const row = { element, cells, symbol: "" };
    element.addEventListener("click", () => choose(row.symbol));
    list.append(element);
    rows.push(row);
  };
  const showList = () => {
    if (!symbols || !popup.matches(":popover-open")) return;
    matches = matchSymbols(symbols, search.value);
    marked = Math.max(0, Math.min(marked, matches.length - 1));
    while (rows.length < matches.length) addRow();
    while (rows.length > matches.length) rows.pop().element.remove();
    matches.forEach((from, at) => {
      const { element, cells } = rows[at];
      const [ids, titles, volumes, changes, , lasts] = symbols;
      rows[at].symbol = ids[from];
      write(cells[0], titles[from]);
      write(cells[1], lastText(lasts[from]));
      write(cells[2], percentText(changes[from]));
      const sign = changes[from] > 0 ? "of-bid" : changes[from] < 0 ? "of-ask" : "";
      setClass(cells[2], sign);
      write(cells[3], shortText(volumes[from]));
      setClass(element, at === marked ? "of-row of-marked" : "of-row");
      element.setAttribute("aria-selected", String(ids[from] === model.get("symbol")));
    });
    write(note, matches.length ? "" : `No symbol matches “${search.value}”`);
    note.hidden = matches.length > 0;
  };
  const view = {
    paint({ frame }) {
      symbols = frame.symbols;
      symbols[0].forEach((id, row) => names.set(id, symbols[1][row]));
      root.dataset.symbols = String(symbols[0].length);
      root.dataset.demo = String(Boolean(frame.demo));
      showName();
      showList();
      if (!popup.matches(":popover-open")) stop();
    },
  };
  const start = () => (unsubscribe ??= link.subscribe({ symbol: "*", stream: "symbols", parameters: {} }, view));
  const stop = () => {
    unsubscribe?.();
    unsubscribe = null;
  };
  button.addEventListener("click", () => {
    const place = button.getBoundingClientRect();
    popup.style.left = `${Math.max(8, Math.min(place.left, innerWidth - 388))}px`;
    popup.style.top = `${place.bottom + 6}px`;
    popup.togglePopover();
  });
  popup.addEventListener("toggle", ({ newState }) => {
    button.setAttribute("aria-expanded", String(newState === "open"));
    if (newState !== "open") return stop();
    search.value = "";
    marked = 0;
    start();
    showList();
    search.focus();
  });
  search.addEventListener("input", () => {
    marked = 0;
    showList();
  });
  search.addEventListener("keydown", (event) => {
    event.stopPropagation(); // JupyterLab's and Voila's shortcuts are not meant
    if (event.key === "Enter" && matches.length) choose(symbols[0][matches[marked]]);
    if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      marked += event.key === "ArrowDown" ? 1 : -1;
      showList();
      rows[marked]?.element.scrollIntoView({ block: "nearest" });
      event.preventDefault();
    }
  });
  model.on("change:symbol", showName);
  showName();
  start(); // once, for the names
  return () => {
    model.off("change:symbol", showName);
    stop();
    release();
  };
}

export default { render };
