// The field of a bot's market: what is typed searches the symbols of every venue, as the picker does.
import { make, setClass } from "../page/dom.js";
import { listSymbols, marketAt } from "../page/symbol_list.js";
import { SymbolLists } from "../page/symbol_lists.js";
import { makeTextField } from "./form_field.js";

const SHOWN_SYMBOLS = 8;

/** A field of a market, `{venue, symbol}`. `listed()` says that the symbols are known, `end()` stops following them. */
export function makeSymbolField({ link, market, listed }) {
  let chosen = market;
  let symbols = null;
  let matches = [];
  let marked = 0;
  const titleOf = ({ venue, symbol }) => [symbol, link.venues.labelOf(venue)].filter(Boolean).join(" · ");
  const textOf = ({ venue, symbol }) => [link.venues.labelOf(venue), symbol].filter(Boolean).join(":");
  const rowsOf = (text) => listSymbols(symbols, { search: text, labelOf: (venue) => link.venues.labelOf(venue) });
  /** The market that a text names exactly: the chosen one, or a symbol of the list in any common spelling. */
  const named = (text) => {
    if (chosen && textOf(chosen) === text.trim()) return chosen;
    const plain = text.replace(/^.*?:(?=\w+$)/, "").replace(/:.*$/, "").replace(/[/\s_-]/g, "").toUpperCase();
    const found = symbols ? rowsOf(text).map((row) => marketAt(symbols, row)) : [];
    return found.find(({ symbol }) => symbol.toUpperCase() === plain) ?? null;
  };
  const check = (text) => {
    if (!text.trim()) return { problem: "Choose a symbol." };
    const found = named(text);
    if (found) return { value: found };
    // Without a list the server looks the symbol up.
    if (!symbols) return { value: { venue: "", symbol: text.trim() } };
    return { problem: rowsOf(text).length ? "Choose one from the list." : `No symbol matches “${text.trim()}”.` };
  };
  const value = market ? textOf(market) : "";
  const placeholder = "Search symbols";
  const field = makeTextField({ name: "symbol", label: "Symbol", value, placeholder, check, maxLength: 100 });
  const { control } = field;
  const list = make("div", "of-choices");
  list.id = `${control.id}-list`;
  list.popover = "manual"; // in the top layer: a panel cuts nothing of it
  list.setAttribute("role", "listbox");
  list.setAttribute("aria-label", "Symbols");
  const attributes = { role: "combobox", "aria-autocomplete": "list", "aria-controls": list.id };
  for (const [name, text] of Object.entries(attributes)) control.setAttribute(name, text);
  field.root.append(list);
  const isOpen = () => list.matches(":popover-open");

  const close = () => {
    if (isOpen()) list.hidePopover();
    control.setAttribute("aria-expanded", "false");
    control.removeAttribute("aria-activedescendant");
  };
  const choose = (one) => {
    chosen = one;
    control.value = textOf(one);
    close();
    control.dispatchEvent(new Event("change"));
  };
  const mark = () => {
    [...list.children].forEach((element, at) => {
      element.setAttribute("aria-selected", String(at === marked));
      setClass(element, at === marked ? "of-choice of-marked" : "of-choice");
    });
    if (matches.length) control.setAttribute("aria-activedescendant", `${list.id}-${marked}`);
  };
  const open = () => {
    const isSettled = chosen && textOf(chosen) === control.value.trim();
    const rows = symbols && !isSettled ? rowsOf(control.value).slice(0, SHOWN_SYMBOLS) : [];
    matches = rows.map((row) => marketAt(symbols, row));
    if (!matches.length) {
      close();
      return;
    }
    marked = 0;
    list.replaceChildren(...matches.map((one, at) => {
      const element = make("div", "of-choice", titleOf(one));
      element.id = `${list.id}-${at}`;
      element.setAttribute("role", "option");
      // Before the field loses the focus, which closes the list.
      element.addEventListener("pointerdown", (event) => {
        event.preventDefault();
        choose(one);
      });
      return element;
    }));
    if (!isOpen()) list.showPopover();
    const place = control.getBoundingClientRect();
    list.style.left = `${place.left}px`;
    list.style.top = `${place.bottom + 2}px`;
    list.style.width = `${place.width}px`;
    control.setAttribute("aria-expanded", "true");
    mark();
  };
  control.addEventListener("input", () => {
    chosen = null;
    open();
  });
  control.addEventListener("blur", () => {
    const found = control.value.trim() ? named(control.value) : null;
    if (found) choose(found);
    close();
  });
  control.addEventListener("keydown", (event) => {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step && !isOpen()) open();
    else if (step) {
      marked = (marked + step + matches.length) % matches.length;
      mark();
    } else if (event.key === "Enter" && isOpen()) choose(matches[marked]);
    else if (event.key === "Escape" && isOpen()) close();
    else return;
    event.preventDefault();
    event.stopPropagation();
  });
  control.setAttribute("aria-expanded", "false");
  const lists = new SymbolLists(link, (columns) => {
    const isFirst = symbols === null;
    symbols = columns;
    if (!isFirst) return;
    field.changed();
    listed();
    if (document.activeElement === control && control.value) open();
  });
  lists.followAll();
  return {
    ...field,
    /** Base and quote asset of the chosen market, where the list has it. */
    assets() {
      const { value: one } = field.result();
      if (!one || !symbols) return [];
      const at = symbols[0].findIndex((id, row) => id === one.symbol && marketAt(symbols, row).venue === one.venue);
      return (symbols[1][at] ?? "").split("/");
    },
    end: () => lists.end(),
  };
}
