// The ladder: asks above bids, each row's depth bar drawn from the cumulative size.
import { make, makeSelect, setClass, write } from "./dom.js";
import { roundedText, unitsText } from "./format.js";
import { followFrames, makePanel, setTrait } from "./panel.js";

const ROWS = ["10", "20", "50"];

function makeSide(name, label) {
  const side = make("div", `of-side of-${name}s`);
  const list = make("div", "of-rows");
  list.setAttribute("role", "rowgroup");
  list.setAttribute("aria-label", label);
  side.append(list);
  return { element: side, list, rows: [], name };
}

function addRow(side) {
  const element = make("div", "of-row");
  element.setAttribute("role", "row");
  const bar = make("i", "of-bar");
  const cells = [make("span", `of-price of-${side.name}`), make("span", "of-size"), make("span", "of-total")];
  for (const cell of cells) cell.setAttribute("role", "cell");
  element.append(bar, ...cells);
  side.list.append(element);
  side.rows.push({ element, bar, cells, price: null, size: null });
}

/** Best first in the document; the asks' column is reversed by the style sheet, so that the best ask stands lowest. */
function paintSide(side, [prices, sizes, totals], frame, largest, flash) {
  // What is worth a look: a change of at least half of what a row holds on average.
  const notable = Math.max(1, (totals.at(-1) ?? 0) / (2 * prices.length));
  while (side.rows.length < prices.length) addRow(side);
  while (side.rows.length > prices.length) side.rows.pop().element.remove();
  const known = new Map(side.rows.map((row) => [row.price, row.size]));
  for (let index = 0; index < prices.length; index++) {
    const row = side.rows[index];
    const price = prices[index];
    const size = sizes[index];
    write(row.cells[0], unitsText(price, frame.price_digits));
    write(row.cells[1], unitsText(size, frame.size_digits));
    write(row.cells[2], roundedText(totals[index], frame.size_digits));
    const scale = (totals[index] / largest).toFixed(4);
    if (row.scale !== scale) row.bar.style.transform = `scaleX(${(row.scale = scale)})`;
    const before = known.get(price);
    const grown = flash && before !== undefined && Math.abs(size - before) >= notable;
    // Two names for one animation: it starts again only when its name changes.
    const again = row.element.className === "of-row of-flash";
    if (grown) setClass(row.element, again ? "of-row of-flash2" : "of-row of-flash");
    row.price = price;
    row.size = size;
  }
}

function spreadText(frame) {
  const { best_bid: bid, best_ask: ask, tick_digits: digits } = frame;
  if (bid === null || ask === null) return "one side is empty";
  const points = ((ask - bid) / ((ask + bid) / 2)) * 1e4;
  return `spread ${unitsText(ask - bid, digits)} · ${points.toFixed(points < 10 ? 2 : 1)} bp`;
}

async function render({ model, el }) {
  const parts = makePanel(el, "book", "Order book");
  const rows = makeSelect("Rows a side", (value) => setTrait(model, "rows", Number(value)));
  const rounding = makeSelect("Height of a row in price", (value) => setTrait(model, "rounding", value));
  parts.tools.append(rows, rounding);
  rows.classList.add("of-rows-select");
  rounding.classList.add("of-rounding-select");
  const columns = make("div", "of-columns");
  columns.append(make("span", "", "Price"), make("span", "", "Size"), make("span", "", "Total"));
  const ladder = make("div", "of-ladder");
  ladder.setAttribute("role", "table");
  ladder.setAttribute("aria-label", "Order book");
  const asks = makeSide("ask", "Asks");
  const bids = makeSide("bid", "Bids");
  const middle = make("div", "of-middle");
  const mid = make("strong", "of-mid");
  const spread = make("span", "of-spread");
  middle.append(mid, spread);
  ladder.append(asks.element, middle, bids.element);
  const imbalance = make("footer", "of-imbalance");
  const balance = make("div", "of-balance");
  const share = make("i");
  balance.append(share);
  const shareText = make("span");
  const depthText = make("span");
  imbalance.append(balance, shareText, depthText);
  parts.body.append(columns, ladder, imbalance);

  const showChoices = (frame) => {
    rows.show(ROWS.map((count) => [count, `${count} rows`]), String(model.get("rows")));
    const asked = model.get("rounding");
    const options = frame?.rounding_options ?? [];
    const inForce = asked === "auto" ? (frame?.rounding ?? "auto") : asked;
    const shown = options.includes(inForce) ? options : [inForce, ...options];
    rounding.show(shown.map((option) => [option, option === "auto" ? "auto" : `by ${option}`]), inForce);
  };
  let lastMid = 0;
  let key = "";
  const paint = (entry) => {
    const { frame } = entry;
    showChoices(frame);
    const [bidTotals, askTotals] = [frame.bids[2], frame.asks[2]];
    const bidTotal = bidTotals.at(-1) ?? 0;
    const askTotal = askTotals.at(-1) ?? 0;
    const largest = Math.max(bidTotal, askTotal, 1);
    const flash = key === entry.key && model.get("flash");
    key = entry.key;
    paintSide(asks, frame.asks, frame, largest, flash);
    paintSide(bids, frame.bids, frame, largest, flash);
    const middlePrice = frame.best_bid === null || frame.best_ask === null ? null : frame.best_bid + frame.best_ask;
    if (middlePrice !== null) {
      if (middlePrice !== lastMid) setClass(mid, `of-mid ${middlePrice > lastMid ? "of-bid" : "of-ask"}`);
      lastMid = middlePrice;
      // The middle of two ticks has at most one more digit: half a tick is 5 units of it.
      const even = middlePrice % 2 === 0;
      const text = even
        ? unitsText(middlePrice / 2, frame.tick_digits)
        : unitsText(middlePrice * 5, frame.tick_digits + 1);
      write(mid, text);
    } else write(mid, "–");
    write(spread, spreadText(frame));
    const part = bidTotal + askTotal ? bidTotal / (bidTotal + askTotal) : 0.5;
    share.style.transform = `scaleX(${part.toFixed(3)})`;
    write(shareText, `${Math.round(part * 100)} % bids`);
    write(depthText, `imbalance, ${frame.bids[0].length} rows`);
    parts.panel.dataset.rounding = frame.rounding;
    parts.panel.dataset.rows = String(frame.bids[0].length);
    parts.panel.dataset.symbol = frame.symbol;
  };
  const keyOf = () => {
    showChoices(null);
    return {
      symbol: model.get("symbol"),
      stream: "book",
      parameters: { rounding: model.get("rounding"), rows: model.get("rows") },
    };
  };
  parts.symbolChanged = () => (lastMid = 0);
  const following = await followFrames({ model, parts, traits: ["symbol", "rounding", "rows"], keyOf, paint });
  return () => following.end();
}

export default { render };
