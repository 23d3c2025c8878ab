// The panels of a dashboard linked to each other in the browser, whatever the kernel does, and what they show kept in
// the page's address and in local storage.
import { makeColumns } from "./page_columns.js";
import { listenKeys } from "./page_keys.js";
import { makeMenu } from "./page_menu.js";
import { Notices, showNotices } from "./page_notices.js";
import { answeredView, askSymbols, namedSymbols, openingView, same, untouchedView } from "./page_opening.js";
import { MAX_MARKETS, ViewSettings } from "./page_settings.js";
import { pageLink } from "./page_link.js";
import { refusals } from "./page_words.js";
import { addressPrefix, fromStore, fromUrl, keep } from "./page_url.js";
import { pictured } from "./picture.js";
import { applyTheme, inLab, onTheme } from "./theme.js";

const viewOf = (model, settings) =>
  Object.fromEntries(settings.rows.map(({ name, trait }) => [name, model.get(trait)]));

const replaced = (list, at, value) => list.map((one, index) => (index === at ? value : one));

/** Notices and what changes the columns; anywidget gives each model its own copy of this module. */
const notices = new Notices();
const markets = { symbols: () => [], add() {}, remove() {}, choose() {} };

function initialize({ model }) {
  addressPrefix(model.get("name")); // before anything that takes time: the first one of the page is the first that asks
  const settings = new ViewSettings(model.get("settings"));
  const shownView = () => viewOf(model, settings);
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
      for (const { each, panel: own, trait } of settings.rows) {
        if (own && has(panel, own)) set(panel, own, each ? model.get(trait)[column] : model.get(trait));
      }
    });
    spreading = false;
  };
  const showTitle = () => {
    if (provisional || inLab() || addressPrefix(model.get("name")) !== "") return;
    const title = [pageLink().playhead.text, model.get("symbols").join(", "), "OrderFox"].filter(Boolean).join(" · ");
    if (document.title !== title) document.title = title;
  };
  const settle = () => {
    spread();
    if (provisional) return;
    keep(model.get("name"), shownView(), settings, given);
    showTitle();
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
  /** Another symbol starts with its own row height, and the like: the old one belongs to other prices. */
  const chooseSymbol = (column, symbol) => {
    if (model.get("symbols")[column] === symbol) return;
    change("symbols", replaced(model.get("symbols"), column, symbol));
    for (const { trait, default: fresh } of settings.own.filter(({ each }) => each === "symbol")) {
      change(trait, replaced(model.get(trait), column, fresh));
    }
  };
  const eachList = (make) =>
    Object.fromEntries(settings.columns.map((setting) => [setting.trait, make(model.get(setting.trait), setting)]));

  markets.symbols = () => model.get("symbols");
  markets.choose = (column, symbol) => {
    chooseSymbol(column, symbol);
    settle();
  };
  markets.add = (symbol) => {
    if (model.get("symbols").length >= MAX_MARKETS) return;
    changeColumns(eachList((list, { name, default: fresh }) => [...list, name === "symbol" ? symbol : fresh]));
  };
  markets.remove = (column) => {
    if (model.get("symbols").length < 2) return;
    // Its panels go at once, and the others keep what they show while the kernel puts them in order.
    panels = panels.filter((_, at) => columns[at] !== column);
    columns = columns.filter((one) => one !== column).map((one) => (one > column ? one - 1 : one));
    changeColumns(eachList((list) => list.filter((_, at) => at !== column)));
  };

  // ---- panels ---------------------------------------------------------------------------------------------------

  let panelListeners = [];
  const listen = (ends, one, event, listener) => {
    const guarded = () => !spreading && listener();
    one.on(event, guarded);
    ends.push(() => one.off(event, guarded));
  };
  const listenToPanels = () => {
    for (const end of panelListeners) end();
    panelListeners = [];
    for (const panel of panels) {
      const column = () => columns[panels.indexOf(panel)];
      if (has(panel, "symbol")) {
        listen(panelListeners, panel, "change:symbol", () => {
          if (column() === undefined) return; // its column has just been taken away
          chooseSymbol(column(), panel.get("symbol"));
          settle();
        });
      }
      for (const { each, panel: own, trait } of settings.rows) {
        if (!own || own === "symbol" || !has(panel, own)) continue;
        listen(panelListeners, panel, `change:${own}`, () => {
          if (each && column() === undefined) return;
          change(trait, each ? replaced(model.get(trait), column(), panel.get(own)) : panel.get(own));
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

  const cell = shownView();
  const { view: link, refused, whole } = fromUrl(model.get("name"), settings);
  // A shared view is not mixed with this browser's stored settings.
  const stored = whole ? {} : fromStore(model.get("name"), settings);
  const show = (view) => {
    spreading = true;
    for (const { name, trait } of settings.rows) if (view[name] !== undefined) model.set(trait, view[name]);
    if (!provisional) model.save_changes();
    spreading = false;
    settle();
  };
  provisional = true;
  const first = openingView({ settings, link, stored, cell, given });
  show(first);
  for (const { text, choices } of refusals(refused, (name) => String(shownView()[name]))) {
    const choose = (value) => show({ ...shownView(), ...value });
    notices.add(text, choices.map(({ label, value }) => ({ label, choose: () => choose(value) })));
  }
  const question = askSymbols(namedSymbols(link, stored, cell));
  question.answer.then((rows) => {
    const shown = shownView();
    const touched = !same(shown.symbol, first.symbol); // the viewer has chosen another one meanwhile
    const { view, notes } = answeredView({ settings, link, stored, cell, given, rows });
    provisional = false;
    show(touched ? shown : { ...shown, ...untouchedView(view, first, shown) });
    for (const panel of panels) panel.save_changes();
    if (touched) return;
    for (const { text, suggestions, beside } of notes) {
      // What the page shows instead gives way to what was meant; beside markets that are known it is one more.
      const instead = (symbol) => (beside ? markets.add(symbol) : markets.choose(0, symbol));
      notices.add(text, suggestions.map((symbol) => ({ label: symbol, choose: () => instead(symbol) })));
    }
  });
  gather(); // not awaited: anywidget gives up a model that is not ready within two seconds

  const untitle = pageLink().listen(showTitle);
  const ends = [question.end, untitle, makeColumns(model), () => panelListeners.forEach((end) => end())];
  // What Python chose: it has brought a row height with another symbol.
  for (const { trait } of settings.rows) listen(ends, model, `change:${trait}`, settle);
  listen(ends, model, "change:panels", gather);
  ends.push(onTheme(() => provisional || keep(model.get("name"), shownView(), settings, given)));
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
  const settings = new ViewSettings(model.get("settings"));
  const menu = makeMenu({ model, el, settings, view: () => viewOf(model, settings), chooseTrait, markets, changed });
  const endKeys = listenKeys({ el, menu, chooseTrait, playhead: pageLink().playhead });
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
