// What a bot did, as tables: its open orders, its fills, its log.
import { make, setClass, write } from "../page/dom.js";
import { clockText, grouped, withMinus } from "../page/format.js";
import { makeTable } from "../panels/table_rows.js";
import { paddedText } from "./bot_values.js";

const FEE_DIGITS = 4;
const sideClass = (side) => (side === "buy" ? "of-bid" : "of-ask");
const longest = (texts) => texts.reduce((found, text) => (text.length > found.length ? text : found), "");

const ORDER_COLUMNS = [
  ["Side", ""], ["Price", ""], ["Size", ""], ["Filled", "of-total"], ["Type", "of-total"], ["Placed", "of-time"],
];
const FILL_COLUMNS = [
  ["Time", "of-time"], ["Side", ""], ["Price", ""], ["Size", ""], ["Fee", "of-total"], ["As", "of-total"],
];

/** What an order waits for: its price, or the one that triggers it. */
function orderPrice({ price, triggerPrice }, digits) {
  if (price !== null) return paddedText(price, digits);
  return triggerPrice === null ? "market" : `at ${paddedText(triggerPrice, digits)}`;
}

const orderTexts = (one, { priceDigits, sizeDigits }) => [
  one.side, orderPrice(one, priceDigits), paddedText(one.amount, sizeDigits), paddedText(one.filled, sizeDigits),
  one.type.replaceAll("_", " "), clockText(one.timestamp),
];

const fillTexts = (one, { priceDigits, sizeDigits }) => [
  clockText(one.timestamp), one.side, paddedText(one.price, priceDigits), paddedText(one.amount, sizeDigits),
  withMinus(Number(one.fee).toFixed(FEE_DIGITS)), one.liquidation ? "liquidation" : one.maker ? "maker" : "taker",
];

/** A table whose rows are texts; `sideAt` is the column of the side, `drops` those that a narrow table leaves out. */
function makeRows({ label, columns, texts, sideAt, drops, none }) {
  const root = make("div", "of-bot-page");
  const empty = make("p", "of-empty", none);
  let shown = [];
  let key = "";
  let digits = {};
  const draw = () => {
    const all = shown.map((one) => texts(one, digits));
    const fits = columns.map(([title], at) => ({ texts: [longest([title, ...all.map((one) => one[at])])] }));
    for (const [at, priority] of Object.entries(drops)) fits[at].drop = priority;
    table.fit(key, fits);
    all.forEach((cellTexts, at) => {
      const { cells } = table.row(at);
      cellTexts.forEach((text, column) => write(cells[column], text));
      setClass(cells[sideAt], `${columns[sideAt][1]} ${sideClass(shown[at].side)}`.trim());
    });
    table.cut(shown.length);
    empty.hidden = shown.length > 0;
    table.table.hidden = shown.length === 0;
    root.dataset.rows = String(shown.length);
  };
  const table = makeTable(label, columns, () => draw());
  root.append(table.table, empty);
  return {
    root,
    /** Show rows of a bot; `instrument` has the digits of its prices and sizes, null if it is unknown. */
    show(rows, id, instrument = null) {
      [shown, key, digits] = [rows, id, instrument ?? {}];
      draw();
    },
  };
}

/** Open orders, the newest above. */
export function makeOrders() {
  return makeRows({
    label: "Open orders", columns: ORDER_COLUMNS, texts: orderTexts, sideAt: 0, drops: { 3: 1, 4: 2, 5: 2 },
    none: "No open orders.",
  });
}

/** Fills, the newest above. */
export function makeFills() {
  return makeRows({
    label: "Fills", columns: FILL_COLUMNS, texts: fillTexts, sideAt: 1, drops: { 0: 1, 4: 1, 5: 2 },
    none: "No fills yet.",
  });
}

/** The log, the newest line above; a traceback is one line with breaks in it. */
export function makeLog() {
  const root = make("div", "of-bot-page of-bot-log");
  root.tabIndex = 0; // it scrolls: the keyboard must reach it
  root.setAttribute("role", "log");
  root.setAttribute("aria-label", "Log");
  const empty = make("p", "of-empty", "Nothing has happened since the server started.");
  const list = make("div", "of-bot-lines");
  root.append(list, empty);
  let first = "";
  return {
    root,
    show(lines, id) {
      const { number = 0, times = 1 } = lines.at(-1) ?? {};
      const state = `${id} ${number} ${times} ${lines.length}`;
      if (state === first) return;
      first = state;
      list.replaceChildren(...lines.toReversed().map(({ time, level, text, times }) => {
        const line = make("div", "of-bot-line");
        line.dataset.level = level;
        line.append(make("time", "of-time", clockText(time)), make("span", "", text));
        if (times > 1) {
          const count = make("b", "of-bot-times", `${grouped(String(times))}×`);
          count.title = "Repeated this many times in a row; the newest is shown";
          line.append(count);
        }
        return line;
      }));
      empty.hidden = lines.length > 0;
      root.dataset.rows = String(lines.length);
    },
  };
}

/** Names and values below each other, such as parameters and figures. */
export function makePairs(label) {
  const root = make("dl", "of-bot-page of-bot-pairs");
  root.setAttribute("aria-label", label);
  return {
    root,
    show(pairs) {
      const wanted = JSON.stringify(pairs);
      if (root.ofShown === wanted) return;
      root.ofShown = wanted;
      root.replaceChildren(...pairs.flatMap(([name, value]) => [make("dt", "", name), make("dd", "", value)]));
    },
  };
}
