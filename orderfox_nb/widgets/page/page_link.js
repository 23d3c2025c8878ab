// The one link of a page, and how a widget's view holds it.
import { Link } from "./link.js";
import { pageBase } from "./transport.js";

/** The page's link, made by the first widget that asks. */
export function pageLink() {
  const base = pageBase();
  const name = Symbol.for(`orderfox.link.v1:${base ?? "comm"}`);
  return (globalThis[name] ??= new Link(base));
}

/** Hold the page's link as long as a view lives; gives it, the session of the view's kernel, and what lets go. */
export async function holdLink(model) {
  const link = pageLink();
  let pump = null;
  try {
    const id = model.get("pump");
    if (id) pump = await model.widget_manager.get_model(id.replace(/^IPY_MODEL_/, ""));
  } catch {
    pump = null; // a page whose kernel is gone has no pump; the socket may still be there
  }
  const session = link.acquire(pump, model.widget_manager);
  return { link, session, release: () => link.release(session) };
}
