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

/** A canvas in CSS pixels that follows its figure; `fit` clears it and gives what to draw with. */
export function makeCanvas(className) {
  const canvas = make("canvas", className);
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
  return { canvas, fit };
}
