// Choose a symbol: a button that opens a searchable, sortable grid of all of them, favourites first.
import { ColumnFit, makeMeasure } from "./column_fit.js";
import { make, setClass, write } from "../page/dom.js";
import { loosePriceText, percentText, shortText } from "../page/format.js";
import { holdLink } from "../page/page_link.js";
import { ownMarket, setMarket, setTrait } from "../page/panel.js";
import {
  favouriteOf, keepFavourites, listSymbols, marketAt, readFavourites, toggled,
} from "../page/symbol_list.js";
import { SymbolLists } from "../page/symbol_lists.js";
import { pictured } from "../page/picture.js";
import { applyTheme } from "../page/theme.js";
import { marketOf } from "../page/venues.js";
import { makeVenuePicker } from "./venue_picker.js";

const TITLES = [
  ["symbol", "Symbol"], ["last", "Last"], ["change", "24 h"], ["volume", "Volume"], ["funding", "Funding"],
];

const longest = (texts) => texts.reduce((found, text) => (text.length > found.length ? text : found), "");

function makeHead(onSort) {
  const head = make("div", "of-columns");
  head.setAttribute("role", "row");
  const star = make("span", "of-star", "");
  star.setAttribute("role", "columnheader");
  star.setAttribute("aria-label", "Favourite");
  head.append(star);
  const cells = TITLES.map(([name, title]) => {
    const cell = make("span");
    cell.setAttribute("role", "columnheader");
    const button = make("button", "of-sort", title);
    button.type = "button";
    button.addEventListener("click", () => onSort(name));
    cell.append(button);
    head.append(cell);
    return { name, title, cell, button };
  });
  const show = (sort, descending) => {
    for (const { name, title, cell, button } of cells) {
      const chosen = name === sort;
      cell.setAttribute("aria-sort", chosen ? (descending ? "descending" : "ascending") : "none");
      write(button, chosen ? `${title} ${descending ? "↓" : "↑"}` : title);
    }
  };
  return { head, show };
}

async function render({ model, el }) {
  applyTheme();
  el.classList.add("of-widget");
  const root = make("div", "of of-picker");
  const id = `of-picker-${Math.random().toString(36).slice(2)}`;
  const button = make("button", "of-picker-button");
  button.type = "button";
  button.setAttribute("aria-haspopup", "dialog");
  button.setAttribute("aria-expanded", "false");
  const name = make("strong", "of-picker-name");
  const kind = make("span", "of-picker-kind", "Perpetual ▾");
  button.append(name, kind);
  const popup = make("div", "of-picker-popup");
  popup.popover = "auto"; // in the browser's top layer: no container can clip it
  popup.setAttribute("role", "dialog");
  popup.setAttribute("aria-label", "Choose a symbol");
  const search = make("input", "of-search");
  search.type = "search";
  search.placeholder = "Search symbols";
  search.setAttribute("aria-label", "Search symbols");
  search.setAttribute("role", "combobox");
  search.setAttribute("aria-autocomplete", "list");
  search.setAttribute("aria-haspopup", "grid");
  search.setAttribute("aria-expanded", "true");
  search.setAttribute("aria-controls", id);
  const note = make("p", "of-empty");
  note.setAttribute("role", "status");
  const grid = make("div", "of-grid of-fit");
  grid.id = id;
  grid.setAttribute("role", "grid");
  grid.setAttribute("aria-label", "Symbols");
  const list = make("div", "of-list");
  list.setAttribute("role", "rowgroup");
  list.tabIndex = -1;
  const { head, show: showHead } = makeHead((column) => {
    const same = model.get("sort") === column;
    setTrait(model, "descending", same ? !model.get("descending") : column !== "symbol");
    setTrait(model, "sort", column);
  });
  grid.append(head, list);
  popup.append(search, grid, note);
  root.append(button, popup);
  el.append(root);

  const { link, release } = await holdLink(model);
  const names = new Map();
  let symbols = null;
  let marked = 0;
  let matches = [];
  const venuePicker = makeVenuePicker({
    link,
    shown: () => ownMarket(model, link),
    nameOf: (market) => names.get(marketOf(market))?.name ?? market.symbol,
    choose: (market) => setMarket(model, market),
    isAll: () => model.get("all_venues"),
    chooseAll: (all) => setTrait(model, "all_venues", all),
  });
  root.append(venuePicker.select, venuePicker.note);
  const isOpen = () => popup.matches(":popover-open");

  const showName = () => {
    const shown = ownMarket(model, link);
    const known = names.get(marketOf(shown));
    write(name, known?.name ?? shown.symbol);
    root.dataset.all = String(model.get("all_venues") && link.venues.areSeveral);
    write(kind, `${known?.kind === "SPOT" ? "Spot" : "Perpetual"} ▾`);
    venuePicker.show();
  };
  const choose = (market) => {
    setMarket(model, market);
    popup.hidePopover();
    button.focus();
  };
  const toggleFavourite = (market) => {
    setTrait(model, "favourites", toggled(model.get("favourites"), favouriteOf(market)));
  };
  const titleAt = (row) => {
    const label = link.venues.labelOf(marketAt(symbols, row).venue);
    const traditional = symbols[6][row] === "TRADIFI_PERPETUAL" ? "TradFi" : "";
    return [symbols[1][row], traditional, label].filter(Boolean).join(" · ");
  };
  const fit = new ColumnFit(grid, ["", ...TITLES.map(([, title]) => `${title} ↓`)], makeMeasure(grid));
  const fitColumnsOf = (found) => {
    const [, , volumes, changes, fundings, lasts] = symbols;
    const column = (values, text) => longest(found.map((row) => text(values[row])));
    const isFunded = found.some((row) => !link.venues.isAbsent("mark", marketAt(symbols, row).venue));
    fit.fit(`${list.clientWidth} ${isFunded}`, list.clientWidth - 24, [
      { texts: ["000"] },
      { texts: [longest(found.map(titleAt))] },
      { texts: [column(lasts, loosePriceText)] },
      { texts: [column(changes, (one) => percentText(one))] },
      { texts: [column(volumes, (one) => shortText(one))], drop: 1 },
      isFunded ? { texts: [column(fundings, (one) => percentText(one, 4, false))], drop: 2 } : null,
    ]);
  };
  const rows = [];
  const addRow = () => {
    const element = make("div", "of-row");
    element.setAttribute("role", "row");
    element.id = `${id}-${rows.length}`;
    const star = make("button", "of-star");
    star.type = "button";
    const cells = ["of-price", "", "", "of-total", "of-total"].map((className) => make("span", className));
    const starCell = make("span");
    starCell.append(star);
    for (const cell of [starCell, ...cells]) cell.setAttribute("role", "gridcell");
    element.append(starCell, ...cells);
    const row = { element, star, cells, market: null };
    element.addEventListener("click", () => choose(row.market));
    star.addEventListener("click", (event) => {
      event.stopPropagation();
      toggleFavourite(row.market);
    });
    list.append(element);
    rows.push(row);
  };
  const paintRow = (row, from, at) => {
    const [, , volumes, changes, fundings, lasts, kinds] = symbols;
    const { element, star, cells } = row;
    row.market = marketAt(symbols, from);
    const favourite = model.get("favourites").includes(favouriteOf(row.market));
    write(star, favourite ? "★" : "☆");
    star.setAttribute("aria-pressed", String(favourite));
    star.setAttribute("aria-label", `Favourite ${titleAt(from)}`);
    // Tab goes from the search to the star of the marked row only, not through two hundred of them.
    star.tabIndex = at === marked ? 0 : -1;
    const traditional = kinds?.[from] === "TRADIFI_PERPETUAL";
    write(cells[0], titleAt(from));
    cells[0].title = traditional ? "A metal or a stock: its market has sessions" : "";
    write(cells[1], loosePriceText(lasts[from]));
    write(cells[2], percentText(changes[from]));
    setClass(cells[2], changes[from] > 0 ? "of-bid" : changes[from] < 0 ? "of-ask" : "");
    write(cells[3], shortText(volumes[from]));
    write(cells[4], percentText(fundings[from], 4, false));
    setClass(element, at === marked ? "of-row of-marked" : "of-row");
    element.setAttribute("aria-selected", String(marketOf(row.market) === marketOf(ownMarket(model, link))));
  };
  const showList = () => {
    showHead(model.get("sort"), model.get("descending"));
    if (!symbols || !isOpen()) return;
    matches = listSymbols(symbols, {
      search: search.value, sort: model.get("sort"), descending: model.get("descending"),
      favourites: model.get("favourites"), labelOf: (venue) => link.venues.labelOf(venue),
    });
    marked = Math.max(0, Math.min(marked, matches.length - 1));
    while (rows.length < matches.length) addRow();
    while (rows.length > matches.length) rows.pop().element.remove();
    fitColumnsOf(matches);
    matches.forEach((from, at) => paintRow(rows[at], from, at));
    search.setAttribute("aria-activedescendant", matches.length ? rows[marked].element.id : "");
    write(note, matches.length ? "" : `No symbol matches “${search.value}”`);
    note.hidden = matches.length > 0;
  };
  const lists = new SymbolLists(link, (columns, frame) => {
    symbols = columns;
    symbols[0].forEach((_, row) => {
      names.set(marketOf(marketAt(symbols, row)), { name: symbols[1][row], kind: symbols[6][row] });
    });
    root.dataset.symbols = String(symbols[0].length);
    root.dataset.demo = String(Boolean(frame.demo));
    showName();
    showList();
    if (!isOpen()) lists.end();
  });
  /** Follow what the name needs, and what the open popup shows. */
  const follow = () => {
    if (isOpen()) lists.followAll();
    else {
      const { venue } = ownMarket(model, link);
      lists.follow(lists.frames.has(venue) ? [] : [venue]);
    }
  };
  // The browser's own pairing: a press on the button of an open popup is not a press beside it, which closes it first.
  button.popoverTargetElement = popup;
  popup.addEventListener("beforetoggle", ({ newState }) => {
    if (newState !== "open") return;
    // Now, not with the later `toggle`: what is typed in between is kept.
    search.value = "";
    marked = 0;
    const place = button.getBoundingClientRect();
    popup.style.left = `${Math.max(8, Math.min(place.left, innerWidth - 488))}px`;
    popup.style.top = `${place.bottom + 6}px`;
  });
  popup.addEventListener("toggle", ({ newState }) => {
    button.setAttribute("aria-expanded", String(newState === "open"));
    follow();
    if (newState !== "open") return;
    showList();
    search.focus();
  });
  search.addEventListener("input", () => {
    marked = 0;
    showList();
    list.scrollTop = 0;
  });
  const jumps = { ArrowDown: 1, ArrowUp: -1, PageDown: 10, PageUp: -10 };
  search.addEventListener("keydown", (event) => {
    if (event.key === "Enter") {
      event.preventDefault(); // it would press the button that gets the focus
      if (matches.length) choose(marketAt(symbols, matches[marked]));
    }
    if (event.key in jumps) {
      marked += jumps[event.key];
      showList();
      rows[marked]?.element.scrollIntoView({ block: "nearest" });
      event.preventDefault();
    }
  });
  // JupyterLab's and the dashboard's shortcuts are not meant.
  popup.addEventListener("keydown", (event) => event.key !== "Escape" && event.stopPropagation());
  // In a dashboard its own keys open the search; alone, the first picker of the page does.
  const slash = (event) => {
    const { target } = event;
    const writing = target instanceof Element && target.closest("input, select, textarea, [contenteditable=true]");
    if (event.key !== "/" || writing || event.defaultPrevented || root.closest(".of-dashboard")) return;
    if (document.documentElement.dataset.ofHost === "lab" && !root.contains(target)) return;
    event.preventDefault();
    button.click();
  };
  document.addEventListener("keydown", slash);

  const stored = readFavourites();
  const merged = [...new Set([...model.get("favourites"), ...stored])];
  if (merged.length > model.get("favourites").length) setTrait(model, "favourites", merged);
  keepFavourites(merged);
  const favouritesChanged = () => {
    keepFavourites(model.get("favourites"));
    showList();
  };
  const marketChanged = () => {
    showName();
    follow();
  };
  const heard = [
    ["change:symbol", marketChanged], ["change:venue", marketChanged],
    ["change:all_venues", showName], ["change:sort", showList],
    ["change:descending", showList], ["change:favourites", favouritesChanged],
  ];
  for (const [event, handler] of heard) model.on(event, handler);
  // Which venues there are is known once the server has said so.
  const unlisten = link.listen(marketChanged);
  return () => {
    for (const [event, handler] of heard) model.off(event, handler);
    document.removeEventListener("keydown", slash);
    unlisten();
    venuePicker.end();
    lists.end();
    release();
    root.remove();
  };
}

export default { render: pictured(render) };
