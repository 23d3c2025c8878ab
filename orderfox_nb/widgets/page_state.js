// The panels of a dashboard linked to each other in the browser, whatever the kernel does, and what they show kept in
// the page's address and in local storage.
import { makeColumns } from "./page_columns.js";
import { listenKeys } from "./page_keys.js";
import { MAX_MARKETS } from "./page_forms.js";
import { makeMenu } from "./page_menu.js";
import { Notices, showNotices } from "./page_notices.js";
import { answeredView, askSymbols, namedSymbols, openingView } from "./page_opening.js";
import { refusals } from "./page_words.js";
import { addressPrefix, fromStore, fromUrl, keep } from "./page_url.js";
import { pictured } from "./picture.js";
import { applyTheme, inLab, onTheme } from "./theme.js";

// The state's name of what all columns share, and the panels' name of it; and of what each column has of its own.
const SHARED = {
  timeframe: "timeframe", rows: "rows", overlays: "overlays", depth_percent: "percent", whole_market: "whole_market",
  span: "span", show_volume: "show_volume", show_liquidations: "show_liquidations",
  show_liquidation_average: "show_liquidation_average", show_lapses: "show_lapses",
  log_scale: "log_scale", fixed_scale: "fixed_scale",
};
const EACH = { symbols: "symbol", roundings: "rounding", minimum_notionals: "minimum_notional" };
const FRESH = { roundings: "auto", minimum_notionals: 0 };

const viewOf = (model) => {
  const view = { layout: model.get("arrangement") };
  for (const [name, own] of Object.entries(EACH)) view[own] = model.get(name);
  for (const name of Object.keys(SHARED)) view[name] = model.get(name);
  return view;
};

const replaced = (list, at, value) => list.map((one, index) => (index === at ? value : one));
const same = (one, other) => JSON.stringify(one) === JSON.stringify(other);

/** Notices and what changes the columns; anywidget gives each model its own copy of this module. */
const notices = new Notices();
const markets = { symbols: () => [], add() {}, remove() {}, choose() {} };

function initialize({ model }) {
  addressPrefix(model.get("name")); // before anything that takes time: the first one of the page is the first that asks
  let panels = [];
  let columns = [];
  const has = (one, name) => one.get(name) !== undefined;
  let spreading = false;
  let provisional = false; // the server has not said yet which symbols are meant
  const given = new Set(model.get("given")); // what the cell asked for by name stands above what was remembered

  const set = (one, name, value) => {
    if (value === undefined || same(one.get(name), value)) return;
    one.set(name, value);
    if (!provisional) one.save_changes();
  };
  /** Bring panels to the state; a panel's own change comes back through its listener and must not be applied twice. */
  const spread = () => {
    spreading = true;
    panels.forEach((panel, index) => {
      const column = columns[index];
      for (const [name, own] of Object.entries(SHARED)) if (has(panel, own)) set(panel, own, model.get(name));
      for (const [name, own] of Object.entries(EACH)) if (has(panel, own)) set(panel, own, model.get(name)[column]);
    });
    spreading = false;
  };
  const settle = () => {
    spread();
    if (provisional) return;
    keep(model.get("name"), viewOf(model), given);
    if (!inLab() && addressPrefix(model.get("name")) === "") {
      document.title = `${model.get("symbols").join(", ")} · OrderFox`;
    }
  };
  const change = (name, value) => {
    spreading = true;
    set(model, name, value);
    spreading = false;
  };
  /** Another number of columns, or another symbol in one: one message to the kernel, which makes their panels. */
  const changeColumns = (lists) => {
    spreading = true;
    for (const [name, list] of Object.entries(lists)) model.set(name, list);
    if (!provisional) model.save_changes();
    spreading = false;
    settle();
  };
  /** Another symbol starts with its own row height: the old one belongs to other prices. */
  const chooseSymbol = (column, symbol) => {
    if (model.get("symbols")[column] === symbol) return;
    change("symbols", replaced(model.get("symbols"), column, symbol));
    change("roundings", replaced(model.get("roundings"), column, "auto"));
  };
  const lists = () => Object.fromEntries(Object.keys(EACH).map((name) => [name, model.get(name)]));

  markets.symbols = () => model.get("symbols");
  markets.choose = (column, symbol) => {
    chooseSymbol(column, symbol);
    settle();
  };
  markets.add = (symbol) => {
    if (model.get("symbols").length >= MAX_MARKETS) return;
    const added = { symbols: symbol, ...FRESH };
    changeColumns(Object.fromEntries(Object.entries(lists()).map(([name, list]) => [name, [...list, added[name]]])));
  };
  markets.remove = (column) => {
    if (model.get("symbols").length < 2) return;
    // Its panels go at once, and the others keep what they show while the kernel puts them in order.
    panels = panels.filter((_, at) => columns[at] !== column);
    columns = columns.filter((one) => one !== column).map((one) => (one > column ? one - 1 : one));
    const without = (list) => list.filter((_, at) => at !== column);
    changeColumns(Object.fromEntries(Object.entries(lists()).map(([name, list]) => [name, without(list)])));
  };

  // ---- panels ---------------------------------------------------------------------------------------------------

  let deaf = [];
  const listen = (ends, one, event, listener) => {
    const guarded = () => !spreading && listener();
    one.on(event, guarded);
    ends.push(() => one.off(event, guarded));
  };
  const listenToPanels = () => {
    for (const end of deaf) end();
    deaf = [];
    for (const panel of panels) {
      const column = () => columns[panels.indexOf(panel)];
      if (has(panel, "symbol")) {
        listen(deaf, panel, "change:symbol", () => {
          if (column() === undefined) return; // its column has just been taken away
          chooseSymbol(column(), panel.get("symbol"));
          settle();
        });
      }
      for (const name of ["roundings", "minimum_notionals"].filter((one) => has(panel, EACH[one]))) {
        listen(deaf, panel, `change:${EACH[name]}`, () => {
          if (column() === undefined) return;
          change(name, replaced(model.get(name), column(), panel.get(EACH[name])));
          settle();
        });
      }
      for (const [name, own] of Object.entries(SHARED).filter(([, one]) => has(panel, one))) {
        listen(deaf, panel, `change:${own}`, () => {
          change(name, panel.get(own));
          settle();
        });
      }
    }
  };
  let gathering = null;
  const gather = async () => {
    const run = (gathering = {});
    const ids = model.get("panels").map((id) => id.replace(/^IPY_MODEL_/, ""));
    const found = await Promise.all(ids.map((id) => model.widget_manager.get_model(id)));
    if (gathering !== run) return; // the kernel has made others meanwhile
    [panels, columns] = [found, model.get("columns")];
    listenToPanels();
    settle();
  };

  // ---- what it opens with ---------------------------------------------------------------------------------------

  const cell = viewOf(model);
  const { view: link, refused, whole } = fromUrl(model.get("name"));
  const stored = whole ? {} : fromStore(model.get("name")); // somebody else's view is not mixed with one's own habits
  const show = (view) => {
    spreading = true;
    for (const [name, own] of Object.entries(EACH)) model.set(name, view[own]);
    for (const [name, value] of Object.entries(view)) {
      if (name === "layout") model.set("arrangement", value);
      else if (name in SHARED) model.set(name, value);
    }
    if (!provisional) model.save_changes();
    spreading = false;
    settle();
  };
  provisional = true;
  const first = openingView({ link, stored, cell, given });
  show(first);
  for (const { text, choices } of refusals(refused, (name) => String(viewOf(model)[name]))) {
    const choose = (value) => show({ ...viewOf(model), ...value });
    notices.add(text, choices.map(({ label, value }) => ({ label, choose: () => choose(value) })));
  }
  const asking = askSymbols(namedSymbols(link, stored, cell));
  asking.answer.then((rows) => {
    const shown = viewOf(model);
    const touched = !same(shown.symbol, first.symbol); // somebody has chosen another one meanwhile
    const { view, told } = answeredView({ link, stored, cell, given, rows });
    provisional = false;
    show(touched ? shown : { ...shown, ...view });
    for (const panel of panels) panel.save_changes();
    if (touched) return;
    for (const { text, suggestions, beside } of told) {
      // What the page shows instead gives way to what was meant; beside markets that are known it is one more.
      const instead = (symbol) => (beside ? markets.add(symbol) : markets.choose(0, symbol));
      notices.add(text, suggestions.map((symbol) => ({ label: symbol, choose: () => instead(symbol) })));
    }
  });
  gather(); // not awaited: anywidget gives up a model that is not ready within two seconds

  const ends = [asking.end, makeColumns(model), () => deaf.forEach((end) => end())];
  // What Python chose: it has brought a row height with another symbol.
  for (const name of ["arrangement", ...Object.keys(EACH), ...Object.keys(SHARED)]) {
    listen(ends, model, `change:${name}`, settle);
  }
  listen(ends, model, "change:panels", gather);
  ends.push(onTheme(() => provisional || keep(model.get("name"), viewOf(model), given)));
  return () => ends.forEach((end) => end());
}

function render({ model, el }) {
  applyTheme();
  el.classList.add("of-widget");
  const showLayout = () => (el.dataset.layout = model.get("arrangement"));
  const chooseTrait = (name, value) => {
    model.set(name, value);
    model.save_changes();
  };
  const changed = (listener) => {
    model.on("change:symbols", listener);
    return () => model.off("change:symbols", listener);
  };
  const menu = makeMenu({ model, el, view: () => viewOf(model), chooseTrait, markets, changed });
  const endKeys = listenKeys({ el, menu, chooseTrait, layout: () => model.get("arrangement") });
  const endNotices = showNotices(notices, el);
  showLayout();
  model.on("change:arrangement", showLayout);
  return () => {
    model.off("change:arrangement", showLayout);
    endKeys();
    endNotices();
    menu.end();
  };
}

export default { initialize, render: pictured(render, ".of-dashboard") };
