// After a kernel's restart a page that is reloaded finds outputs whose widgets no kernel knows. JupyterLab says
// "model not found" there and passes over the HTML that the output carries for such a page: here it is shown instead.
//
// A prebuilt extension is a container of shared modules. This one needs none of them, so it is written by hand.
(() => {
  const VIEW = "application/vnd.jupyter.widget-view+json";
  const OURS = "of-fallback";

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

  const plugin = {
    id: "orderfox-nb:fallback",
    description: "Shows the HTML of an OrderFox widget's output where no kernel knows the widget any more.",
    autoStart: true,
    activate: ({ docRegistry }) => docRegistry?.addWidgetExtension("Notebook", { createNew: extendNotebook }),
  };
  globalThis._JUPYTERLAB ??= {};
  globalThis._JUPYTERLAB["orderfox-nb"] = { init() {}, get: async () => () => ({ __esModule: true, default: plugin }) };
})();
