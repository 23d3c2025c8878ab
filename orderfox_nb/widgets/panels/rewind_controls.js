// The controls of the past: play, steps, speed, skips, a field for a time, and the way back.
import { make, makeSelect, write } from "../page/dom.js";
import { SPEEDS, speedText } from "../page/playhead.js";

const SVG = "http://www.w3.org/2000/svg"; // a name, which nothing is asked of
const ICONS = { // in a box of 16
  play: "M4 2.5v11l9-5.5z", pause: "M4 3h3v10H4z M9 3h3v10H9z", rewind: "M8 3 2 8l6 5z M14 3 8 8l6 5z",
  back: "M9 3 4 8l5 5V3z M11 3h1.6v10H11z", on: "M7 3l5 5-5 5V3z M3.4 3H5v10H3.4z",
  previous: "M12.5 3 6 8l6.5 5z M3.5 3h1.8v10H3.5z", next: "M3.5 3 10 8l-6.5 5z M10.7 3h1.8v10h-1.8z",
};
const KINDS = [["liquidation", "liquidation"], ["trade", "large trade"], ["gap", "gap"]];

function setIcon(button, name) {
  if (button.dataset.icon === name) return;
  button.dataset.icon = name;
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("viewBox", "0 0 16 16");
  svg.setAttribute("aria-hidden", "true");
  const path = document.createElementNS(SVG, "path");
  path.setAttribute("d", ICONS[name]);
  svg.append(path);
  button.querySelector("svg")?.remove();
  button.prepend(svg);
}

/** A button with an icon; its text is a label for a reader of screens where there is no room for words. */
export function makeIconButton(icon, label, onClick, { text = "", key = "" } = {}) {
  const button = make("button", "of-button of-rewind-button");
  button.type = "button";
  setIcon(button, icon);
  if (text) button.append(make("span", "", text));
  else button.setAttribute("aria-label", label);
  button.title = key ? `${label} (${key})` : label;
  button.addEventListener("click", onClick);
  return button;
}

function makeTimeField(ask) {
  const field = make("input", "of-field of-rewind-time");
  field.type = "text";
  field.placeholder = "go to 14:05";
  field.title = "Go to a time (G): 14:05, 14:05:30, or a distance from now: -10m, -12:34";
  field.setAttribute("aria-label", "Go to a time, as 14:05, 14:05:30 or -10m");
  const submit = () => {
    if (!field.value.trim()) return;
    const isTime = ask(field.value);
    field.setAttribute("aria-invalid", String(!isTime));
    if (!isTime) return;
    field.value = "";
    field.blur();
  };
  field.addEventListener("keydown", (event) => {
    event.stopPropagation(); // JupyterLab's shortcuts are not meant
    if (event.key === "Enter") submit();
    else if (event.key === "Escape") field.blur();
  });
  field.addEventListener("input", () => field.removeAttribute("aria-invalid"));
  return field;
}

/** The bar of controls over a playhead; `ask(text)` goes to a typed time and returns whether it was one. */
export function makeControls(playhead, ask) {
  const bar = make("div", "of-rewind-bar");
  bar.setAttribute("role", "group");
  bar.setAttribute("aria-label", "Playback");
  const play = makeIconButton("pause", "Pause", () => playhead.toggle(), { key: "Space" });
  const back = makeIconButton("back", "One event back", () => playhead.step(-1), { key: "Alt ←" });
  const on = makeIconButton("on", "One event on", () => playhead.step(1), { key: "Alt →" });
  const speeds = SPEEDS.map((speed) => [String(speed), speedText(speed)]);
  const speed = makeSelect("Speed", (text) => playhead.setSpeed(SPEEDS.find((one) => String(one) === text)));
  speed.classList.add("of-rewind-speed");
  speed.title = "Speed (↑ ↓)";
  const kind = makeSelect("Skip to the next", (value) => (kind.ofKind = value));
  kind.classList.add("of-rewind-kind");
  kind.ofKind = KINDS[0][0];
  kind.show(KINDS, kind.ofKind);
  const previous = makeIconButton("previous", "Skip back", () => playhead.skip(kind.ofKind, true), { key: "[" });
  const next = makeIconButton("next", "Skip on", () => playhead.skip(kind.ofKind, false), { key: "]" });
  const clock = make("span", "of-rewind-clock");
  const live = make("button", "of-button of-rewind-live", "Live");
  live.type = "button";
  live.title = "Back to the live market (L)";
  live.addEventListener("click", () => playhead.goLive());
  const group = (...parts) => {
    const box = make("div", "of-rewind-group");
    box.append(...parts);
    return box;
  };
  bar.append(group(back, play, on, speed), group(previous, kind, next), makeTimeField(ask), clock, live);
  return {
    bar,
    /** Bring the controls to the playhead; `time` is the text of where it is. */
    show(time) {
      const name = playhead.playing ? "pause" : "play";
      setIcon(play, name);
      play.setAttribute("aria-label", playhead.playing ? "Pause" : "Play");
      play.title = `${playhead.playing ? "Pause" : "Play"} (Space)`;
      speed.show(speeds, String(playhead.speed));
      live.hidden = playhead.shared; // a notebook's market stays in the past
      write(clock, time);
    },
  };
}
