// What is on the screen, kept in the URL and in local storage, and the panels linked to each other in the browser: the
// kernel may be busy or gone.

const NAMES = ["symbol", "timeframe", "rounding", "rows"];
const STORE = "orderfox.view.v1:";

/** Values of one URL or store, only those of the right form: both can be written by anybody. */
function cleaned(values) {
  const clean = {};
  if (/^[A-Za-z0-9_:/-]{1,40}$/.test(values.symbol ?? "")) clean.symbol = values.symbol.replace("/", "").toUpperCase();
  if (/^\d{1,2}[mhdwM]$/.test(values.timeframe ?? "")) clean.timeframe = values.timeframe;
  if (/^(auto|\d{1,12}(\.\d{1,12})?)$/.test(values.rounding ?? "")) clean.rounding = values.rounding;
  if (/^(10|20|50)$/.test(String(values.rows ?? ""))) clean.rows = Number(values.rows);
  return clean;
}

const inLab = () => document.body.dataset.jpThemeName !== undefined && document.body.dataset.voila === undefined;

function fromUrl() {
  return inLab() ? {} : cleaned(Object.fromEntries(new URLSearchParams(location.search)));
}

function fromStore(name) {
  try {
    return cleaned(JSON.parse(localStorage.getItem(STORE + name) ?? "{}"));
  } catch {
    return {};
  }
}

function keep(name, values) {
  try {
    localStorage.setItem(STORE + name, JSON.stringify(values));
  } catch {
    // private windows may refuse; the URL still has it
  }
  if (inLab()) return; // JupyterLab's own router owns the address there
  const url = new URL(location.href);
  for (const [key, value] of Object.entries(values)) url.searchParams.set(key, String(value));
  history.replaceState(history.state, "", url);
}

async function initialize({ model }) {
  const ids = model.get("panels").map((id) => id.replace(/^IPY_MODEL_/, ""));
  const panels = await Promise.all(ids.map((id) => model.widget_manager.get_model(id)));
  const all = [model, ...panels];
  const has = (one, name) => one.get(name) !== undefined;
  const values = () => Object.fromEntries(NAMES.map((name) => [name, model.get(name)]));
  let spreading = false;

  const spread = (name, value) => {
    spreading = true;
    for (const one of all) {
      if (!has(one, name) || one.get(name) === value) continue;
      one.set(name, value);
      one.save_changes();
    }
    spreading = false;
  };
  const given = model.get("given"); // what the cell asked for by name stands above what was remembered
  const remembered = fromStore(model.get("name"));
  for (const name of given) delete remembered[name];
  const start = { ...values(), ...remembered, ...fromUrl() };
  for (const name of NAMES) spread(name, start[name]);
  keep(model.get("name"), values());

  let symbol = model.get("symbol");
  const ends = [];
  for (const one of all) {
    for (const name of NAMES) {
      if (!has(one, name)) continue;
      const changed = () => {
        if (spreading) return;
        // A row height belongs to one symbol's prices: another symbol starts with its own.
        if (name === "symbol" && one.get("symbol") !== symbol) spread("rounding", "auto");
        if (name === "symbol") symbol = one.get("symbol");
        spread(name, one.get(name));
        keep(model.get("name"), values());
      };
      one.on(`change:${name}`, changed);
      ends.push(() => one.off(`change:${name}`, changed));
    }
  }
  return () => ends.forEach((end) => end());
}

/** Nothing to see: the panels show it all. */
function render({ el }) {
  el.style.display = "none";
}

export default { initialize, render };
