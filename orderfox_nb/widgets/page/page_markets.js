// Which markets stand side by side: a popup that adds one and takes one away.
import { make, write } from "./dom.js";
import { pageLink } from "./page_link.js";
import { MAX_MARKETS } from "./page_settings.js";
import { listSymbols, marketAt } from "./symbol_list.js";
import { SymbolLists } from "./symbol_lists.js";
import { marketOf } from "./venues.js";

const SHOWN_MATCHES = 8;

/**
 * The button and the popup. `markets` has `shown()`, `add(market)` and `remove(column)`; `makePopup(title)` makes a
 * sheet of the menu, `changed(listener)` calls back when the markets changed and returns a function that ends it.
 */
export function makeMarkets({ markets, makePopup, changed }) {
  const button = make("button", "of-theme of-markets-button", "+");
  button.type = "button";
  button.title = "Markets side by side";
  button.setAttribute("aria-label", "Markets side by side: add or remove");
  button.setAttribute("aria-haspopup", "dialog");
  const popup = makePopup("Markets side by side");
  popup.classList.add("of-markets");
  const shown = make("div", "of-markets-shown");
  const search = make("input", "of-search");
  search.type = "search";
  search.placeholder = "Add a market";
  search.setAttribute("aria-label", "Add a market");
  const found = make("div", "of-markets-found");
  const note = make("p", "of-empty");
  note.setAttribute("role", "status");
  popup.append(shown, search, found, note);
  let symbols = null;
  let lists = null;
  let listed = "";

  const makeButton = (className, text, label, onClick) => {
    const element = make("button", className, text);
    element.type = "button";
    element.setAttribute("aria-label", label);
    element.addEventListener("click", onClick);
    return element;
  };
  const add = (market) => {
    popup.hidePopover();
    markets.add(market);
  };
  const labelOf = (venue) => pageLink().venues.labelOf(venue);
  const named = (name, venue) => [name, labelOf(venue)].filter(Boolean).join(" · ");
  const matches = () => {
    const present = new Set(markets.shown().map(marketOf));
    if (!symbols) return [];
    const found = listSymbols(symbols, { search: search.value, labelOf });
    return found.filter((row) => !present.has(marketOf(marketAt(symbols, row))));
  };
  const show = () => {
    if (!popup.matches(":popover-open")) return;
    const present = markets.shown();
    const full = present.length >= MAX_MARKETS;
    const rows = full ? [] : matches().slice(0, SHOWN_MATCHES);
    // The list comes again with every price: a button that has the focus stays where it is.
    const wanted = JSON.stringify([present, rows.map((row) => marketAt(symbols, row)), symbols === null]);
    if (wanted === listed) return;
    listed = wanted;
    shown.replaceChildren(...present.map(({ venue, symbol }, column) => {
      const name = named(symbol, venue);
      const line = make("div", "of-line");
      line.append(make("span", "of-market-name", name));
      if (present.length > 1) {
        const remove = () => {
          search.focus(); // the button that had the focus goes
          markets.remove(column);
        };
        line.append(makeButton("of-market-remove", "×", `Remove ${name}`, remove));
      }
      return line;
    }));
    found.replaceChildren(...rows.map((row) => {
      const market = marketAt(symbols, row);
      const title = named(symbols[1][row], market.venue);
      return makeButton("of-button", title, `Add ${title}`, () => add(market));
    }));
    search.disabled = full;
    const none = symbols && !rows.length ? `No further symbol matches “${search.value}”` : "";
    write(note, full ? `At most ${MAX_MARKETS} markets fit side by side.` : none);
    note.hidden = !note.textContent;
  };
  search.addEventListener("input", show);
  search.addEventListener("keydown", (event) => {
    if (event.key !== "Enter") return;
    event.preventDefault();
    const [first] = matches();
    if (first !== undefined) add(marketAt(symbols, first));
  });
  button.popoverTargetElement = popup;
  popup.addEventListener("beforetoggle", ({ newState }) => {
    // Not with the later `toggle`: what is typed in between is kept.
    if (newState === "open") search.value = listed = "";
  });
  popup.addEventListener("toggle", ({ newState }) => {
    button.setAttribute("aria-expanded", String(newState === "open"));
    lists?.end();
    lists = null;
    if (newState !== "open") return;
    lists = new SymbolLists(pageLink(), (columns) => {
      symbols = columns;
      show();
    });
    lists.followAll();
    show();
    search.focus();
  });
  button.setAttribute("aria-expanded", "false");
  const unlisten = changed(show);
  return {
    button,
    popup,
    end() {
      unlisten();
      lists?.end();
    },
  };
}
