// Two plugins for the pages that show OrderFox widgets, in JupyterLab and in Voila.
//
// A prebuilt extension is a container of shared modules. This one needs none of them, so it is written by hand.
(() => {
  const VIEW = "application/vnd.jupyter.widget-view+json";
  const OURS = "of-fallback";
  const MAX_WAIT_MS = 60_000;

  const missing = ({ node }) => node.textContent.includes("model not found");

  function withFallback(renderer, makeHtml) {
    const render = renderer.renderModel.bind(renderer);
    let fallback = null;
    renderer.renderModel = async (output) => {
      fallback?.dispose();
      fallback = null;
      await render(output);
      if (!missing(renderer) || !String(output.data["text/html"]).includes(OURS)) return;
      fallback = makeHtml();
      await fallback.renderModel(output);
      if (renderer.isDisposed) return;
      renderer.node.textContent = "";
      renderer.addWidget(fallback);
    };
    return renderer;
  }

  /** Every notebook has a copy of the registry of renderers for itself. */
  function extendNotebook({ content: { rendermime } }) {
    const create = rendermime.createRenderer.bind(rendermime);
    rendermime.createRenderer = (mimeType, ...rest) => {
      const renderer = create(mimeType, ...rest);
      return mimeType === VIEW ? withFallback(renderer, () => create("text/html")) : renderer;
    };
  }

  // After a kernel's restart a page that is reloaded finds outputs whose widgets no kernel knows. JupyterLab says
  // "model not found" there and passes over the HTML that the output carries for such a page: here it is shown instead.
  const fallback = {
    id: "orderfox-nb:fallback",
    description: "Shows the HTML of an OrderFox widget's output where no kernel knows the widget any more.",
    autoStart: true,
    activate: ({ docRegistry }) => docRegistry?.addWidgetExtension("Notebook", { createNew: extendNotebook }),
  };

  /** Wait until a widget manager has all models of its kernel, or for a bounded time. */
  const restored = (manager) => new Promise((done) => {
    const end = () => {
      manager.restored.disconnect(end);
      done();
    };
    manager.restored.connect(end);
    setTimeout(end, MAX_WAIT_MS);
    if (manager.restoredStatus) end();
  });

  // Voila renders its outputs while the models of their widgets are still being made. ipywidgets waits two seconds for
  // a model and does not look again after its last pause, so that a page busier than that says "model not found" for
  // good. Voila renders nothing before every plugin is active: this one is, once all models are there.
  const modelsFirst = {
    id: "orderfox-nb:models-first",
    description: "Lets Voila render the outputs of a notebook when the models of their widgets are there.",
    autoStart: true,
    activate: async ({ widgetManagerPromise }) => {
      if (!widgetManagerPromise) return; // JupyterLab
      const late = new Promise((done) => setTimeout(done, MAX_WAIT_MS));
      const manager = await Promise.race([widgetManagerPromise.promise, late]);
      if (manager) await restored(manager);
    },
  };

  globalThis._JUPYTERLAB ??= {};
  const module = { __esModule: true, default: [fallback, modelsFirst] };
  globalThis._JUPYTERLAB["orderfox-nb"] = { init() {}, get: async () => () => module };
})();
