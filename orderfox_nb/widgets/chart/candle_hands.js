// Pointer, fingers and keys on a candle chart, and what can be pressed over it.
import { makeAxisArea } from "./axis_hands.js";
import { followTaps, followTouch } from "./candle_touch.js";
import { shareWheel } from "./chart_wheel.js";
import { make } from "../page/dom.js";
import { setTrait } from "../page/panel.js";
import { priceAxis } from "./price_scale.js";

const SAME_PLACE_PX = 24; // a second tap there takes the crosshair away
const DRAG_PX = 3;
const ZOOM = 1.25; // of one press of a key

export class CandleHands {
  constructor(chart, place) {
    Object.assign(this, { chart, place, dragged: null });
    this.makeAreas();
    place.append(this.priceArea, this.timeArea, this.now);
    this.removal = new AbortController();
    const { signal } = this.removal;
    const { window } = chart;
    const on = (target, name, act) => target.addEventListener(name, act, { signal });
    const isOurs = (event) => event.target !== this.now;
    const hover = (event) => event.pointerType !== "touch" && this.point(event); // a finger points by a tap
    on(place, "pointermove", hover);
    on(place, "pointermove", (event) => this.drag(event));
    on(place, "pointerleave", hover);
    on(place, "dblclick", (event) => isOurs(event) && chart.home());
    on(place, "keydown", (event) => isOurs(event) && this.key(event));
    on(place, "pointerdown", (event) => {
      if (!isOurs(event) || !chart.ready) return;
      window.held = true;
      this.dragged = { y: event.clientY, domain: window.domain.y, moved: false };
    });
    for (const name of ["pointerup", "pointercancel", "blur"]) {
      on(globalThis, name, () => {
        window.held = false;
        this.dragged = null;
      });
    }
    shareWheel(place, { signal });
    followTaps(place, (event) => isOurs(event) && this.tap(event), { signal });
    followTouch(place, {
      signal, domain: () => window.domain.x, moveTo: (x) => window.moveTo(x), pixels: () => window.plot,
    });
  }

  /** What lies over the axes, and the way back to the newest bar. */
  makeAreas() {
    const { chart } = this;
    this.priceArea = makeAxisArea("of-axis-area of-price-area", {
      vertical: true, title: "Drag or turn the wheel to scale the price, double-click to fit it",
      begin: () => chart.ready && chart.window.domain.y,
      stretch: (domain, factor) => chart.stretchPrice(domain, factor),
      reset: () => setTrait(chart.model, "fixed_scale", false),
    });
    this.timeArea = makeAxisArea("of-axis-area of-time-area", {
      vertical: false, title: "Drag or turn the wheel to scale the time, double-click for the newest bar",
      begin: () => chart.ready && chart.window.domain.x,
      stretch: ([from, to], factor) => chart.window.moveTo([to - (to - from) * factor, to]),
      reset: () => chart.home(),
    });
    this.now = make("button", "of of-button of-now", "Go to now »");
    this.now.type = "button";
    this.now.hidden = true;
    this.now.addEventListener("click", () => {
      if (!chart.ready) return;
      chart.window.goToNow();
      this.place.focus();
    });
  }

  /** The areas are as wide as the margins. */
  fit(right) {
    this.priceArea.style.width = `${right}px`;
    this.timeArea.style.right = this.now.style.right = `${right}px`;
  }

  /** Whether there is a way back to the newest bar to offer. */
  showWay(isAway) {
    if (this.now.hidden === isAway) this.now.hidden = !isAway;
  }

  point(event) {
    const { chart } = this;
    if (!chart.ready) return;
    const box = this.place.getBoundingClientRect();
    const point = { x: event.clientX - box.left, y: event.clientY - box.top };
    const { plot, domain: { x, y }, panes, log } = chart.window;
    if (event.type === "pointerleave" || point.x < plot.left || point.x > plot.left + plot.width) {
      chart.setCursor(null);
      return;
    }
    const time = x[0] + ((point.x - plot.left) / plot.width) * (x[1] - x[0]);
    const priced = point.y >= plot.top && point.y <= plot.top + plot.height * panes.end;
    chart.setCursor({ time, price: priced ? priceAxis(plot, y, log).priceAt(point.y) : null, point });
  }

  /** The time of a press, or of the crosshair for a key; null beside the plot. */
  timeOf(event) {
    const { window, cursor } = this.chart;
    if (event.clientX === undefined) return cursor?.time ?? null;
    const { plot: { left, width }, domain: { x } } = window;
    const share = (event.clientX - this.place.getBoundingClientRect().left - left) / width;
    return share >= 0 && share <= 1 ? x[0] + share * (x[1] - x[0]) : null;
  }

  /** A tap shows the crosshair, another one at its place takes it away. */
  tap(event) {
    const { chart } = this;
    const before = chart.cursor?.point;
    this.point(event);
    const now = chart.cursor?.point;
    if (before && now && Math.hypot(before.x - now.x, before.y - now.y) < SAME_PLACE_PX) chart.setCursor(null);
  }

  /** Where the scale is the viewer's own, a drag of the mouse moves the prices too. */
  drag(event) {
    const { window } = this.chart;
    if (!window.fixed || !this.dragged || event.pointerType !== "mouse") return;
    const by = event.clientY - this.dragged.y;
    if (Math.abs(by) > DRAG_PX || this.dragged.moved) {
      this.dragged.moved = true;
      window.shiftPrice(this.dragged.domain, by / window.plot.height);
    }
  }

  key(event) {
    const { chart } = this;
    if (!chart.ready || event.ctrlKey || event.metaKey || event.altKey) return;
    const { window, shown, lengthS } = chart;
    const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (step && event.shiftKey) {
      const [times] = shown.bars;
      const now = chart.cursor ? chart.cursor.time : times.at(-1) * 1000 - step * lengthS * 1000;
      const time = Math.min(times.at(-1), Math.max(times[0], now / 1000 + step * lengthS)) * 1000;
      chart.setCursor({ time, price: null, point: null });
    } else if (event.shiftKey && ["ArrowUp", "ArrowDown"].includes(event.key)) {
      chart.stretchPrice(window.domain.y, event.key === "ArrowUp" ? 1 / ZOOM : ZOOM);
    } else if (step) window.pan(step * 0.1);
    else if (event.key === "+" || event.key === "=") window.zoom(1 / ZOOM);
    else if (event.key === "-" || event.key === "_") window.zoom(ZOOM);
    else if (event.key === "End") chart.home();
    else if (event.key === "Home") {
      const { x } = window.domain;
      const from = shown.bars[0][0] * 1000;
      window.moveTo([from, from + x[1] - x[0]]);
    } else if (event.key === "Escape" && chart.cursor) chart.setCursor(null);
    else return;
    event.preventDefault();
    event.stopPropagation();
  }

  end() {
    this.removal.abort();
    for (const element of [this.priceArea, this.timeArea, this.now]) element.remove();
  }
}
