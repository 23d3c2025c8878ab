// Where a canvas goes inside a bqplot figure.
import { make } from "./dom.js";

const VIEW_AGAIN_MS = 40;
const VIEW_AGAIN_MOST_MS = 640;
const HIDDEN_MOST_MS = 10_000; // so that one that ended while nobody saw it does not wait for ever

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
    const timer = setTimeout(finish, HIDDEN_MOST_MS);
    const observer = new ResizeObserver(() => el.getClientRects().length > 0 && finish());
    observer.observe(el);
  });
}

/** The figure's view that stands in the same chart as our element; views come when the figure is displayed. */
export async function findFigureView(figure, el, isEnded) {
  let pause = VIEW_AGAIN_MS;
  while (!isEnded()) {
    const chart = el.closest(".of-candle-chart, .of-depth-chart");
    for (const promise of Object.values(figure.views ?? {})) {
      const view = await promise;
      if (chart?.contains(view.el) && view.rendered && view.plotareaWidth > 0) return view;
    }
    // bqplot tells of a view nowhere: it is looked for, but only where it can be.
    if (el.getClientRects().length > 0) {
      await new Promise((done) => setTimeout(done, pause));
      pause = Math.min(2 * pause, VIEW_AGAIN_MOST_MS);
    } else {
      await displayed(el);
      pause = VIEW_AGAIN_MS;
    }
  }
  return null;
}

/**
 * Give a figure its margins once it is displayed: at no size, in a closed tab, bqplot would draw its background with a
 * negative width. Margins that somebody chose in Python stay.
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

/** Write an axis; gives a question: are these still its labels, or did somebody else set the axis back? */
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
