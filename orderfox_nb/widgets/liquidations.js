// Liquidated orders, newest above, with running totals. Binance shows at most one order per symbol and second, so the
// coverage is always said.
import { make, setClass, write } from "./dom.js";
import { clockText, grouped, priceText, shortText } from "./format.js";
import { followFrames, makePanel } from "./panel.js";

const SAMPLED =
  "Sampled: the venue publishes at most one liquidation per symbol and second, so sums are a lower bound.";

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
  const parts = makePanel(el, "liquidations", "Liquidations");
  const coverage = make("span", "of-context");
  parts.tools.append(coverage);
  const totals = make("div", "of-totals");
  const longs = make("b", "of-ask");
  const shorts = make("b", "of-bid");
  const [longsLabel, shortsLabel] = [make("span"), make("span")];
  const [longsBox, shortsBox] = [make("span"), make("span")];
  longsBox.append(longsLabel, longs);
  shortsBox.append(shortsLabel, shorts);
  totals.append(longsBox, shortsBox);
  const list = make("div", "of-list");
  list.setAttribute("role", "table");
  list.setAttribute("aria-label", "Liquidations, newest first");
  const empty = make("p", "of-empty", "None yet");
  empty.hidden = true;
  parts.body.append(totals, list, empty);
  const rows = [];

  const paint = ({ frame }) => {
    const [times, sides, prices, , notionals] = frame.orders;
    while (rows.length < times.length) addRow(list, rows);
    while (rows.length > times.length) rows.pop().element.remove();
    for (let at = 0; at < times.length; at++) {
      const { element, cells } = rows[at];
      const short = sides[at] > 0;
      write(cells[0], short ? "short" : "long");
      setClass(cells[0], short ? "of-price of-bid" : "of-price of-ask");
      write(cells[1], `${grouped(notionals[at].toFixed(0))} $`);
      write(cells[2], clockText(times[at]));
      element.title = `at ${priceText(prices[at], frame.price_digits)}`;
    }
    empty.hidden = times.length > 0;
    const span = model.get("span");
    const [shortSum, longSum] = frame.sums[span] ?? [0, 0];
    const label = span.replace(/(\d+)/, "$1 ");
    write(longsLabel, `${label} longs `);
    write(longs, shortText(longSum));
    write(shortsLabel, "shorts ");
    write(shorts, shortText(shortSum));
    totals.title = Object.entries(frame.sums)
      .map(([name, [short, long]]) => `${name}: longs ${shortText(long)}, shorts ${shortText(short)}`)
      .join("\n");
    const sampled = frame.quality.coverage === "sampled";
    write(coverage, sampled ? "sampled (i)" : "complete");
    coverage.title = sampled ? SAMPLED : "Every liquidation of the venue.";
    parts.panel.dataset.symbol = frame.symbol;
  };
  const keyOf = () => ({
    symbol: model.get("symbol"), stream: "liquidations", parameters: { rows: model.get("length") },
  });
  const following = await followFrames({ model, parts, traits: ["symbol", "length"], keyOf, paint });
  return () => following.end();
}

export default { render };
