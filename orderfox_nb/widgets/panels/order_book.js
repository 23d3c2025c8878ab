// The ladder: a price axis, asks above bids, each row's depth bar drawn from the cumulative size.
import { ColumnFit, fittingText, makeMeasure } from "./column_fit.js";
import { make, makeBalance, makeSelect, setClass, showBalance, write } from "../page/dom.js";
import { followLast } from "../page/follow_last.js";
import { axisOf, LadderWindow, ownRows, sideRows, wireRows } from "./ladder_axis.js";
import { makePlace } from "./ladder_place.js";
import { makeSide, paintSide } from "./ladder_side.js";
import { columnTexts, middleText, spreadTexts } from "./ladder_texts.js";
import { moveClass } from "../page/last_price.js";
import { makeFillTip } from "./order_book_tip.js";
import { followFrames, makePanel, marketShown, setTrait } from "../page/panel.js";
import { pictured } from "../page/picture.js";
import { shownBot } from "../page/shown_bot.js";
import { askedOf, venuesMeant } from "../page/venues.js";
import { makeAcross } from "./across_view.js";

const ROWS = ["fit", "10", "20", "50"];
const PADDING_PX = 24;
const BUTTON_PX = 40; // of the way back, with the room around it
const MID_SCALE = 1.4; // its text beside that of the rows
const TITLES = [["Price", "of-price"], ["Size", "of-size"], ["Total", "of-total"], ["Notional", "of-notional"]];

function makeTitles() {
  const columns = make("div", "of-columns");
  columns.setAttribute("role", "row");
  for (const [title, name] of TITLES) {
    const cell = make("span", name, title);
    cell.setAttribute("role", "columnheader");
    columns.append(cell);
  }
  return columns;
}

/** The line between asks and bids: last price, the way back to the middle, spread. */
function makeMiddle() {
  const middle = make("div", "of-middle");
  middle.setAttribute("role", "row");
  const [mid, cell, spread] = [make("strong", "of-mid"), make("span"), make("span", "of-spread")];
  const back = make("button", "of-recentre", "◎");
  back.type = "button";
  back.title = "Back to the middle of the book (C)";
  back.setAttribute("aria-label", "Back to the middle of the book");
  cell.append(back);
  for (const one of [mid, cell, spread]) one.setAttribute("role", "cell");
  middle.append(mid, cell, spread);
  return { middle, mid, back, spread };
}

async function render({ model, el }) {
  const parts = makePanel(el, "book", "Order book");
  const rows = makeSelect("Rows a side", (value) => setTrait(model, "rows", value === "fit" ? value : Number(value)));
  const rounding = makeSelect("Height of a row in price", (value) => setTrait(model, "rounding", value));
  const currency = makeSelect("Quote currency", (value) => setTrait(model, "currency", value));
  currency.hidden = true;
  parts.tools.append(currency, rows, rounding);
  rows.classList.add("of-rows-select");
  rounding.classList.add("of-rounding-select");
  const ladder = make("div", "of-ladder of-fit");
  ladder.setAttribute("role", "table");
  ladder.setAttribute("aria-label", "Order book");
  const [asks, bids] = [makeSide("ask", "Asks"), makeSide("bid", "Bids")];
  const { middle, mid, back, spread } = makeMiddle();
  const imbalance = make("footer", "of-imbalance");
  const balance = makeBalance();
  const [shareText, depthText] = [make("span"), make("span")];
  imbalance.append(balance, shareText, depthText);
  const across = makeAcross();
  parts.body.append(across.element, ladder, imbalance);

  const measure = makeMeasure(ladder);
  const fit = new ColumnFit(ladder, TITLES.map(([title]) => title), measure);
  const tip = makeFillTip(parts.panel, [asks, bids]);
  const steps = new LadderWindow();
  let following = null;
  let book = null;
  let last = null;
  let key = "";
  let answered = ""; // the height for which the book was requested
  let drift = 0;

  const showChoices = () => {
    const chosen = String(model.get("rows"));
    const textOf = (count) => (count === "fit" ? `fit${chosen === "fit" ? ` · ${place.half}` : ""}` : `${count} rows`);
    rows.show(ROWS.map((count) => [count, textOf(count)]), chosen);
    const asked = model.get("rounding");
    const options = book?.rounding_options ?? [];
    // A public server computes the heights that it offers, and answers another one with the nearest of them.
    const inForce = book && (asked === "auto" || asked === answered) ? book.rounding : asked;
    const shown = options.includes(inForce) ? options : [inForce, ...options];
    rounding.show(shown.map((option) => [option, option === "auto" ? "auto" : `by ${option}`]), inForce);
  };
  /** Which currency is shown, where the venues quote in several. */
  const showCurrencies = () => {
    const names = book?.currencies ?? [];
    currency.hidden = names.length < 2;
    currency.show([...names.map((name) => [name, name]), ["joined", "at par"]], book?.currency ?? "");
  };
  /** The page's last price; the middle of the book is shown on hover, or in place of an unknown last price. */
  const showPrice = () => {
    const text = book ? middleText(book) : "–";
    write(mid, last?.text ?? text);
    setClass(mid, `of-mid ${moveClass(last)}`.trim());
    const title = last ? `last price; the middle is ${text}` : "middle of the book";
    if (mid.title !== title) mid.title = title;
    middle.dataset.middle = text;
    const room = place.width - PADDING_PX - BUTTON_PX - measure(mid.textContent) * MID_SCALE;
    write(spread, book ? fittingText(room, spreadTexts(book), measure) : "");
  };
  const showAway = () => {
    const away = asks.rows.length + bids.rows.length > 0 && (Math.abs(drift) > place.half / 4 || place.scrolled);
    back.classList.toggle("of-away", away);
    parts.panel.dataset.away = String(away);
  };
  const empty = () => {
    for (const side of [asks, bids]) while (side.rows.length) side.rows.pop().element.remove();
    showAway();
  };

  const draw = (flash) => {
    const axis = axisOf(book);
    if (axis.boundary === null) return empty();
    // Do not move the ladder while the viewer hovers, scrolls or reads a tip.
    const held = tip.held() || place.scrolled || place.isHovered();
    const placed = steps.place(axis.boundary, place.half, held);
    const { unit } = axis;
    const shown = { asks: sideRows(axis, "asks", placed.asks), bids: sideRows(axis, "bids", placed.bids) };
    const totalOf = (name, list) => book[name][2][list.at(-1)?.at] ?? 0;
    const largest = Math.max(totalOf("bids", shown.bids), totalOf("asks", shown.asks), 1);
    const highest = (shown.asks.at(-1) ?? shown.bids[0]).key * unit;
    const fitted = `${book.symbol} ${book.rounding} ${place.width}`;
    const texts = columnTexts(book, highest, fit, fitted, place.width - PADDING_PX);
    const digits = book.price_digits;
    const market = { venue: marketShown(model, following.link).venue, symbol: book.symbol };
    const own = ownRows(shownBot().of(market, following.link.playhead).orders, unit, digits);
    for (const [side, name] of [[asks, "asks"], [bids, "bids"]]) {
      paintSide(side, shown[name], { columns: book[name], unit, digits, texts, largest, flash, own });
    }
    // Of as many rows on both sides, wherever the middle stands.
    const [bidTotal, askTotal] = ["bids", "asks"].map((name) => totalOf(name, sideRows(axis, name, place.half)));
    const part = showBalance(balance, bidTotal, askTotal);
    write(shareText, part === null ? "–" : `${Math.round(part * 100)} % bids`);
    write(depthText, `imbalance, ${place.half} rows`);
    drift = placed.drift;
    // A market that only comes back to the middle leaves the rows, and so the viewer's scroll, where they are.
    if (placed.moved) place.centre();
    showAway();
    tip.paint(book, unit);
    return undefined;
  };
  const paint = (entry, link) => {
    book = entry.frame;
    answered = entry.request?.parameters?.rounding ?? "";
    showChoices();
    across.paint(book, venuesMeant(model, link));
    showCurrencies();
    const isNew = key !== entry.key;
    key = entry.key;
    if (isNew) steps.recentre();
    draw(!isNew && model.get("flash"));
    showPrice();
    const { dataset } = parts.panel;
    dataset.rounding = book.rounding;
    dataset.rows = String(place.half);
    dataset.symbol = book.symbol;
  };
  const recentre = () => {
    steps.recentre();
    if (book) draw(false);
  };
  const place = makePlace({
    asks, middle, bids,
    rowsOf: () => model.get("rows"),
    onResize(isNew) {
      showAway();
      if (isNew) {
        parts.panel.dataset.rows = String(place.half);
        following?.follow();
        recentre();
      } else if (book) draw(false); // columns have another room
      showPrice();
    },
  });
  ladder.append(makeTitles(), ...place.elements);
  const keyOf = (link) => {
    showChoices();
    return askedOf(model, link, "book", { rounding: model.get("rounding"), rows: wireRows(place.half) });
  };

  back.addEventListener("click", recentre);
  parts.panel.addEventListener("keydown", (event) => {
    const writing = event.target instanceof Element && event.target.closest("input, select, textarea");
    if (event.key.toLowerCase() !== "c" || event.ctrlKey || event.metaKey || event.altKey || writing) return;
    event.preventDefault();
    event.stopPropagation();
    recentre();
  });
  parts.symbolChanged = () => {
    book = last = null;
    currency.hidden = true;
    across.drop();
    steps.recentre();
    tip.drop();
    showBalance(balance, 0, 0);
    for (const one of [shareText, depthText]) write(one, "");
  };
  following = await followFrames({ model, parts, traits: ["symbol", "rounding", "rows"], keyOf, paint });
  const price = await followLast({
    model, place: middle,
    show: (one) => {
      last = one;
      showPrice();
    },
  });
  const unlistenBot = shownBot().listen(() => book && draw(false));
  model.on("change:rows", place.fitRoom);
  return () => {
    place.end();
    unlistenBot();
    model.off("change:rows", place.fitRoom);
    following.end();
    price.end();
  };
}

export default { render: pictured(render) };
