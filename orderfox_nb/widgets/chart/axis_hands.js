// Hands on the axes of a candle chart: drag and wheel stretch the scale, a double click sets it back.
import { make } from "../page/dom.js";

const DRAG_RATE = 0.006; // of a scale's logarithm, for each pixel
const WHEEL_RATE = 0.0015;
const MOVE_PX = 2; // a hand that trembles drags nothing

/**
 * An element over an axis: `begin()` gives what a drag starts from, `stretch(from, factor)` shows `factor` times the
 * range of that, `reset()` sets the scale back.
 */
export function makeAxisArea(className, { vertical, title, begin, stretch, reset }) {
  const area = make("div", className);
  area.title = title;
  let drag = null;
  const along = (event) => (vertical ? event.clientY : -event.clientX);
  area.addEventListener("pointerdown", (event) => {
    if (event.button !== 0) return;
    drag = { from: begin(), at: along(event), moved: false };
    area.setPointerCapture(event.pointerId);
    event.stopPropagation();
    event.preventDefault(); // no text is marked
  });
  area.addEventListener("pointermove", (event) => {
    event.stopPropagation();
    if (!drag?.from) return;
    const by = along(event) - drag.at;
    if (!drag.moved && Math.abs(by) < MOVE_PX) return;
    drag.moved = true;
    stretch(drag.from, Math.exp(by * DRAG_RATE));
  });
  for (const name of ["pointerup", "pointercancel"]) area.addEventListener(name, () => (drag = null));
  area.addEventListener("wheel", (event) => {
    if (event.ctrlKey) return; // the page's own zoom
    const from = begin();
    if (from) stretch(from, Math.exp(Math.max(-200, Math.min(200, event.deltaY)) * WHEEL_RATE));
    event.preventDefault();
    event.stopPropagation();
  }, { passive: false });
  area.addEventListener("dblclick", (event) => {
    reset();
    event.stopPropagation();
  });
  return area;
}
