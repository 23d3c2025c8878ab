// Plugins for the pages that show OrderFox widgets, in JupyterLab and in Voila.
//
// A prebuilt extension is a container of shared modules. This one is written by hand: three of its plugins need none of
// them, and the fourth takes those that it needs from JupyterLab.
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
  // "model not found" there and skips the HTML that the output carries for such a page: here it is shown instead.
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

  /**
   * Take away the outputs of widgets that their notebook has closed again, such as progress bars that leave nothing:
   * where JupyterLab shows an empty line, Voila would say "model not found".
   */
  function dropClosed(manager) {
    for (const script of document.querySelectorAll('script[type="application/vnd.voila.cell-output+json"]')) {
      const id = JSON.parse(script.textContent).data?.[VIEW]?.model_id;
      if (id && !manager.has_model(id)) script.remove();
    }
  }

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
      if (!manager) return;
      await restored(manager);
      if (manager.restoredStatus) dropClosed(manager);
    },
  };

  // On a dark theme bqplot writes titles and labels in orange. theme.css has the same rule, for servers without this
  // extension, but is only on pages that show an OrderFox widget.
  const figures = {
    id: "orderfox-nb:figures",
    description: "Writes titles and labels of bqplot figures in the text colour of a dark theme.",
    autoStart: true,
    activate: () => {
      const style = document.createElement("style");
      const dark = ':root body[data-jp-theme-light="false"]';
      style.textContent = `${dark} { --bq-content-font-color: var(--jp-content-font-color1); }`;
      document.head.append(style);
    },
  };

  const FOX = '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 16 16"><path fill="#f0883e" d="M1 2l5 3h4l5-3-1 8-6 5-6-5z"/>'
    + "{sign}</svg>";
  const CARDS = [
    {
      name: "00_tour", label: "Tour", caption: "Five minutes with a market: data, live streams, widgets", runs: false,
      sign: '<path fill="#fff" d="M5.4 7h2v1.4h-2zm3.2 0h2v1.4h-2z"/>',
    },
    {
      name: "dashboard", label: "Dashboard", caption: "Candles, order book, trades, liquidations", runs: true,
      sign: '<path fill="#fff" d="M4.6 8.5h1.2v2.6H4.6zm2.8-2h1.2v5.4H7.4zm2.8 1h1.2v3.6h-1.2z"/>',
    },
    {
      name: "bot_dashboard", label: "Bots", caption: "The bots of this server, with the market of each", runs: true,
      sign: '<path fill="none" stroke="#fff" d="M4.6 10.6l2.2-2.4 1.8 1.4 2.8-3.2"/>',
    },
  ];

  /** Read a notebook that comes with OrderFox from the server's extension. */
  async function readShipped(name, { makeRequest }, settings) {
    const answer = await makeRequest(`${settings.baseUrl}api/v1/notebooks/${name}.ipynb`, {}, settings);
    if (!answer.ok) {
      throw new Error(`No notebooks of OrderFox (${answer.status}): enable its server extension, orderfox_nb`);
    }
    return answer.json();
  }

  /** Whether a notebook of the user's is a copy of ours. */
  async function isCopy(contents, path, name) {
    try {
      const { content } = await contents.get(path, { type: "notebook", content: true });
      return content?.metadata?.orderfox?.shipped_as === name;
    } catch {
      return false; // no notebook, whatever it is: it is left alone
    }
  }

  /** Open the user's copy of a notebook; one is made if there is none, and no file is ever replaced. */
  async function openCopy({ serviceManager, commands }, connection, { name, runs }, folder) {
    const { contents, serverSettings } = serviceManager;
    const { content } = await contents.get(folder, { type: "directory", content: true });
    const taken = new Set(content.map((file) => file.name));
    let number = 0;
    const file = () => `${name}${number ? `_${number}` : ""}.ipynb`;
    const path = () => (folder ? `${folder}/${file()}` : file());
    while (taken.has(file()) && !(await isCopy(contents, path(), name))) number += 1;
    const isNew = !taken.has(file());
    if (isNew) {
      const shipped = await readShipped(name, connection, serverSettings);
      await contents.save(path(), { type: "notebook", format: "json", content: shipped });
    }
    const widget = await commands.execute("docmanager:open", { path: path(), factory: "Notebook" });
    if (isNew && runs) {
      // A copy that was just made is what we wrote: its cells may run. One that was there may be the user's by now.
      await widget.revealed;
      await widget.context.sessionContext.ready;
      // Named: the user may be in another notebook meanwhile, whose cells would run instead.
      commands.execute("notebook:run-all-cells", { semanticWidget: widget.id, activate: false });
    }
    return widget; // it takes the launcher's place
  }

  const launcherPlugin = ({ ILauncher }, { LabIcon }, { ServerConnection }) => ({
    id: "orderfox-nb:launcher",
    description: "Opens a copy of the notebooks that come with OrderFox from the launcher.",
    autoStart: true,
    optional: [ILauncher],
    activate: (app, launcher) => {
      if (!launcher) return;
      CARDS.forEach((card, rank) => {
        const command = `orderfox-nb:open-${card.name}`;
        const icon = new LabIcon({ name: `orderfox-nb:${card.name}`, svgstr: FOX.replace("{sign}", card.sign) });
        app.commands.addCommand(command, {
          label: card.label,
          caption: card.caption,
          icon,
          execute: ({ cwd }) => openCopy(app, ServerConnection, card, cwd ?? ""),
        });
        launcher.add({ command, category: "OrderFox", rank });
      });
    },
  });

  let shared = {};

  /** A module that JupyterLab shares with its extensions. */
  async function sharedModule(name) {
    const [found] = Object.values(shared[name] ?? {});
    if (!found) throw new Error(`${name} is not shared`);
    return (await found.get())();
  }

  async function plugins() {
    const all = [fallback, modelsFirst, figures];
    if (document.body.dataset.voila !== undefined) return all; // a page has no launcher
    try {
      const names = ["@jupyterlab/launcher", "@jupyterlab/ui-components", "@jupyterlab/services"];
      all.push(launcherPlugin(...(await Promise.all(names.map(sharedModule)))));
    } catch (error) {
      console.debug("orderfox-nb: no launcher here", error); // an application of another kind
    }
    return all;
  }

  globalThis._JUPYTERLAB ??= {};
  globalThis._JUPYTERLAB["orderfox-nb"] = {
    init(scope) {
      shared = scope;
    },
    async get() {
      const module = { __esModule: true, default: await plugins() };
      return () => module;
    },
  };
})();
