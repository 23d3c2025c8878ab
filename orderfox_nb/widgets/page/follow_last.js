// Shows the page's last price in a widget: it follows the symbol's trades and updates together with all other widgets.
import { make } from "./dom.js";
import { followFrames } from "./panel.js";

/**
 * Call `show(last, link)` with the last price of the model's symbol at each change, null while it is not known. `place`
 * is an element of its own, as wide as anything: where it is not displayed no frames come.
 */
export async function followLast({ model, place, show }) {
  const parts = { panel: place, note: make("span"), gone: "" };
  let unlisten = () => {};
  let listened = null;
  const listen = (link) => {
    const symbol = model.get("symbol");
    if (!link || listened === symbol) return;
    unlisten();
    listened = symbol;
    unlisten = link.last.listen(symbol, (last) => show(last, link));
  };
  parts.symbolChanged = () => listen(following?.link);
  let following = null;
  following = await followFrames({
    model, parts, traits: ["symbol"],
    keyOf: () => ({ symbol: model.get("symbol"), stream: "trades", parameters: { rows: 50 } }),
    paint: () => {},
  });
  listen(following.link);
  return {
    end() {
      unlisten();
      following.end();
    },
  };
}
