// The one link of a page, those of markets that a kernel reads itself, and how a widget's view holds its own.
import { Link } from "./link.js";
import { pageBase } from "./transport.js";

function linkNamed(name, make) {
  return (globalThis[Symbol.for(name)] ??= make());
}

/** The page's link, made by the first widget that asks. */
export function pageLink() {
  const base = pageBase();
  return linkNamed(`orderfox.link.v1:${base ?? "comm"}`, () => new Link(base));
}

const pumpId = (model) => (model.get("pump") ?? "").replace(/^IPY_MODEL_/, "");
const ownName = (model) => `orderfox.own.v1:${pumpId(model)}`;

/** The link of a widget: the page's, or one through the kernel where its market is not that of the page's server. */
export function linkOf(model) {
  if (!model.get("own_market")) return pageLink();
  return linkNamed(ownName(model), () => new Link(null, { isOwn: true }));
}

/** Hold a widget's link as long as a view lives; returns it, the session of the view's kernel, and what lets go. */
export async function holdLink(model) {
  let pump = null;
  try {
    if (pumpId(model)) pump = await model.widget_manager.get_model(pumpId(model));
  } catch {
    pump = null; // a page whose kernel is gone has no pump; the socket may still be there
  }
  const link = linkOf(model);
  const session = link.acquire(pump, model.widget_manager);
  const release = () => {
    link.release(session);
    if (link.isOwn && link.views === 0) delete globalThis[Symbol.for(ownName(model))];
  };
  return { link, session, release };
}
