// What an order that takes the book down to a row would pay: shown under the pointer, or for the row that the arrow
// keys chose.
import { make, write } from "../page/dom.js";
import { priceText, shortText, unitsText } from "../page/format.js";

/**
 * Average price, slippage and sums down to a row of a side's levels; null if there is no such row. `price` is that
 * of the ladder's row, which may lie beyond the level.
 */
export function fillAt(frame, side, index, price = frame[`${side}s`][0][index]) {
  const [, , totals] = frame[`${side}s`];
  const average = frame.averages?.[side === "bid" ? 0 : 1]?.[index];
  const best = side === "bid" ? frame.best_bid : frame.best_ask;
  if (average === undefined || best === null) return null;
  const bestPrice = best / 10 ** frame.tick_digits;
  const size = totals[index] / 10 ** frame.size_digits;
  const slippage = Math.abs(average - bestPrice);
  return { price, size, average, notional: size * average, slippage, bestPrice };
}

/** The lines of the tip for a fill. */
export function fillLines(fill, side, frame) {
  const verb = side === "bid" ? "Sell" : "Buy";
  const points = (fill.slippage / fill.bestPrice) * 1e4;
  const digits = frame.tick_digits;
  return [
    [`${verb} to`, unitsText(fill.price, frame.price_digits)],
    ["Size", shortText(fill.size, 3)],
    ["Notional", shortText(fill.notional)],
    ["Average", priceText(fill.average, digits + 1)],
    ["Slippage", `${priceText(fill.slippage, digits + 1)} · ${points.toFixed(2)} bp`],
  ];
}

/** What each venue has in a row of a ladder over several. */
export function partLines(side, index, frame) {
  const parts = frame[`${side}s`][3] ?? [];
  const sized = parts.map((column, at) => [frame.members[at].venue, column[index]]);
  return sized.filter(([, size]) => size).map(([venue, size]) => [venue, unitsText(size, frame.size_digits)]);
}

/** Attach the tip to both sides of a ladder; `paint(frame)` keeps it current. */
export function makeFillTip(panel, sides) {
  const tip = make("div", "of-tip");
  tip.hidden = true;
  const cells = [];
  const pairOf = (row) => {
    while (cells.length <= row) {
      const pair = [make("span"), make("b")];
      tip.append(...pair);
      cells.push(pair);
    }
    return cells[row];
  };
  // What is spoken changes with the row that was chosen, not ten times a second.
  const spoken = make("p", "of-spoken");
  spoken.setAttribute("role", "status");
  panel.append(tip, spoken);
  let held = null; // {side, key of the row, keyboard}
  let frame = null;

  /** Where the held row is now: the market may have moved past it. */
  const find = () => {
    for (const side of held ? [held.side, ...sides] : []) {
      const index = side.rows.findIndex(({ key }) => key === held.key);
      if (index >= 0) return { side, index, row: side.rows[index] };
    }
    return null;
  };

  const mark = () => {
    const found = find();
    for (const side of sides) {
      side.rows.forEach(({ element }, index) => {
        const within = found?.side === side && index <= found.index;
        element.classList.toggle("of-within", within);
        element.classList.toggle("of-held", within && index === found.index);
      });
    }
  };
  const show = () => {
    const found = find();
    const price = found && frame ? found.row.key * frame.unit : 0;
    const fill = found && frame ? fillAt(frame, found.side.name, found.row.at, price) : null;
    tip.hidden = fill === null;
    if (fill === null) return;
    const { name } = found.side;
    const own = found.row.own ? partLines(name, found.row.at, frame) : [];
    const lines = [...fillLines(fill, name, frame), ...own];
    lines.forEach(([label, value], row) => pairOf(row).forEach((cell, at) => write(cell, at ? value : label)));
    cells.slice(lines.length).flat().forEach((cell) => write(cell, ""));
    const place = found.row.element.getBoundingClientRect();
    const box = panel.getBoundingClientRect();
    // On the far side of the row, so that what the order would take stays in sight; otherwise beside it.
    const [above, below] = [place.top - box.top - tip.offsetHeight - 4, place.bottom - box.top + 4];
    const fits = name === "ask" ? above > 36 : below + tip.offsetHeight < box.height - 4;
    tip.style.top = `${(name === "ask") === fits ? above : below}px`;
    tip.style.left = `${Math.max(4, Math.min(84, box.width - tip.offsetWidth - 6))}px`;
    tip.dataset.side = name;
    tip.dataset.index = String(found.index);
    tip.dataset.average = String(fill.average);
    if (held.keyboard) write(spoken, lines.map((line) => line.join(" ")).join(", "));
  };
  const hold = (next) => {
    if (next?.side === held?.side && next?.key === held?.key) return;
    held = next;
    write(spoken, "");
    mark();
    show();
  };
  for (const side of sides) {
    side.list.addEventListener("pointermove", ({ target }) => {
      const element = target.closest(".of-row");
      const row = side.rows.find((one) => one.element === element);
      if (row) hold({ side, key: row.key, keyboard: false });
    });
    side.list.addEventListener("pointerleave", () => hold(null));
    side.list.addEventListener("blur", () => hold(null));
    side.list.addEventListener("keydown", (event) => {
      const away = side.name === "ask" ? "ArrowUp" : "ArrowDown";
      const near = side.name === "ask" ? "ArrowDown" : "ArrowUp";
      if (event.key === "Escape") hold(null);
      if (event.key !== away && event.key !== near) return;
      event.preventDefault();
      event.stopPropagation();
      const found = find();
      const from = found?.side === side ? found.index : -1;
      const row = side.rows[Math.max(0, Math.min(side.rows.length - 1, from + (event.key === away ? 1 : -1)))];
      if (!row) return;
      row.element.scrollIntoView({ block: "nearest" });
      hold({ side, key: row.key, keyboard: true });
    });
  }
  return {
    held: () => held !== null,
    /** `unit` is the height of a row in the frame's units. */
    paint(next, unit) {
      frame = { ...next, unit };
      if (!held) return;
      mark(); // rows may be new
      show();
    },
    drop: () => hold(null),
  };
}
