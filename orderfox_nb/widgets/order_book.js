// The ladder: asks above bids, each row's depth bar drawn from the cumulative size.
import { make, makeBalance, makeSelect, setClass, showBalance, write } from "./dom.js";
import { roundedText, shortText, unitsText } from "./format.js";
import { followLast } from "./follow_last.js";
import { moveClass } from "./last_price.js";
import { makeFillTip } from "./order_book_tip.js";
import { followFrames, makePanel, setTrait } from "./panel.js";
import { pictured } from "./picture.js";

const ROWS = ["10", "20", "50"];

function makeSide(name, label) {
  const side = make("div", `of-side of-${name}s`);
  const list = make("div", "of-rows");
  list.setAttribute("role", "rowgroup");
  list.setAttribute("aria-label", label);
  list.tabIndex = 0; // it scrolls, and the arrow keys choose a row
  side.append(list);
  return { element: side, list, rows: [], name };
}

function addRow(side) {
  const element = make("div", "of-row");
  element.setAttribute("role", "row");
  const bar = make("i", "of-bar");
  const classes = [`of-price of-${side.name}`, "of-size", "of-total", "of-notional"];
  const cells = classes.map((name) => make("span", name));
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
    write(row.cells[3], shortText((size * price) / 10 ** (frame.size_digits + frame.price_digits)));
    const scale = (totals[index] / largest).toFixed(4);
    if (row.scale !== scale) row.bar.style.transform = `scaleX(${(row.scale = scale)})`;
    const before = known.get(price);
    const grown = flash && before !== undefined && Math.abs(size - before) >= notable;
    // Two names for one animation: it starts again only when its name changes.
    if (grown) row.element.dataset.flash = row.element.dataset.flash === "1" ? "2" : "1";
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

/** The middle of two ticks has at most one more digit: half a tick is 5 units of it. */
export function middleText({ best_bid: bid, best_ask: ask, tick_digits: digits }) {
  if (bid === null || ask === null) return "–";
  const sum = bid + ask;
  return sum % 2 === 0 ? unitsText(sum / 2, digits) : unitsText(sum * 5, digits + 1);
}

async function render({ model, el }) {
  const parts = makePanel(el, "book", "Order book");
  const rows = makeSelect("Rows a side", (value) => setTrait(model, "rows", Number(value)));
  const rounding = makeSelect("Height of a row in price", (value) => setTrait(model, "rounding", value));
  parts.tools.append(rows, rounding);
  rows.classList.add("of-rows-select");
  rounding.classList.add("of-rounding-select");
  const columns = make("div", "of-columns");
  columns.setAttribute("role", "row");
  const titles = [["Price", ""], ["Size", ""], ["Total", ""], ["Notional", "of-notional"]];
  for (const [title, name] of titles) {
    const cell = make("span", name, title);
    cell.setAttribute("role", "columnheader");
    columns.append(cell);
  }
  const ladder = make("div", "of-ladder");
  ladder.setAttribute("role", "table");
  ladder.setAttribute("aria-label", "Order book");
  const asks = makeSide("ask", "Asks");
  const bids = makeSide("bid", "Bids");
  const middle = make("div", "of-middle");
  const mid = make("strong", "of-mid");
  const spread = make("span", "of-spread");
  middle.setAttribute("role", "row");
  for (const cell of [mid, spread]) cell.setAttribute("role", "cell");
  middle.append(mid, spread);
  ladder.append(columns, asks.element, middle, bids.element);
  const imbalance = make("footer", "of-imbalance");
  const balance = makeBalance();
  const shareText = make("span");
  const depthText = make("span");
  imbalance.append(balance, shareText, depthText);
  parts.body.append(ladder, imbalance);

  const showChoices = (frame) => {
    rows.show(ROWS.map((count) => [count, `${count} rows`]), String(model.get("rows")));
    const asked = model.get("rounding");
    const options = frame?.rounding_options ?? [];
    const inForce = asked === "auto" ? (frame?.rounding ?? "auto") : asked;
    const shown = options.includes(inForce) ? options : [inForce, ...options];
    rounding.show(shown.map((option) => [option, option === "auto" ? "auto" : `by ${option}`]), inForce);
  };
  const tip = makeFillTip(parts.panel, [asks, bids]);
  let book = null;
  let last = null;
  /** The page's last price; the middle of the book is told on hover, or stands in. */
  const showPrice = () => {
    const text = book ? middleText(book) : "–";
    write(mid, last?.text ?? text);
    setClass(mid, `of-mid ${moveClass(last)}`.trim());
    const title = last ? `last price; the middle is ${text}` : "middle of the book";
    if (mid.title !== title) mid.title = title;
    middle.dataset.middle = text;
  };
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
    book = frame;
    showPrice();
    write(spread, spreadText(frame));
    const part = showBalance(balance, bidTotal, askTotal);
    write(shareText, part === null ? "–" : `${Math.round(part * 100)} % bids`);
    write(depthText, `imbalance, ${frame.bids[0].length} rows`);
    parts.panel.dataset.rounding = frame.rounding;
    parts.panel.dataset.rows = String(frame.bids[0].length);
    parts.panel.dataset.symbol = frame.symbol;
    tip.paint(frame);
  };
  const keyOf = () => {
    showChoices(null);
    return {
      symbol: model.get("symbol"),
      stream: "book",
      parameters: { rounding: model.get("rounding"), rows: model.get("rows") },
    };
  };
  parts.symbolChanged = () => {
    book = last = null;
    tip.drop();
    showBalance(balance, 0, 0);
    for (const one of [shareText, depthText]) write(one, "");
  };
  const following = await followFrames({ model, parts, traits: ["symbol", "rounding", "rows"], keyOf, paint });
  const price = await followLast({
    model, place: middle,
    show: (one) => {
      last = one;
      showPrice();
    },
  });
  return () => {
    following.end();
    price.end();
  };
}

export default { render: pictured(render) };
