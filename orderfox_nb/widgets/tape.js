// Trades as they happen, newest above.
import { make, setClass, write } from "./dom.js";
import { clockText, unitsText } from "./format.js";
import { followFrames, makePanel } from "./panel.js";

function addRow(list, rows) {
  const element = make("div", "of-row");
  element.setAttribute("role", "row");
  const cells = [make("span", "of-price"), make("span", "of-size"), make("span", "of-time")];
  for (const cell of cells) cell.setAttribute("role", "cell");
  element.append(...cells);
  list.append(element);
  rows.push({ element, cells });
}

async function render({ model, el }) {
  const parts = makePanel(el, "tape", "Trades");
  const rate = make("span", "of-context");
  parts.tools.append(rate);
  const columns = make("div", "of-columns");
  columns.append(make("span", "", "Price"), make("span", "", "Size"), make("span", "", "Time"));
  const list = make("div", "of-list");
  list.setAttribute("role", "table");
  list.setAttribute("aria-label", "Trades, newest first");
  parts.body.append(columns, list);
  const rows = [];

  const paint = ({ frame }) => {
    const [ids, times, prices, sizes, sides] = frame.trades;
    const least = model.get("minimum_size") * 10 ** frame.size_digits;
    const large = largeSize(sizes);
    let shown = 0;
    for (let at = ids.length - 1; at >= 0; at--) {
      if (sizes[at] < least) continue;
      if (shown === rows.length) addRow(list, rows);
      const { element, cells } = rows[shown++];
      write(cells[0], unitsText(prices[at], frame.price_digits));
      setClass(cells[0], sides[at] > 0 ? "of-price of-bid" : "of-price of-ask");
      write(cells[1], unitsText(sizes[at], frame.size_digits));
      write(cells[2], clockText(times[at]));
      setClass(element, sizes[at] >= large ? "of-row of-large" : "of-row");
    }
    while (rows.length > shown) rows.pop().element.remove();
    const filter = least > 0 ? ` · ≥ ${model.get("minimum_size")}` : "";
    write(rate, `${frame.rate < 10 ? frame.rate.toFixed(1) : Math.round(frame.rate)}/s${filter}`);
    parts.panel.dataset.last = String(ids.at(-1) ?? "");
    parts.panel.dataset.symbol = frame.symbol;
  };
  const keyOf = () => ({
    symbol: model.get("symbol"), stream: "trades", parameters: { rows: model.get("length") },
  });
  const following = await followFrames({ model, parts, traits: ["symbol", "length"], keyOf, paint });
  return () => following.end();
}

/** The size from which a trade stands out: ten times the mean of those on the screen. */
function largeSize(sizes) {
  if (sizes.length === 0) return Infinity;
  let sum = 0;
  for (const size of sizes) sum += size;
  return (sum / sizes.length) * 10;
}

export default { render };
