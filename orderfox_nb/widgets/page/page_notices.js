// Notices for the page's viewer: which parts of a link cannot be shown, why, and what to choose instead. They stay
// until they are dismissed or answered.
import { make } from "./dom.js";

/** The notices of a dashboard: they outlive a view of it. */
export class Notices {
  constructor() {
    this.list = [];
    this.listeners = new Set();
  }

  /** Show a text with choices, each `{label, choose}`; the same text once. */
  add(text, choices = []) {
    if (this.list.some((one) => one.text === text)) return;
    this.list.push({ text, choices });
    this.changed();
  }

  remove(notice) {
    this.list = this.list.filter((one) => one !== notice);
    this.changed();
  }

  changed() {
    for (const listener of this.listeners) listener();
  }
}

function makeNotice(notices, notice) {
  const line = make("div", "of-notice");
  line.append(make("span", "of-notice-text", notice.text));
  const button = (className, label, onClick) => {
    const element = make("button", className, label);
    element.type = "button";
    element.addEventListener("click", () => {
      notices.remove(notice);
      onClick?.();
    });
    line.append(element);
    return element;
  };
  for (const { label, choose } of notice.choices) button("of-button", label, choose);
  button("of-notice-close", "×").setAttribute("aria-label", "Dismiss");
  return line;
}

/** Show notices in the page's top layer as long as a view lives; returns a function that ends it. */
export function showNotices(notices, host) {
  const box = make("div", "of of-notices");
  box.popover = "manual";
  box.setAttribute("role", "alert");
  host.append(box);
  const show = () => {
    box.replaceChildren(...notices.list.map((notice) => makeNotice(notices, notice)));
    if (box.isConnected) box[notices.list.length ? "showPopover" : "hidePopover"]();
  };
  notices.listeners.add(show);
  // A view is put into the page after it was rendered.
  requestAnimationFrame(show);
  return () => {
    notices.listeners.delete(show);
    box.remove();
  };
}
