// Pages of which one is shown: tabs that the arrow keys choose too.
import { make, write } from "../page/dom.js";

/** `pages` are `{name, title, root}`; `opened(name)` is called for the one that is shown. */
export function makeTabs(label, pages, opened) {
  const bar = make("div", "of-tabs");
  bar.setAttribute("role", "tablist");
  bar.setAttribute("aria-label", label);
  const body = make("div", "of-tab-body");
  const id = `of-tabs-${Math.random().toString(36).slice(2)}`;
  const tabs = new Map();
  let shown = "";
  const open = (name) => {
    if (!tabs.has(name)) return;
    shown = name;
    for (const [one, { tab, root }] of tabs) {
      tab.setAttribute("aria-selected", String(one === name));
      tab.tabIndex = one === name ? 0 : -1;
      root.hidden = one !== name;
    }
    opened(name);
  };
  for (const { name, title, root } of pages) {
    const tab = make("button", "of-timeframe of-tab", title);
    tab.type = "button";
    tab.id = `${id}-${name}`;
    tab.dataset.name = name;
    tab.setAttribute("role", "tab");
    const page = make("div", "of-tab-page");
    page.id = `${tab.id}-page`;
    tab.setAttribute("aria-controls", page.id);
    page.setAttribute("role", "tabpanel");
    page.setAttribute("aria-labelledby", tab.id);
    page.append(root);
    tab.addEventListener("click", () => open(name));
    tab.addEventListener("keydown", ({ key }) => {
      const step = { ArrowRight: 1, ArrowLeft: -1 }[key];
      if (!step) return;
      const names = [...tabs.keys()];
      const next = names[(names.indexOf(name) + step + names.length) % names.length];
      open(next);
      tabs.get(next).tab.focus();
    });
    bar.append(tab);
    body.append(page);
    tabs.set(name, { tab, root: page });
  }
  return {
    bar, body, open,
    get shown() {
      return shown;
    },
    retitle: (name, title) => write(tabs.get(name).tab, title),
  };
}
