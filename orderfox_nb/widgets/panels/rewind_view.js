// One strip on the screen: its canvas, and the hand on its playhead.
import { make } from "../page/dom.js";
import { makeCanvas } from "../chart/figure_canvas.js";
import { paintPlayhead, paintStrip } from "./rewind_paint.js";
import { LatestWins, timeOfX } from "./rewind_strip.js";

export class StripView {
  /** A drag calls `begin()`, `show(time)` at each move, `go(time)` a few times a second, and `end(time)`. */
  constructor(className, { begin, show, go, end }) {
    this.element = make("div", className);
    this.under = makeCanvas("of-rewind-canvas");
    this.over = makeCanvas("of-rewind-canvas of-rewind-over");
    this.element.append(this.under.canvas, this.over.canvas);
    this.scene = null;
    this.painted = "";
    this.held = null; // the window of time while the playhead is dragged, which stays fixed
    this.sender = new LatestWins(go);
    Object.assign(this, { onBegin: begin, onShow: show, onEnd: end });
    this.removal = new AbortController();
    const { signal } = this.removal;
    this.element.addEventListener("pointerdown", (event) => this.press(event), { signal });
    this.element.addEventListener("pointermove", (event) => this.held && this.move(event), { signal });
    for (const name of ["keydown", "blur"]) {
      this.element.addEventListener(name, () => this.element.classList.remove("of-pressed"), { signal });
    }
    for (const name of ["pointerup", "pointercancel"]) {
      this.element.addEventListener(name, (event) => this.held && this.release(event), { signal });
    }
  }

  setAttribute(name, value) {
    if (this.element.getAttribute(name) !== value) this.element.setAttribute(name, value);
  }

  /** The drawing has to be made again: other data, colours or size. */
  changed() {
    this.painted = "";
  }

  show(scene) {
    this.scene = this.held ? { ...scene, window: this.held } : scene;
    const { clientWidth: width, clientHeight: height } = this.element;
    if (width < 10 || height < 10) return;
    this.element.classList.toggle("of-enabled", scene.enabled);
    const { window } = this.scene;
    const place = { ...this.scene, width, height };
    // The window moves with the time: it is drawn again when it has moved by a part of a pixel.
    const step = (window[1] - window[0]) / width / 2;
    const drawn = `${width} ${height} ${window.map((time) => Math.round(time / step)).join(" ")}`;
    if (this.painted !== drawn) {
      this.painted = drawn;
      [this.element.dataset.from, this.element.dataset.to] = window.map((time) => String(Math.round(time)));
      this.element.dataset.fills = String(paintStrip(this.under.fit(width, height), place));
    }
    const context = this.over.fit(width, height);
    if (scene.time !== null) paintPlayhead(context, place);
  }

  // ---- the hand -------------------------------------------------------------------------------------------------

  timeAt({ clientX }) {
    const { left, width } = this.element.getBoundingClientRect();
    return timeOfX(clientX - left, this.scene.window, width);
  }

  press(event) {
    if (!this.scene?.enabled || event.button !== 0 || !event.isPrimary) return;
    event.preventDefault(); // no text is marked
    this.element.focus({ preventScroll: true });
    this.element.classList.add("of-pressed"); // its keys hold, without the ring of the keyboard
    this.element.setPointerCapture(event.pointerId);
    this.held = this.scene.window;
    this.onBegin();
    this.move(event);
  }

  move(event) {
    const time = this.timeAt(event);
    this.sender.set(time);
    this.onShow(time);
  }

  release(event) {
    this.sender.end();
    const time = this.timeAt(event);
    this.held = null;
    this.onEnd(time);
    this.onShow(null);
  }

  end() {
    this.removal.abort();
    this.sender.stop();
  }
}
