// The dashboard's own controls: layout, theme, palette, zone, copy as code and as a link, the keys; and a notice when
// the kernel behind the page has ended.
import { make, makeSelect, write } from "./dom.js";
import { KEYS, PANEL_KEYS } from "./page_keys.js";
import { holdLink } from "./page_link.js";
import { makeMarkets } from "./page_markets.js";
import { viewCode, viewLink } from "./page_url.js";
import { kernelEnded } from "./panel.js";
import { Steady } from "./steady_state.js";
import { choose, chosen, inLab, onTheme } from "./theme.js";

const WORDS = {
  layout: [["default", "Everything"], ["chart", "Chart"], ["book", "Order book"], ["bots", "Bots"]],
  theme: [["auto", "As the system"], ["dark", "Dark"], ["light", "Light"]],
  palette: [["standard", "Green and red"], ["safe", "Colour-blind safe"]],
  zone: [["local", "Local"], ["utc", "UTC"]],
};

const MIN_SHEET_PX = 260;

function makePopup(title) {
  const popup = make("div", "of of-popup of-sheet");
  popup.popover = "auto"; // in the browser's top layer, closed by Escape and by a click beside it
  popup.setAttribute("role", "dialog");
  popup.setAttribute("aria-label", title);
  popup.append(make("h2", "of-title", title));
  popup.addEventListener("keydown", (event) => event.key !== "Escape" && event.stopPropagation());
  return popup;
}

function makeButton(text, onClick) {
  const button = make("button", "of-button", text);
  button.type = "button";
  button.addEventListener("click", onClick);
  return button;
}

async function copy(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    return false; // not a secure page, or not allowed: the text is there to be marked
  }
}

export function makeMenu({ model, el, settings, view, chooseTrait, markets, changed }) {
  const box = make("div", "of of-menu");
  const kernel = make("span", "of-kernel");
  kernel.setAttribute("role", "status");
  const button = make("button", "of-theme of-menu-button", "⚙");
  button.type = "button";
  button.title = "View";
  button.setAttribute("aria-label", "View: layout, colours, times, code");
  button.setAttribute("aria-haspopup", "dialog");
  const popup = makePopup("View");
  const keys = makePopup("Keys");
  keys.classList.add("of-keys-sheet");
  const groups = make("div", "of-key-groups");
  for (const [title, list] of [["Dashboard", KEYS], ...PANEL_KEYS]) {
    const group = make("section");
    const lines = make("dl", "of-keys");
    for (const [key, meaning] of list) lines.append(make("dt", "", key), make("dd", "", meaning));
    group.append(make("h3", "", title), lines);
    groups.append(group);
  }
  keys.append(groups);
  const code = makePopup("Copy as code");
  const text = make("textarea", "of-code");
  text.readOnly = true;
  text.rows = 4;
  text.setAttribute("aria-label", "The cell that shows this view");
  const copied = make("p", "of-empty");
  copied.setAttribute("role", "status");
  code.append(text, copied);
  const banner = make("div", "of of-dead");
  banner.popover = "manual";
  banner.setAttribute("role", "alert");
  const notice = "The Python session behind this page has ended; prices continue. Reload for a new one.";
  banner.append(make("span", "", notice), makeButton("Reload", () => location.reload()));
  const { button: marketsButton, popup: marketsPopup, end: endMarkets } = makeMarkets({ markets, makePopup, changed });
  box.append(kernel, marketsButton, button, popup, marketsPopup, keys, code, banner);
  el.append(box);

  for (const sheet of [popup, marketsPopup, code]) {
    sheet.addEventListener("beforetoggle", ({ newState }) => {
      if (newState !== "open") return;
      const place = button.getBoundingClientRect();
      // The button may be scrolled away, and a sheet below it must end with the window.
      const top = Math.min(Math.max(8, place.bottom + 6), Math.max(8, innerHeight - MIN_SHEET_PX));
      sheet.style.top = `${top}px`;
      sheet.style.maxHeight = `${innerHeight - top - 8}px`;
      sheet.style.right = `${Math.max(8, document.documentElement.clientWidth - place.right)}px`;
    });
  }
  const show = (sheet) => sheet.matches(":popover-open") || sheet.showPopover();
  const copyText = async (title, content) => {
    popup.hidePopover();
    write(code.firstChild, title);
    text.value = content;
    show(code);
    text.select();
    write(copied, (await copy(content)) ? "Copied." : "Copy the marked text.");
  };
  const selects = {};
  for (const [name, words] of Object.entries(WORDS)) {
    const title = { layout: "Layout", theme: "Theme", palette: "Colours", zone: "Times" }[name];
    const line = make("label", "of-line", title);
    const handle = name === "layout" ? (value) => chooseTrait("arrangement", value) : (value) => choose(name, value);
    selects[name] = makeSelect(title, handle);
    selects[name].classList.add(`of-${name}-select`);
    line.append(selects[name]);
    line.hidden = name === "theme" && inLab(); // JupyterLab's own theme holds there
    selects[name].words = words;
    popup.append(line);
  }
  const showCode = () => copyText("Copy as code", viewCode(view(), settings));
  const showKeys = () => {
    popup.hidePopover();
    show(keys);
  };
  const buttons = make("div", "of-buttons");
  buttons.append(makeButton("Copy as code", showCode));
  if (!inLab()) buttons.append(makeButton("Copy link", () => copyText("Copy link", viewLink())));
  buttons.append(makeButton("Keys", showKeys));
  const { pagesUrl } = document.body.dataset; // of a server whose start page shows all of its notebooks
  if (pagesUrl) {
    const pages = make("a", "of-button of-pages-link", "All pages");
    pages.href = pagesUrl;
    buttons.append(pages);
  }
  popup.append(buttons);
  const showChoices = () => {
    const values = { layout: model.get("arrangement"), ...chosen() };
    for (const [name, select] of Object.entries(selects)) select.show(select.words, values[name]);
  };
  // The browser's own pairing: a press on the button of an open popup is not a press beside it, which closes it first.
  button.popoverTargetElement = popup;
  popup.addEventListener("beforetoggle", ({ newState }) => newState === "open" && showChoices());
  popup.addEventListener("toggle", ({ newState }) => {
    button.setAttribute("aria-expanded", String(newState === "open"));
    if (newState === "open") selects.layout.focus();
  });
  showChoices();
  model.on("change:arrangement", showChoices);
  const untheme = onTheme(showChoices);

  let ended = false;
  let unhold = () => {};
  const steady = new Steady(({ state }) => write(kernel, state), { rank: ({ state }) => (state ? 1 : 0) });
  holdLink(model).then(({ link, session, release }) => {
    const unlisten = link.listen(() => {
      const dead = session.state === "dead";
      box.dataset.kernel = session.state;
      if (banner.isConnected) banner[dead && !inLab() ? "showPopover" : "hidePopover"]();
      steady.set({ state: session.state === "busy" ? "kernel busy" : dead && inLab() ? kernelEnded() : "" });
    });
    unhold = () => {
      unlisten();
      release();
    };
    if (ended) unhold();
  });
  return {
    showCode,
    showKeys,
    nextLayout() {
      const { choices } = settings.get("layout");
      chooseTrait("arrangement", choices[(choices.indexOf(model.get("arrangement")) + 1) % choices.length]);
    },
    toggleZone: () => choose("zone", chosen().zone === "utc" ? "local" : "utc"),
    end() {
      ended = true;
      steady.stop();
      endMarkets();
      untheme();
      model.off("change:arrangement", showChoices);
      unhold();
      box.remove();
    },
  };
}
