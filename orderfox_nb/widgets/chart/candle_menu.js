// The chart's menu: what is drawn beside the candles. Each choice is a trait, so that Python and the page agree.
import { overlayTitle } from "./candle_lines.js";
import { make } from "../page/dom.js";
import { setTrait } from "../page/panel.js";

const OFFERED = ["vwap", "ema20", "ema50", "bollinger20"];
const SHOWN = [ // a row with a channel is offered only where the market has it
  ["show_volume", "Traded volume"],
  ["show_liquidations", "Liquidations", "liquidations"],
  ["show_liquidation_average", "Average of liquidations", "liquidations"],
  ["show_lapses", "Gaps in the data"],
];
const SCALE = [
  ["log_scale", "Logarithmic price"],
  ["fixed_scale", "Fixed price scale"],
];

/** A button with a popup of check boxes and `rewind()`; `isAbsent(channel)` as the link's. Gives {root, end}. */
export function makeMenu(model, { isAbsent, rewind }) {
  const root = make("div", "of-menu");
  const button = make("button", "of-menu-button", "Overlays ▾");
  button.type = "button";
  button.setAttribute("aria-haspopup", "true");
  button.setAttribute("aria-expanded", "false");
  const popup = make("div", "of of-menu-popup");
  popup.setAttribute("role", "group");
  popup.setAttribute("aria-label", "What the chart shows");
  popup.hidden = true;
  root.append(button);
  // The chart cuts off what sticks out of it, so the popup hangs in the document itself.
  document.body.append(popup);

  const boxes = [];
  const addBox = (text, name, isOn, turn) => {
    const label = make("label", "of-menu-row");
    const box = make("input");
    box.type = "checkbox";
    box.dataset.name = name;
    box.addEventListener("change", () => turn(box.checked));
    label.append(box, make("span", "", text));
    popup.append(label);
    boxes.push([box, isOn]);
  };
  const build = () => {
    popup.replaceChildren();
    boxes.length = 0;
    const chosen = () => model.get("overlays");
    for (const name of [...OFFERED, ...chosen().filter((one) => !OFFERED.includes(one))]) {
      const others = () => chosen().filter((one) => one !== name);
      const turn = (on) => setTrait(model, "overlays", on ? [...others(), name] : others());
      addBox(overlayTitle(name), name, () => chosen().includes(name), turn);
    }
    for (const traits of [SHOWN, SCALE]) {
      popup.append(make("hr"));
      for (const [trait, text, channel] of traits) {
        if (channel && isAbsent(channel)) continue;
        addBox(text, trait, () => model.get(trait), (on) => setTrait(model, trait, on));
      }
    }
    const start = make("button", "of-menu-row of-menu-action", "Rewind from here…");
    start.type = "button";
    start.title = "Play what was recorded, from the crosshair or from where the chart is pressed next";
    start.addEventListener("click", () => {
      open(false);
      rewind();
    });
    popup.append(make("hr"), start);
    show();
  };
  const show = () => {
    for (const [box, isOn] of boxes) box.checked = isOn();
  };
  const place = () => {
    const at = button.getBoundingClientRect();
    popup.style.top = `${at.bottom + 4}px`;
    popup.style.left = `${Math.max(8, Math.min(at.left, globalThis.innerWidth - popup.offsetWidth - 8))}px`;
  };
  const open = (on) => {
    if (popup.hidden !== on) return;
    popup.hidden = !on;
    button.setAttribute("aria-expanded", String(on));
    if (!on) return;
    build();
    place();
    boxes[0]?.[0].focus();
  };
  const onOutside = (event) => {
    if (!popup.hidden && !popup.contains(event.target) && !root.contains(event.target)) open(false);
  };
  const onKey = (event) => {
    if (event.key === "Escape" && !popup.hidden) {
      open(false);
      button.focus();
      event.stopPropagation();
      return;
    }
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (!step || popup.hidden) return;
    const all = [...popup.querySelectorAll("input, button")];
    all[(all.indexOf(document.activeElement) + step + all.length) % all.length].focus();
    event.preventDefault();
  };
  button.addEventListener("click", () => open(popup.hidden));
  root.addEventListener("keydown", onKey);
  popup.addEventListener("keydown", onKey);
  const onScroll = (event) => event.target !== popup && open(false); // it would stay behind
  document.addEventListener("pointerdown", onOutside);
  document.addEventListener("scroll", onScroll, { capture: true, passive: true });
  const traits = ["overlays", ...[...SHOWN, ...SCALE].map(([trait]) => trait)].map((name) => `change:${name}`);
  for (const name of traits) model.on(name, show);
  return {
    root,
    end() {
      for (const name of traits) model.off(name, show);
      document.removeEventListener("pointerdown", onOutside);
      document.removeEventListener("scroll", onScroll, { capture: true });
      popup.remove();
    },
  };
}
