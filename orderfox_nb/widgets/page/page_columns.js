// The columns of a dashboard whose page has no kernel: there Python makes no panels for another market, so the page
// does, as copies of the first market's, and arranges them as Dashboard does.
import { isConnected, pageKernel } from "./kernel.js";
import { MAX_MARKETS } from "./page_settings.js";

const PREFIX = "IPY_MODEL_";
const FRAME_MS = 250;

const idOf = (reference) => reference.slice(PREFIX.length);
const isReference = (value) => typeof value === "string" && value.startsWith(PREFIX);
const newId = () => {
  const bytes = [...crypto.getRandomValues(new Uint8Array(16))];
  return bytes.map((one) => one.toString(16).padStart(2, "0")).join("");
};

/** Until messages to the views on the screen have arrived; a hidden page has no frames. */
const followed = () => new Promise((done) => {
  requestAnimationFrame(() => requestAnimationFrame(done));
  setTimeout(done, FRAME_MS);
});

/** The ids of the widgets that a state names; the pump belongs to the page and is not a part of any widget. */
function parts(state) {
  const found = [];
  const visit = (value) => {
    if (isReference(value)) found.push(idOf(value));
    else if (value && typeof value === "object") Object.values(value).forEach(visit);
  };
  for (const [name, value] of Object.entries(state)) if (name !== "pump") visit(value);
  return found;
}

/** A state whose references lead to the copies. */
function renamed(value, names) {
  if (isReference(value)) return names.has(idOf(value)) ? `${PREFIX}${names.get(idOf(value))}` : value;
  if (Array.isArray(value)) return value.map((one) => renamed(one, names));
  if (!value || typeof value !== "object") return value;
  return Object.fromEntries(Object.entries(value).map(([name, one]) => [name, renamed(one, names)]));
}

const BELOW = 2; // children of a dashboard below its markets: the playhead and the bots

class Columns {
  constructor(model, states) {
    this.model = model;
    this.manager = model.widget_manager;
    this.states = states;
    this.work = Promise.resolve();
    this.ended = false;
    const panels = JSON.stringify(model.get("panels"));
    this.page = Object.keys(states).find((id) => JSON.stringify(states[id].state.panels) === panels);
    this.root = Object.keys(states).find((id) => {
      return states[id].state._dom_classes?.includes("of-dashboard") && this.tree([id], "").includes(this.page);
    });
    this.columns = this.read();
    this.symbols = states[this.page].state.symbols;
    this.template = this.columns[0];
  }

  children(id) {
    return this.states[id].state.children.map(idOf);
  }

  /** Widgets with all their parts. */
  tree(ids, but = this.page) {
    const found = new Set();
    const visit = (id) => {
      if (id === but || found.has(id) || !this.states[id]) return;
      found.add(id);
      parts(this.states[id].state).forEach(visit);
    };
    ids.forEach(visit);
    return [...found];
  }

  /** The columns that the notebook made, and what a single one has beside it. */
  read() {
    const top = this.children(this.root);
    if (this.states[this.page].state.symbols.length === 1) {
      const [head, chart, depth, book, tape, liquidations, ...below] = top;
      this.beside = { depth, liquidations };
      this.below = below;
      return [this.column({ head, chart, book, tape })];
    }
    const [depth, liquidations] = this.states[this.page].state.spares.map(idOf);
    this.beside = { depth, liquidations };
    this.below = top.slice(-BELOW);
    return top.slice(0, -BELOW).map((box) => {
      const [head, chart, lower] = this.children(box);
      const [book, tape] = this.children(lower);
      return { ...this.column({ head, chart, book, tape }), box, all: this.tree([box]) };
    });
  }

  column({ head, chart, book, tape }) {
    const [picker, header, badge] = this.children(head);
    return { head, picker, header, badge, chart, book, tape, box: null, all: this.tree([head, chart, book, tape]) };
  }

  /** Bring the screen to these symbols, one change after the other. */
  fit(symbols) {
    this.work = this.work.then(() => this.ended || this.fitNow(symbols)).catch((error) => console.error(error));
  }

  async fitNow(symbols) {
    const before = this.symbols;
    this.symbols = symbols;
    if (symbols.length === this.columns.length) return;
    const dropped = [];
    while (this.columns.length > symbols.length) {
      // The column whose symbol has gone; the others keep their panels and with them what a chart has loaded.
      const gone = before.findIndex((symbol, at) => symbol !== symbols[at]);
      const at = before.length === symbols.length + 1 && gone >= 0 ? gone : this.columns.length - 1;
      dropped.push(...this.columns.splice(at, 1));
    }
    while (this.columns.length < Math.min(symbols.length, MAX_MARKETS)) this.columns.push(await this.make());
    await this.show();
    const linked = (column) => [column.picker, column.header, column.badge, column.chart, column.book, column.tape];
    const panels = this.columns.flatMap((column, at) => linked(column).map((id) => [id, at]));
    if (this.columns.length === 1) panels.push([this.beside.liquidations, 0], [this.beside.depth, 0]);
    panels.push(...this.below.map((id) => [id, 0]));
    const { model } = this;
    model.set("columns", panels.map(([, at]) => at)); // first: the panels are read when they change
    model.set("panels", panels.map(([id]) => `${PREFIX}${this.layerOf(id)}`));
    await this.quiet([this.root]);
    for (const { all } of dropped) await this.close(all);
  }

  /** The panel inside a chart's box; any other panel is one itself. */
  layerOf(id) {
    const children = this.states[id].state.children;
    return children ? idOf(children[0]) : id;
  }

  async make() {
    const { picker, header, badge, chart, book, tape } = this.template;
    const names = await this.copy([picker, header, badge, chart, book, tape]);
    const column = Object.fromEntries(
      Object.entries({ picker, header, badge, chart, book, tape }).map(([name, id]) => [name, names.get(id)]),
    );
    const head = await this.makeBox([column.picker, column.header, column.badge], "of-head");
    return { ...column, head: head.id, box: null, all: [...names.values(), ...head.all] };
  }

  /** Copy widgets with their parts; returns the ids of the copies by those of what they are copies of. */
  async copy(ids) {
    const names = new Map(this.tree(ids).map((id) => [id, newId()]));
    await this.create([...names].map(([id, copy]) => {
      const entry = this.states[id];
      // What a notebook has added to its chart belongs to that market.
      const own = entry.model_name === "FigureModel" ? { ...entry.state, marks: [] } : entry.state;
      return [copy, { ...entry, state: renamed(own, names) }];
    }));
    return names;
  }

  async makeBox(children, ...classes) {
    const entry = this.states[this.template.head];
    const layout = idOf(entry.state.layout);
    const [id, layoutCopy] = [newId(), newId()];
    const state = {
      ...entry.state, _dom_classes: classes, layout: `${PREFIX}${layoutCopy}`,
      children: children.map((one) => `${PREFIX}${one}`),
    };
    await this.create([[layoutCopy, this.states[layout]], [id, { ...entry, state }]]);
    return { id, all: [id, layoutCopy] };
  }

  /** Make models as the widget manager makes those of a kernel: each may name any other of them. */
  async create(entries) {
    const { manager } = this;
    const comms = await Promise.all(entries.map(([id]) => manager._create_comm(manager.comm_target_name, id)));
    await Promise.all(entries.map(([id, entry], at) => {
      this.states[id] ??= entry;
      const { model_name, model_module, model_module_version, state } = entry;
      const options = { model_name, model_module, model_module_version, model_id: id, comm: comms[at] };
      return manager.new_model(options, { ...state });
    }));
  }

  async close(ids) {
    for (const id of ids) {
      const model = await this.manager.get_model(id);
      model.trigger("comm:close"); // the manager forgets it
      model.close(!isConnected(model)); // a comm without a connection cannot be closed
      if (!this.isTemplate(id)) delete this.states[id];
    }
  }

  /** Copies are made of states, so those of the first market stay when it is taken away. */
  isTemplate(id) {
    return this.template.all.includes(id);
  }

  models(ids) {
    return Promise.all(ids.map((id) => this.manager.get_model(id)));
  }

  /** How many views some boxes have, and their children: once each of them is made. */
  async countViews(ids) {
    let count = 0;
    for (const box of await this.models(ids)) {
      for (const view of await Promise.all(Object.values(box.views ?? {}))) {
        const children = await Promise.all(view.children_views?.views ?? []);
        count += 1 + children.length;
      }
    }
    return count;
  }

  /**
   * Until nothing is on its way to the views of some boxes: ipywidgets sends messages to all children when the last of
   * them is made, and one that has gone by then is an error.
   */
  async quiet(ids) {
    for (let seen = -1, count = 0; seen !== count; seen = count, count = await this.countViews(ids)) await followed();
  }

  async setChildren(id, ids) {
    const [box, ...children] = await this.models([id, ...ids]);
    const now = box.get("children");
    if (now.length !== children.length || children.some((one, at) => one !== now[at])) box.set("children", children);
  }

  /** Put the columns on the screen: one as it is, several as boxes side by side. */
  async show() {
    const { columns } = this;
    const last = columns.length - 1;
    const boxes = columns.flatMap((column) => [column.head, ...(column.box ? [column.box] : [])]);
    await this.quiet([this.root, ...boxes]);
    for (const [at, { head, picker, header, badge }] of columns.entries()) {
      await this.setChildren(head, [picker, header, badge, ...(at === last ? [this.page] : [])]);
    }
    await this.quiet([this.root, ...boxes]);
    const [{ head, chart, book, tape }] = columns;
    const { depth, liquidations } = this.beside;
    if (columns.length > 1) for (const column of columns) await this.boxed(column);
    const single = [head, chart, depth, book, tape, liquidations];
    const shown = columns.length === 1 ? single : columns.map(({ box }) => box);
    await this.setChildren(this.root, [...shown, ...this.below]);
    const [root] = await this.models([this.root]);
    const own = root.get("_dom_classes").filter((name) => !/^of-(columns-\d|side-by-side)$/.test(name));
    const several = columns.length > 1 ? [`of-columns-${columns.length}`, "of-side-by-side"] : [];
    root.set("_dom_classes", [...own, ...several]);
  }

  async boxed(column) {
    if (column.box) return;
    const lower = await this.makeBox([column.book, column.tape], "of-lower");
    const box = await this.makeBox([column.head, column.chart, lower.id], "of-column");
    column.box = box.id;
    column.all = [...column.all, ...lower.all, ...box.all];
  }
}

/** Let the page make the columns of its dashboard; returns a function that ends it, or nothing if a kernel does. */
export function makeColumns(model) {
  const kernel = pageKernel();
  if (!kernel) return () => {};
  const columns = new Columns(model, { ...kernel.states() });
  const fit = () => columns.fit(model.get("symbols"));
  model.on("change:symbols", fit);
  fit();
  return () => {
    columns.ended = true;
    model.off("change:symbols", fit);
  };
}
