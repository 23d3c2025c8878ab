// The distance of the two best prices.
import { make, write } from "../page/dom.js";
import { unitsText } from "../page/format.js";
import { followFrames, makePanel } from "../page/panel.js";
import { pictured } from "../page/picture.js";

export function spreadText({ best_bid: bid, best_ask: ask, tick_digits: digits }, unit) {
  if (bid === null || ask === null) return "one side is empty";
  return unit === "bp" ? `${((2e4 * (ask - bid)) / (ask + bid)).toFixed(2)} bp` : unitsText(ask - bid, digits);
}

async function render({ model, el }) {
  const parts = makePanel(el, "spread", "Spread");
  const value = make("b", "of-spread");
  parts.panel.append(value);
  const keyOf = () => ({ symbol: model.get("symbol"), stream: "book", parameters: { rounding: "auto", rows: 10 } });
  const paint = ({ frame }) => write(value, spreadText(frame, model.get("unit")));
  const following = await followFrames({ model, parts, traits: ["symbol", "unit"], keyOf, paint });
  return () => following.end();
}

export default { render: pictured(render) };
