// Shows a page without a kernel whose outputs are only panels and charts, without Voila's application: that is a
// JupyterLab with editors, consoles and renderers, which such a page never uses. The base classes of the widgets come
// from the installed extensions, and the modules that these share from Voila's bundle. If that bundle is built in
// another way, the hook below never runs, and Voila's application shows the page.
(() => {
  const VIEW = "application/vnd.jupyter.widget-view+json";
  const BASE = "@jupyter-widgets/base";
  // viewer/panels.py: the widgets of all others, and what is for Voila's application, are not on such a page.
  const PANELS = new Set(["@jupyter-widgets/jupyterlab-manager", "anywidget", "bqplot", "bqscales"]);
  const BUNDLE = "webpackChunk_JUPYTERLAB_CORE_OUTPUT";
  const config = JSON.parse(document.getElementById("jupyter-config-data").textContent);

  const loadScript = (src) => new Promise((done, fail) => {
    const script = Object.assign(document.createElement("script"), { src, onload: done });
    script.onerror = () => fail(new Error(`${src} could not be loaded`));
    document.head.append(script);
  });

  /** The webpack runtime of Voila's bundle: this chunk runs before the application and keeps it from loading. */
  const bundle = new Promise((done) => {
    (globalThis[BUNDLE] ??= []).push([["orderfox"], {}, (runtime) => {
      const load = runtime.e;
      runtime.e = () => new Promise(() => {});
      queueMicrotask(() => {
        runtime.e = load;
        done(runtime);
      });
    }]);
  });

  /** The extensions with widgets, and the modules that they and Voila's bundle share. */
  async function loadExtensions() {
    const wanted = config.federated_extensions.filter(({ name }) => PANELS.has(name));
    const runtime = await bundle;
    await Promise.all([
      runtime.I("default"),
      ...wanted.map(({ name, load }) => loadScript(`${config.fullLabextensionsUrl}/${name}/${load}`)),
    ]);
    const scope = runtime.S.default;
    for (const { name } of wanted) await globalThis._JUPYTERLAB[name].init(scope);
    const shared = async (name) => (await Object.values(scope[name])[0].get())();
    return { names: wanted.map(({ name }) => name), shared };
  }

  /** A model's comm without a kernel: what is sent is dropped. */
  class PageComm {
    constructor(target, id) {
      Object.assign(this, { target_name: target, comm_id: id });
    }

    open() {
      return "";
    }

    send(data, callbacks) {
      // A model waits for this before it sends its next change.
      queueMicrotask(() => callbacks?.iopub?.status?.({ content: { execution_state: "idle" } }));
      return "";
    }

    close() {
      return "";
    }

    on_msg() {}

    on_close() {}
  }

  const makeManager = ({ ManagerBase }, modules) => new (class extends ManagerBase {
    async loadClass(className, moduleName) {
      const module = await modules(moduleName);
      if (!(className in module)) throw new Error(`${moduleName} has no ${className}`);
      return module[className];
    }

    async _create_comm(target, id) {
      return new PageComm(target, id);
    }

    async _get_comm_info() {
      return {};
    }
  })();

  /** Gives the modules of widgets by their names: those that the extensions register, and those of ipywidgets. */
  async function widgetModules({ names, shared }) {
    const base = await shared(BASE);
    const registered = new Map([
      [BASE, () => base],
      ["@jupyter-widgets/controls", () => shared("@jupyter-widgets/controls")],
    ]);
    const registry = { registerWidget: ({ name, exports }) => registered.set(name, exports) };
    await Promise.all(names.filter((name) => !name.startsWith("@jupyter-widgets/")).map(async (name) => {
      const module = (await globalThis._JUPYTERLAB[name].get("./extension"))();
      for (const plugin of [module.default].flat()) {
        if (plugin.requires?.includes(base.IJupyterWidgetRegistry)) plugin.activate(null, registry);
      }
    }));
    return async (name) => {
      const exports = registered.get(name);
      if (!exports) throw new Error(`No extension of this page has the widgets of ${name}`);
      return typeof exports === "function" ? exports() : exports;
    };
  }

  async function makeModels(manager, { put_buffers }) {
    const sent = globalThis[Symbol.for("orderfox.page_kernel.v1")].sent();
    const { states, buffer_paths } = sent.buffer_paths.length ? structuredClone(sent) : sent;
    const buffers = JSON.parse(document.getElementById("of-widget-buffers").textContent);
    buffer_paths.forEach(([id, ...path], at) => {
      const bytes = Uint8Array.from(atob(buffers[at]), (sign) => sign.charCodeAt(0));
      put_buffers(states[id], [path], [new DataView(bytes.buffer)]);
    });
    await Promise.all(Object.entries(states).map(async ([model_id, { state, ...names }]) => {
      const comm = await manager._create_comm(manager.comm_target_name, model_id);
      await manager.new_model({ ...names, model_id, comm }, state);
    }));
  }

  /** Put each widget in the place of its output, and show the page. */
  async function showOutputs(manager, { Panel, Widget }) {
    const outputs = [...document.querySelectorAll('script[type="application/vnd.voila.cell-output+json"]')];
    window.themeLoaded = true;
    window.display_cells();
    await Promise.all(outputs.map(async (output) => {
      const place = output.parentElement;
      const { model_id: id } = JSON.parse(output.textContent).data[VIEW];
      output.remove();
      if (!manager.has_model(id)) return; // closed again by its notebook, such as a progress bar that leaves nothing
      const panel = new Panel();
      panel.addClass("jp-OutputArea-output");
      Widget.attach(panel, place);
      panel.addWidget((await manager.create_view(await manager.get_model(id))).luminoWidget);
    }));
  }

  async function show() {
    const extensions = await loadExtensions();
    const { shared } = extensions;
    const [modules, base, managing, lumino] = await Promise.all([
      widgetModules(extensions), shared(BASE), shared("@jupyter-widgets/base-manager"), shared("@lumino/widgets"),
    ]);
    const manager = makeManager(managing, modules);
    await makeModels(manager, base);
    await showOutputs(manager, lumino);
  }

  show().catch((error) => {
    console.error(error);
    const notice = document.createElement("div");
    notice.id = "of-trouble";
    notice.setAttribute("role", "alert");
    notice.textContent = `The widgets of this page could not be shown: ${error.message}. Load the page again.`;
    document.getElementById("of-trouble")?.remove();
    document.body.prepend(notice);
  });
})();
