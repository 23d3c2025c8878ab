// The panels of a dashboard linked to each other in the browser, whatever the kernel does, and what they show kept in
// the page's address and in local storage.
import { saveChanges } from "./kernel.js";
import { makeColumns } from "./page_columns.js";
import { listenKeys } from "./page_keys.js";
import { makeMenu } from "./page_menu.js";
import { Notices, showNotices } from "./page_notices.js";
import {
  answeredView, askMarkets, namedMarkets, openingView, same, untouchedView, withVenues,
} from "./page_opening.js";
import { pageLink } from "./page_link.js";
import { MAX_MARKETS, ViewSettings } from "./page_settings.js";
import { refusals } from "./page_words.js";
import { addressPrefix, fromStore, fromUrl, keep } from "./page_url.js";
import { pictured } from "./picture.js";
import { applyTheme, inLab, onTheme } from "./theme.js";
import { showsAll } from "./venues.js";

const viewOf = (model, settings) =>
  Object.fromEntries(settings.rows.map(({ name, trait }) => [name, model.get(trait)]));

const replaced = (list, at, value) => list.map((one, index) => (index === at ? value : one));

/** Notices and what changes the columns; anywidget gives each model its own copy of this module. */
const notices = new Notices();
const markets = { shown: () => [], view: () => ({}), add() {}, remove() {}, choose() {} };

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

  /** Venues by their names, where there are several. */
  const namedView = () => {
    const { venues } = pageLink();
    const view = shownView();
    return { ...view, venue: view.venue.map((one) => venues.labelOf(one) || one) };
  };
  const marketsShown = () => {
    const { venues } = pageLink();
    return model.get("symbols").map((symbol, at) => ({ venue: venues.idOf(model.get("venues")[at]), symbol }));
  };
  /** Set traits of a model at once: a listener of one of them finds the others as they are meant. */
  const set = (one, values) => {
    const differs = ([name, value]) => value !== undefined && !same(one.get(name), value);
    const changed = Object.entries(values).filter(differs);
    if (!changed.length) return;
    one.set(Object.fromEntries(changed));
    if (!provisional) saveChanges(one);
  };
  /** Bring panels to the state; a panel's own change comes back through its listener and must not be applied twice. */
  const spread = () => {
    spreading = true;
    panels.forEach((panel, index) => {
      const column = columns[index];
      const shown = settings.rows.filter(({ panel: own }) => own && has(panel, own));
      set(panel, Object.fromEntries(shown.map(({ each, panel: own, trait }) => {
        return [own, each ? model.get(trait)[column] : model.get(trait)];
      })));
    });
    spreading = false;
  };
  const showTitle = () => {
    if (provisional || inLab() || addressPrefix(model.get("name")) !== "") return;
    const link = pageLink();
    const { venues, playhead } = link;
    const isAll = (at) => model.get("all_venues_each")[at] && showsAll(link);
    const names = marketsShown().map((one, at) => {
      return [one.symbol, isAll(at) ? "all venues" : venues.labelOf(one.venue)].filter(Boolean).join(" ");
    });
    const title = [playhead.text, names.join(", "), "OrderFox"].filter(Boolean).join(" · ");
    if (document.title !== title) document.title = title;
  };
  const settle = () => {
    spread();
    if (provisional) return;
    keep(model.get("name"), namedView(), settings, given);
    showTitle();
  };
  const change = (values) => {
    spreading = true;
    set(model, values);
    spreading = false;
  };
  /** Another number of columns, or another symbol in one: one message to the kernel, which makes their panels. */
  const changeColumns = (lists) => {
    spreading = true;
    model.set(lists);
    if (!provisional) saveChanges(model);
    spreading = false;
    settle();
  };
  /** Another symbol starts with its own row height, and the like: the old one belongs to other prices. */
  const chooseMarket = (column, { venue = "", symbol }) => {
    if (model.get("symbols")[column] === symbol && model.get("venues")[column] === venue) return;
    const fresh = settings.own.filter(({ each }) => each === "symbol").map((one) => [one.trait, one.default]);
    const values = { symbols: symbol, venues: venue, ...Object.fromEntries(fresh) };
    change(Object.fromEntries(Object.entries(values).map(([trait, value]) => {
      return [trait, replaced(model.get(trait), column, value)];
    })));
  };
  const eachList = (make) =>
    Object.fromEntries(settings.columns.map((setting) => [setting.trait, make(model.get(setting.trait), setting)]));

  markets.shown = marketsShown;
  markets.view = namedView;
  markets.choose = (column, market) => {
    chooseMarket(column, market);
    settle();
  };
  markets.add = (market) => {
    if (model.get("symbols").length >= MAX_MARKETS) return;
    changeColumns(eachList((list, { name, default: fresh }) => [...list, market[name] ?? fresh]));
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
        for (const name of ["symbol", "venue"]) {
          listen(panelListeners, panel, `change:${name}`, () => {
            if (column() === undefined) return; // its column has just been taken away
            chooseMarket(column(), { venue: panel.get("venue"), symbol: panel.get("symbol") });
            settle();
          });
        }
      }
      for (const { each, panel: own, trait } of settings.rows) {
        if (!own || each === "market" || !has(panel, own)) continue;
        listen(panelListeners, panel, `change:${own}`, () => {
          if (each && column() === undefined) return;
          change({ [trait]: each ? replaced(model.get(trait), column(), panel.get(own)) : panel.get(own) });
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

  const { view: linked, refused, whole } = fromUrl(model.get("name"), settings);
  // A shared view is not mixed with this browser's stored settings.
  const remembered = whole ? {} : fromStore(model.get("name"), settings);
  const { link, stored, cell } = withVenues({ settings, link: linked, stored: remembered, cell: shownView(), given });
  const show = (view) => {
    spreading = true;
    for (const { name, trait } of settings.rows) if (view[name] !== undefined) model.set(trait, view[name]);
    if (!provisional) saveChanges(model);
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
  const question = askMarkets(namedMarkets(link, stored, cell));
  question.answer.then((rows) => {
    const shown = shownView();
    // The viewer has chosen another market meanwhile.
    const touched = !same([shown.symbol, shown.venue], [first.symbol, first.venue]);
    const { view, notes } = answeredView({ settings, link, stored, cell, given, rows });
    provisional = false;
    show(touched ? shown : { ...shown, ...untouchedView(view, first, shown) });
    for (const panel of panels) saveChanges(panel);
    if (touched) return;
    for (const { text, suggestions, beside } of notes) {
      // What the page shows instead gives way to what was meant; beside markets that are known it is one more.
      const instead = (market) => (beside ? markets.add(market) : markets.choose(0, market));
      notices.add(text, suggestions.map((market) => ({ label: market.symbol, choose: () => instead(market) })));
    }
  });
  gather(); // not awaited: anywidget gives up a model that is not ready within two seconds

  const untitle = pageLink().listen(showTitle);
  const ends = [question.end, untitle, makeColumns(model), () => panelListeners.forEach((end) => end())];
  // What Python chose: it has brought a row height with another symbol.
  for (const { trait } of settings.rows) listen(ends, model, `change:${trait}`, settle);
  listen(ends, model, "change:panels", gather);
  ends.push(onTheme(() => provisional || keep(model.get("name"), namedView(), settings, given)));
  return () => ends.forEach((end) => end());
}

function render({ model, el }) {
  applyTheme();
  el.classList.add("of-widget");
  const showLayout = () => (el.dataset.layout = model.get("arrangement"));
  const chooseTrait = (name, value) => {
    model.set(name, value);
    saveChanges(model);
  };
  const changed = (listener) => {
    const names = "change:symbols change:venues";
    model.on(names, listener);
    return () => model.off(names, listener);
  };
  const settings = new ViewSettings(model.get("settings"));
  const menu = makeMenu({ model, el, settings, view: () => markets.view(), chooseTrait, markets, changed });
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
