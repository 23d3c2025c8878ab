// Liquidated orders, newest above, with running totals. Binance shows at most one order per symbol and second, so the
// coverage is always said.
import { make, makeBalance, makeSelect, setClass, showBalance, write } from "../page/dom.js";
import { clockText, grouped, loosePriceText, priceText, shortText, SHORT_SIZES, sizeForms } from "../page/format.js";
import { followFrames, makePanel, setTrait } from "../page/panel.js";
import { pictured } from "../page/picture.js";
import { askedOf, severalOf, venuesMeant } from "../page/venues.js";
import { makeAcross, memberName, writeVenue } from "./across_view.js";
import { makeTable } from "./table_rows.js";

const MARKET = "*";
const SPANS = ["1m", "15m", "1h"];
const SAMPLED =
  "Sampled: the venue publishes at most one liquidation per symbol and second, so sums are a lower bound.";

const LOOSE_DIGITS = 8; // of a size whose number of digits is unknown

/** An order's size in whole units; of a whole market, whose symbols differ, without the zeros at its end. */
function orderSizes(digits) {
  const forms = sizeForms(digits ?? LOOSE_DIGITS);
  const units = (size) => Math.round(size * 10 ** (digits ?? LOOSE_DIGITS));
  if (digits !== null) return forms.map((form) => (size) => form(units(size)));
  const own = (size) => {
    const [whole, rest] = String(Number(size.toPrecision(12))).split(".");
    return rest === undefined ? grouped(whole) : `${grouped(whole)}.${rest}`;
  };
  return [own, ...forms.slice(1).map((form) => (size) => form(units(size)))];
}

const longest = (texts) => texts.reduce((found, text) => (text.length > found.length ? text : found), "");

/** The totals of every span: longs and shorts, the one in force stands out. */
function makeTotals(choose) {
  const table = make("div", "of-totals");
  table.setAttribute("role", "table");
  table.setAttribute("aria-label", "Liquidated in quote currency, by time");
  const lines = SPANS.map((span) => {
    const line = make("div", "of-total-line");
    line.setAttribute("role", "row");
    const name = make("span");
    name.setAttribute("role", "rowheader");
    const button = make("button", "of-span", span.replace(/(\d+)/, "$1 "));
    button.type = "button";
    button.title = "Show the balance of this time";
    button.addEventListener("click", () => choose(span));
    name.append(button);
    const [longs, shorts] = [make("b", "of-ask"), make("b", "of-bid")];
    const cells = [["longs ", longs], ["shorts ", shorts]].map(([label, value]) => {
      const cell = make("span", "", label);
      cell.setAttribute("role", "cell");
      cell.append(value);
      return cell;
    });
    line.append(name, ...cells);
    table.append(line);
    return { span, line, button, longs, shorts };
  });
  const balance = makeBalance();
  return {
    table, balance,
    /** Nothing is known: a zero would be misleading. */
    drop() {
      for (const { longs, shorts } of lines) for (const one of [longs, shorts]) write(one, "–");
      showBalance(balance, 0, 0);
    },
    paint(sums, chosen) {
      for (const { span, line, button, longs, shorts } of lines) {
        const [short, long] = sums[span] ?? [0, 0];
        write(longs, shortText(long));
        write(shorts, shortText(short));
        setClass(line, span === chosen ? "of-total-line of-chosen" : "of-total-line");
        button.setAttribute("aria-pressed", String(span === chosen));
      }
      const [short, long] = sums[chosen] ?? [0, 0];
      const share = showBalance(balance, short, long);
      const subject = share === null ? "Nothing" : `${Math.round(share * 100)} % shorts of what`;
      balance.title = `${subject} was liquidated within ${chosen}`;
    },
  };
}

/** A venue's own sums over a span, and in a word what its stream covers, with the time since which it is known. */
export function coverageText({ sums, coverage, covers, since = null }, name, span) {
  const [shorts, longs] = sums[span];
  const own = coverage === "none" ? "" : `longs ${shortText(longs)}, shorts ${shortText(shorts)}, `;
  const known = since ? ` since ${clockText(since).slice(0, 5)}` : "";
  return `${name}: ${own}${covers.split(":")[0]}${known}`;
}

async function render({ model, el }) {
  const parts = makePanel(el, "liquidations", "Liquidations");
  const coverage = make("p", "of-coverage");
  coverage.tabIndex = 0;
  const scope = makeSelect("Scope of the liquidations", (value) => setTrait(model, "whole_market", value === "market"));
  scope.classList.add("of-scope-select");
  parts.tools.append(scope);
  const totals = makeTotals((span) => setTrait(model, "span", span));
  const table = makeTable("Liquidations, newest first", [
    ["Side", "of-price"], ["Symbol", "of-name"], ["Price", "of-at"], ["Size", "of-size"], ["Notional", "of-paid"],
    ["Time", "of-time"],
  ], () => shown && paint({ frame: shown }));
  const heading = table.table.querySelector(".of-columns .of-name");
  const empty = make("p", "of-empty", "None yet");
  empty.hidden = true;
  const across = makeAcross();
  parts.body.append(across.element, totals.table, totals.balance, coverage, table.table, empty);
  const isMarket = (link) => {
    return !severalOf(model, link).length && (model.get("whole_market") || model.get("symbol") === MARKET);
  };
  let shown = null;

  const paint = ({ frame }, link = following.link) => {
    shown = frame;
    const { members } = frame;
    const [times, sides, prices, sizes, notionals, own, digits] = frame.orders;
    const symbols = members ? own.map((place) => memberName(members[place], members)) : own;
    across.paint(frame, venuesMeant(model, link));
    write(heading, members ? "Venue" : "Symbol");
    const priced = (at) => {
      const places = digits ? digits[at] : frame.price_digits;
      return places === null ? loosePriceText(prices[at]) : priceText(prices[at], places);
    };
    const priceTexts = prices.map((_, at) => priced(at));
    const sizeTexts = orderSizes(frame.size_digits);
    const paidTexts = [
      (paid) => `${grouped(paid.toFixed(0))} $`, (paid) => `${paid < 1_000 ? paid.toFixed(0) : shortText(paid)} $`,
      (paid) => (paid < 1_000 ? paid.toFixed(0) : shortText(paid, 1)),
    ];
    const chosen = table.fit(frame.symbol, [
      { texts: ["short"] },
      symbols ? { texts: [longest(symbols)] } : null,
      { texts: [longest(priceTexts)], drop: 2 },
      { texts: sizeTexts.map((text, form) => longest([...sizes.map(text), SHORT_SIZES[form - 1] ?? ""])), drop: 2 },
      { texts: [paidTexts[0](Math.max(0, ...notionals)), "999.99M $", "999.9M"] },
      { texts: ["00:00:00"], drop: 1 },
    ]);
    for (let at = 0; at < times.length; at++) {
      const { cells } = table.row(at);
      const short = sides[at] > 0;
      write(cells[0], short ? "short" : "long");
      setClass(cells[0], short ? "of-price of-bid" : "of-price of-ask");
      if (members) writeVenue(cells[1], own[at], members);
      else write(cells[1], symbols?.[at] ?? "");
      write(cells[2], priceTexts[at]);
      write(cells[3], sizeTexts[Math.max(0, chosen[3])](sizes[at]));
      write(cells[4], paidTexts[chosen[4]](notionals[at]));
      write(cells[5], clockText(times[at]));
    }
    table.cut(times.length);
    empty.hidden = times.length > 0;
    totals.paint(frame.sums, model.get("span"));
    if (members) coverAll(members);
    else cover(frame);
    parts.panel.dataset.symbol = frame.symbol;
    parts.panel.dataset.orders = String(times.length);
    parts.panel.dataset.span = model.get("span");
  };
  const coverAll = (members) => {
    const texts = members.map((member) => coverageText(member, memberName(member, members), model.get("span")));
    write(coverage, texts.join("\n"));
    const meanings = members.map((member) => `${memberName(member, members)}: ${member.covers}.`).join(" ");
    explain("BUY orders close shorts, SELL orders close longs, at every venue. The total is a lower bound "
      + "where a venue is sampled, reports none, is left out, or is known only since a time within the span. "
      + meanings);
  };
  const cover = (frame) => {
    const sampled = frame.quality.coverage === "sampled";
    const since = frame.since ? `since ${clockText(frame.since).slice(0, 5)}` : "";
    const kind = sampled ? "sampled, sums are a lower bound" : "complete";
    write(coverage, [kind, since].filter(Boolean).join(", "));
    const known = since ? ` Nothing is known of the time before: totals are ${since}.` : "";
    explain((sampled ? SAMPLED : "Every liquidation of the venue.") + known);
  };
  const explain = (meaning) => {
    if (coverage.title === meaning) return;
    coverage.title = meaning;
    coverage.setAttribute("aria-label", meaning);
    coverage.setAttribute("role", "note");
  };
  const keyOf = (link) => {
    const market = isMarket(link);
    const symbol = model.get("symbol");
    const own = [["symbol", symbol]];
    scope.show([...(symbol === MARKET ? [] : own), ["market", "all symbols"]], market ? "market" : "symbol");
    parts.panel.classList.toggle("of-whole-market", market);
    parts.panel.classList.toggle("of-several", severalOf(model, link).length > 0);
    const parameters = { rows: model.get("length") };
    if (market) return { symbol: MARKET, stream: "liquidations", parameters };
    return askedOf(model, link, "liquidations", parameters);
  };
  const renew = () => shown && paint({ frame: shown });
  model.on("change:span", renew);
  parts.symbolChanged = () => {
    shown = null;
    across.drop();
    totals.drop();
  };
  const traits = ["symbol", "length", "whole_market"];
  const following = await followFrames({ model, parts, traits, keyOf, paint, channel: "liquidations" });
  return () => {
    model.off("change:span", renew);
    following.end();
  };
}

export default { render: pictured(render) };
