// Shows the page's last price in a widget: it follows the symbol's trades and updates together with all other widgets.
import { make } from "./dom.js";
import { followFrames, marketShown } from "./panel.js";
import { askedOf, marketOf } from "./venues.js";

/**
 * Call `show(last, link)` with the last price of the model's symbol at each change, null while it is unknown. `place`
 * is an element of its own, as wide as anything: where it is not displayed no frames come.
 */
export async function followLast({ model, place, show }) {
  const parts = { panel: place, note: make("span"), gone: "" };
  let unlisten = () => {};
  let listened = null;
  const listen = (link) => {
    const market = link && marketOf(marketShown(model, link));
    if (!link || listened === market) return;
    unlisten();
    listened = market;
    unlisten = link.last.listen(market, (last) => show(last, link));
  };
  parts.symbolChanged = () => listen(following?.link);
  let following = null;
  following = await followFrames({
    model, parts, traits: ["symbol"],
    keyOf: (link) => askedOf(model, link, "trades", { rows: 50 }),
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
