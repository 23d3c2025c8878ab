// The panels of a dashboard linked to each other in the browser, whatever the kernel does, and what they show kept in
// the page's address and in local storage.
import { listenKeys } from "./page_keys.js";
import { makeMenu } from "./page_menu.js";
import { addressPrefix, fromStore, fromUrl, keep } from "./page_url.js";
import { pictured } from "./picture.js";
import { applyTheme, onTheme } from "./theme.js";

// The state's name of what all columns share, and the panels' name of it; and of what each column has of its own.
const SHARED = {
  timeframe: "timeframe", rows: "rows", overlays: "overlays", depth_percent: "percent", whole_market: "whole_market",
  span: "span", show_volume: "show_volume", show_liquidations: "show_liquidations",
  show_liquidation_average: "show_liquidation_average", show_lapses: "show_lapses",
  log_scale: "log_scale", fixed_scale: "fixed_scale",
};
const EACH = { symbols: "symbol", roundings: "rounding", minimum_notionals: "minimum_notional" };

const viewOf = (model) => {
  const view = { layout: model.get("arrangement") };
  for (const [name, own] of Object.entries(EACH)) view[own] = model.get(name);
  for (const name of Object.keys(SHARED)) view[name] = model.get(name);
  return view;
};

const replaced = (list, at, value) => list.map((one, index) => (index === at ? value : one));

async function initialize({ model }) {
  addressPrefix(model.get("name")); // before anything that takes time: the first one of the page is the first that asks
  const ids = model.get("panels").map((id) => id.replace(/^IPY_MODEL_/, ""));
  const panels = await Promise.all(ids.map((id) => model.widget_manager.get_model(id)));
  const columns = model.get("columns");
  const count = model.get("symbols").length;
  const has = (one, name) => one.get(name) !== undefined;
  let spreading = false;
  const given = new Set(model.get("given")); // what the cell asked for by name stands above what was remembered

  const set = (one, name, value) => {
    if (JSON.stringify(one.get(name)) === JSON.stringify(value)) return;
    one.set(name, value);
    one.save_changes();
  };
  /** Bring panels to the state; a panel's own change comes back through its listener and must not be taken twice. */
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
    keep(model.get("name"), viewOf(model), given);
  };
  const change = (name, value) => {
    spreading = true;
    set(model, name, value);
    spreading = false;
  };
  /** Another symbol starts with its own row height: the old one belongs to other prices. */
  const chooseSymbol = (column, symbol) => {
    if (model.get("symbols")[column] === symbol) return;
    change("symbols", replaced(model.get("symbols"), column, symbol));
    change("roundings", replaced(model.get("roundings"), column, "auto"));
  };

  const remembered = fromStore(model.get("name"), count);
  const wanted = Object.fromEntries(Object.entries(remembered).filter(([name]) => !given.has(name)));
  // A remembered row height or filter goes with the remembered symbol only.
  if (given.has("symbol")) for (const name of ["rounding", "minimum_notional"]) delete wanted[name];
  Object.assign(wanted, fromUrl(model.get("name"), count));
  const lists = Object.fromEntries(Object.entries(EACH).map(([name, own]) => [own, name]));
  for (const [name, value] of Object.entries(wanted)) {
    if (name in lists) change(lists[name], model.get(lists[name]).map((one, at) => value[at] ?? one));
    else change(name === "layout" ? "arrangement" : name, value);
  }
  settle();

  const ends = [];
  const listen = (one, event, listener) => {
    const guarded = () => !spreading && listener();
    one.on(event, guarded);
    ends.push(() => one.off(event, guarded));
  };
  panels.forEach((panel, index) => {
    const column = columns[index];
    if (has(panel, "symbol")) {
      listen(panel, "change:symbol", () => {
        chooseSymbol(column, panel.get("symbol"));
        settle();
      });
    }
    for (const name of ["roundings", "minimum_notionals"].filter((one) => has(panel, EACH[one]))) {
      listen(panel, `change:${EACH[name]}`, () => {
        change(name, replaced(model.get(name), column, panel.get(EACH[name])));
        settle();
      });
    }
    for (const [name, own] of Object.entries(SHARED).filter(([, one]) => has(panel, one))) {
      listen(panel, `change:${own}`, () => {
        change(name, panel.get(own));
        settle();
      });
    }
  });
  // What Python chose: it has brought a row height with another symbol.
  for (const name of ["arrangement", ...Object.keys(EACH), ...Object.keys(SHARED)]) {
    listen(model, `change:${name}`, settle);
  }
  ends.push(onTheme(() => keep(model.get("name"), viewOf(model), given)));
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
  const menu = makeMenu({ model, el, view: () => viewOf(model), chooseTrait });
  const endKeys = listenKeys({ el, menu, chooseTrait, layout: () => model.get("arrangement") });
  showLayout();
  model.on("change:arrangement", showLayout);
  return () => {
    model.off("change:arrangement", showLayout);
    endKeys();
    menu.end();
  };
}

export default { initialize, render: pictured(render, ".of-dashboard") };
