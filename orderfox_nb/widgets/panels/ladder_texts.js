// What the ladder writes: sizes and sums in the form that has room, the spread, the middle price.
import { roundedText, shortText, SHORT_SIZES, shortSizes, sizeForms, unitsText } from "../page/format.js";

/** The spread in ever fewer characters. */
export function spreadTexts({ best_bid: bid, best_ask: ask, tick_digits: digits }) {
  if (bid === null || ask === null) return ["one side is empty", "one-sided", ""];
  const points = (Math.abs(ask - bid) / ((ask + bid) / 2)) * 1e4;
  const [price, share] = [unitsText(Math.abs(ask - bid), digits), `${points.toFixed(points < 10 ? 2 : 1)} bp`];
  if (ask < bid) return [`crossed by ${price} · ${share}`, `crossed ${price}`, "crossed"]; // of two venues
  return [`spread ${price} · ${share}`, `${price} · ${share}`, share, ""];
}

/** The middle of two ticks has at most one more digit: half a tick is 5 units of it. */
export function middleText({ best_bid: bid, best_ask: ask, tick_digits: digits }) {
  if (bid === null || ask === null) return "–";
  const sum = bid + ask;
  return sum % 2 === 0 ? unitsText(sum / 2, digits) : unitsText(sum * 5, digits + 1);
}

/** Writers of sizes, sums and notionals for a ladder whose highest price is `highest`, by the room for its columns. */
export function columnTexts(frame, highest, fit, key, room) {
  const { size_digits: digits, price_digits: priceDigits } = frame;
  const size = sizeForms(digits);
  const total = [(units) => roundedText(units, digits), ...size.slice(1)];
  const notional = [2, 1].map((places) => (units) => shortText(units / 10 ** (digits + priceDigits), places));
  const greatest = (column) => Math.max(0, ...frame.bids[column], ...frame.asks[column]);
  const chosen = fit.fit(key, room, [
    { texts: [unitsText(highest, priceDigits)] },
    { texts: [size[0](greatest(1)), ...shortSizes(greatest(1), digits)] },
    { texts: [total[0](greatest(2)), ...shortSizes(greatest(2), digits)] },
    { texts: SHORT_SIZES, drop: 2 },
  ]);
  return { size: size[chosen[1]], total: total[chosen[2]], notional: notional[Math.max(0, chosen[3])] };
}
