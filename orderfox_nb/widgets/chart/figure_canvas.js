// What both charts share: their canvases inside the view of a bqplot figure.
import { make } from "../page/dom.js";

const VIEW_RETRY_MS = 16;
const MAX_VIEW_RETRY_MS = 640;
const RETRY_GROWTH = 1.25; // so that a figure is found within a quarter of the time that it took
const MAX_HIDDEN_MS = 10_000; // so that a figure that ended while hidden does not wait forever

/** The model that a reference in another one's state stands for. */
export function modelOf(model, reference) {
  return model.widget_manager.get_model(reference.replace(/^IPY_MODEL_/, ""));
}

/** The model behind a trait that holds another widget. */
export function linkedModel(model, name) {
  return modelOf(model, model.get(name));
}

/** Until an element is displayed; after a while in any case, so that its owner can look whether it has ended. */
function displayed(el) {
  return new Promise((done) => {
    const finish = () => {
      clearTimeout(timer);
      observer.disconnect();
      done();
    };
    const timer = setTimeout(finish, MAX_HIDDEN_MS);
    const observer = new ResizeObserver(() => el.getClientRects().length > 0 && finish());
    observer.observe(el);
  });
}

/** The figure's view that stands in the same chart as our element; views come when the figure is displayed. */
export async function findFigureView(figure, el, isEnded) {
  let pause = VIEW_RETRY_MS;
  while (!isEnded()) {
    const chart = el.closest(".of-candle-chart, .of-depth-chart");
    for (const promise of Object.values(figure.views ?? {})) {
      const view = await promise;
      if (chart?.contains(view.el) && view.rendered && view.plotareaWidth > 0) return view;
    }
    // bqplot has no event for a new view: poll for it, but only while the element is displayed.
    if (el.getClientRects().length > 0) {
      await new Promise((done) => setTimeout(done, pause));
      pause = Math.min(RETRY_GROWTH * pause, MAX_VIEW_RETRY_MS);
    } else {
      await displayed(el);
      pause = VIEW_RETRY_MS;
    }
  }
  return null;
}

/**
 * Give a figure its margins once it is displayed: at no size, in a closed tab, bqplot would draw its background with a
 * negative width. Margins set in Python are kept.
 */
export function setMargins(figure, view, margins) {
  const now = figure.get("fig_margin");
  const own = Object.values(now).every((side) => side === 0) || now === figure.ofMargins;
  if (!own || JSON.stringify(now) === JSON.stringify(margins)) return;
  figure.ofMargins = margins;
  figure.set("fig_margin", margins);
  view.should_relayout = true; // at the next animation frame, and not some time after it
  view.relayout();
}

/** Write an axis; returns a function that checks whether the axis still has these labels or was reset elsewhere. */
export function labelAxis(axis, labels, values) {
  axis.set(labels); // first: the axis writes them when its values change
  axis.set({ tick_values: values });
  const isOurs = ([name, value]) => axis.get(name) === value;
  return () => axis.get("tick_values") === values && Object.entries(labels).every(isOurs);
}

/** The elements of a figure's axes, in the order of their models. */
export async function axisElements(view, axes) {
  const views = await Promise.all(view.axis_views?.views ?? []);
  return axes.map((axis) => views.find(({ model }) => model === axis)?.el ?? null);
}

/** A canvas in CSS pixels that follows its figure; `fit` clears it and gives what to draw with. */
export function makeCanvas(className) {
  const canvas = make("canvas", className);
  canvas.dir = "ltr"; // numbers and signs keep their order, and texts start at the left
  const context = canvas.getContext("2d");
  const fit = (width, height) => {
    const ratio = globalThis.devicePixelRatio || 1;
    const [wide, high] = [Math.round(width * ratio), Math.round(height * ratio)];
    if (canvas.width !== wide || canvas.height !== high) {
      canvas.width = wide;
      canvas.height = high;
      canvas.style.width = `${width}px`;
      canvas.style.height = `${height}px`;
    }
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    context.clearRect(0, 0, width, height);
    return context;
  };
  const widthOf = (text, font) => {
    context.font = font;
    return context.measureText(text).width;
  };
  return { canvas, fit, widthOf };
}

/** A chart's canvases in its figure's view: `under` and `over` what bqplot draws. */
export class FigureCanvas {
  constructor(figure) {
    this.figure = figure;
    this.under = makeCanvas("of-canvas of-canvas-under");
    this.over = makeCanvas("of-canvas of-canvas-over");
    this.view = null;
    this.ended = false;
  }

  get plot() {
    const { margin, plotareaWidth: width, plotareaHeight: height } = this.view;
    return { left: margin.left, top: margin.top, width, height };
  }

  /** Something to draw with on one of the canvases, which is cleared. */
  fit(canvas) {
    const { el } = this.view;
    return canvas.fit(el.clientWidth, el.clientHeight);
  }

  /**
   * Wait for the view beside our element and put the canvases into it, with `above` on top; returns the view, null if
   * the chart ended before. `resized` is called when the figure has another size.
   */
  async attach(el, { above, margins, role, label, resized }) {
    const view = await findFigureView(this.figure, el, () => this.ended);
    if (!view) return null;
    this.view = view;
    this.resized = resized;
    view.el.tabIndex = 0;
    view.el.setAttribute("role", role);
    view.el.setAttribute("aria-label", label);
    view.el.insertBefore(this.under.canvas, view.svg.node());
    view.el.append(this.over.canvas, above);
    view.on("margin_updated", resized);
    setMargins(this.figure, view, margins);
    return view;
  }

  end() {
    this.ended = true;
    this.view?.off("margin_updated", this.resized);
    this.under.canvas.remove();
    this.over.canvas.remove();
  }
}
