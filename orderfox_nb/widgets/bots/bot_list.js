// The bots of the server as a table: what each does, what it has won or lost, and the switch that starts or stops it.
import { make, write } from "../page/dom.js";
import { loosePriceText } from "../page/format.js";
import { bandTexts, decimalText, signClass } from "./bot_values.js";

const COLUMNS_SHOWN = [
  ["Name", "of-bot-name"], ["Symbol", "of-bot-symbol"], ["Strategy", "of-bot-strategy"], ["State", "of-bot-state"],
  ["P&L", "of-bot-pnl"], ["Position", "of-bot-position"], ["", "of-bot-switch"],
];

/** Write a profit: one number, or from the worst queue model to the best, each in its colour. */
export function showBand(element, account, { isShort = false } = {}) {
  const texts = account ? bandTexts(account.pnl, isShort) : [];
  const whole = texts.map(({ text }) => text).join(" to ") || "–";
  if (element.ofText === whole) return;
  element.ofText = whole;
  const parts = texts.flatMap(({ text, value }, at) => [at ? " to " : "", make("span", signClass(value), text)]);
  element.replaceChildren(...(texts.length ? parts : ["–"]));
  element.title = texts.length > 1 ? "From the worst to the best queue model" : "";
}

/** Write a position in base quantity, long or short by its colour, with the price of its entry where that is asked. */
export function showPosition(element, account, { withEntry = false } = {}) {
  const value = Number(account?.position ?? 0);
  const entry = withEntry && account?.entry ? ` at ${loosePriceText(Number(account.entry))}` : "";
  write(element, account ? (value === 0 ? "flat" : decimalText(account.position) + entry) : "–");
  element.classList.toggle("of-bid", value > 0);
  element.classList.toggle("of-ask", value < 0);
}

/** The table; `choose(id)` is called for the bot that is pressed, `turn(bot, active)` by its switch. */
export function makeBotList({ choose, turn }) {
  const root = make("div", "of-bot-list");
  root.setAttribute("role", "table");
  root.setAttribute("aria-label", "Bots");
  const head = make("div", "of-bot-row of-bot-head");
  head.setAttribute("role", "row");
  for (const [title, className] of COLUMNS_SHOWN) {
    const cell = make("span", className, title);
    cell.setAttribute("role", "columnheader");
    if (!title) cell.setAttribute("aria-label", "Start or stop");
    head.append(cell);
  }
  const group = make("div", "of-bot-rows");
  group.setAttribute("role", "rowgroup");
  root.append(head, group);
  const rows = new Map(); // by id

  const makeRow = () => {
    const element = make("div", "of-bot-row");
    element.setAttribute("role", "row");
    const cells = COLUMNS_SHOWN.map(([, className]) => make("span", className));
    for (const cell of cells) cell.setAttribute("role", "cell");
    const [nameCell, , , stateCell, , , switchCell] = cells;
    const name = make("button", "of-bot-choose");
    const button = make("button", "of-button of-small");
    name.type = button.type = "button";
    const live = make("b", "of-live", "LIVE");
    live.hidden = true;
    nameCell.append(live, name);
    switchCell.append(button);
    stateCell.append(make("i", "of-bot-dot"), make("span"));
    element.append(...cells);
    const row = { element, cells, live, name, button, state: stateCell.lastChild, bot: null };
    element.addEventListener("click", () => choose(row.bot.id));
    button.addEventListener("click", (event) => {
      event.stopPropagation();
      turn(row.bot, !row.bot.isActive);
    });
    return row;
  };
  const paintRow = (row, bot, isChosen, mayWrite) => {
    const { element, cells, live, name, button, state } = row;
    row.bot = bot;
    element.dataset.id = bot.id;
    element.dataset.state = bot.state;
    element.classList.toggle("of-marked", isChosen);
    live.hidden = !bot.liveTrading;
    write(name, bot.name);
    name.title = [bot.name, bot.description].filter(Boolean).join("\n");
    name.setAttribute("aria-pressed", String(isChosen));
    write(cells[1], bot.symbol);
    write(cells[2], bot.strategy ?? "–");
    write(state, bot.state);
    cells[3].title = bot.note;
    showBand(cells[4], bot.account, { isShort: true });
    showPosition(cells[5], bot.account);
    write(button, bot.isActive ? "Stop" : "Start");
    button.setAttribute("aria-label", `${bot.isActive ? "Stop" : "Start"} ${bot.name}`);
    button.disabled = !mayWrite;
  };
  return {
    root,
    show(bots, chosen, mayWrite) {
      const present = new Set(bots.map(({ id }) => id));
      for (const [id, { element }] of rows) {
        if (present.has(id)) continue;
        element.remove();
        rows.delete(id);
      }
      bots.forEach((bot, at) => {
        if (!rows.has(bot.id)) rows.set(bot.id, makeRow());
        const row = rows.get(bot.id);
        paintRow(row, bot, bot.id === chosen, mayWrite);
        // Moved only where it must be: a row that moves loses the focus.
        if (group.children[at] !== row.element) group.insertBefore(row.element, group.children[at] ?? null);
      });
    },
  };
}
