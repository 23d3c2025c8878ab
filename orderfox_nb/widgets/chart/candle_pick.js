// Choose where a rewind starts, on the chart itself: the crosshair's time, or the next press on the chart.
import { make } from "../page/dom.js";

const HINT = "Choose where the rewind starts. Esc cancels.";
const HELD_BACK = ["pointerdown", "mousedown", "touchstart", "dblclick"]; // a press chooses, and does not pan

/**
 * Wait for a press on `place`, or Enter at the crosshair; `timeOf(event)` gives its time, null if it has none, and
 * `choose(time)` takes it. Returns what ends the wait.
 */
export function pickTime({ place, timeOf, choose }) {
  const removal = new AbortController();
  const options = { capture: true, signal: removal.signal };
  const hint = make("div", "of of-pick-hint", HINT);
  hint.setAttribute("role", "status");
  const end = () => {
    removal.abort();
    hint.remove();
    place.classList.remove("of-picking");
  };
  const decide = (event) => {
    const time = timeOf(event);
    event.stopPropagation();
    event.preventDefault();
    if (time === null) return;
    end();
    choose(time);
  };
  for (const name of HELD_BACK) place.addEventListener(name, (event) => event.stopPropagation(), options);
  place.addEventListener("click", decide, options);
  document.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && place.contains(event.target)) decide(event);
    else if (event.key !== "Escape") return;
    else end();
    event.stopPropagation();
  }, options);
  place.classList.add("of-picking");
  place.append(hint);
  place.focus({ preventScroll: true });
  return end;
}
