// What the chosen bot does: its figures, its equity, and pages of its orders, fills, log and checks.
import { make, setClass, write } from "../page/dom.js";
import { makeParity, makeReport } from "./bot_checks.js";
import { showBand, showPosition } from "./bot_list.js";
import { makeFills, makeLog, makeOrders, makePairs } from "./bot_tables.js";
import { labelOf, moneyText, signClass, signedText } from "./bot_values.js";
import { makeEquityChart } from "./equity_chart.js";
import { makeTabs } from "./tabs.js";

const MAX_FILLS = 200; // of a frame, the newest

function makeFigure(title, className = "") {
  const root = make("div", `of-figure ${className}`.trim());
  const value = make("b", "", "–");
  root.append(value, make("span", "", title));
  return { root, value };
}

/** `act(what, bot)` is called for "start", "stop", "edit" and "delete". */
export function makeBotDetail({ api, act }) {
  const panel = make("section", "of-bot-detail");
  panel.setAttribute("aria-label", "Chosen bot");
  const head = make("div", "of-bot-title");
  const name = make("h3", "of-title");
  const facts = make("span", "of-context");
  const note = make("span", "of-state");
  const tools = make("div", "of-tools");
  head.append(name, facts, note, tools);
  const about = make("p", "of-bot-about");
  const problem = make("p", "of-message");
  problem.setAttribute("role", "status");
  const message = make("p", "of-message");
  message.hidden = true;
  const figures = make("div", "of-bot-figures");
  const [equity, pnl, position, open, fees, funding] = [
    makeFigure("Equity"), makeFigure("P&L"), makeFigure("Position"), makeFigure("Open P&L"), makeFigure("Fees"),
    makeFigure("Funding"),
  ];
  figures.append(...[equity, pnl, position, open, fees, funding].map(({ root }) => root));
  const chart = makeEquityChart();
  const [orders, fills, log, values] = [makeOrders(), makeFills(), makeLog(), makePairs("Parameters")];
  const [report, parity] = [makeReport(api), makeParity(api)];
  let shown = null;
  const pages = [
    { name: "orders", title: "Orders", root: orders.root }, { name: "fills", title: "Fills", root: fills.root },
    { name: "log", title: "Log", root: log.root }, { name: "parameters", title: "Parameters", root: values.root },
    { name: "report", title: "Report", root: report.root }, { name: "parity", title: "Parity", root: parity.root },
  ];
  const openPage = (page) => {
    if (page === "report" && shown) report.open(shown.id);
    if (page === "parity" && shown) parity.open(shown.id);
  };
  const tabs = makeTabs("Details of the chosen bot", pages, openPage);
  tabs.open("orders");
  const body = make("div", "of-body");
  body.append(figures, chart.root, tabs.bar, tabs.body);
  panel.append(head, about, problem, message, body);

  const buttons = {};
  for (const [what, text] of [["switch", "Start"], ["edit", "Edit"], ["delete", "Delete"]]) {
    buttons[what] = make("button", "of-button of-small", text);
    buttons[what].type = "button";
    buttons[what].dataset.act = what;
    tools.append(buttons[what]);
  }
  buttons.switch.addEventListener("click", () => shown && act(shown.isActive ? "stop" : "start", shown));
  buttons.edit.addEventListener("click", () => shown && act("edit", shown));
  buttons.delete.addEventListener("click", () => shown && act("delete", shown));

  /** Show what the list says of the bot; the rest comes with its own frames. */
  const showBot = (bot, mayWrite) => {
    shown = bot;
    panel.dataset.bot = bot.id;
    panel.dataset.running = bot.state;
    write(name, bot.name);
    write(facts, [bot.symbol, bot.strategy ?? "watches", bot.liveTrading ? "LIVE" : "paper", bot.state].join(" · "));
    write(about, bot.description ?? "");
    about.hidden = !bot.description;
    const isWrong = bot.state !== "watching" && bot.note !== "";
    write(problem, isWrong ? bot.note : "");
    problem.hidden = !isWrong;
    write(buttons.switch, bot.isActive ? "Stop" : "Start");
    for (const button of Object.values(buttons)) button.disabled = !mayWrite;
    const { account } = bot;
    write(equity.value, moneyText(account?.equity));
    showBand(pnl.value, account);
    showPosition(position.value, account, { withEntry: true });
    write(open.value, signedText(account?.unrealizedPnl));
    setClass(open.value, signClass(Math.round(Number(account?.unrealizedPnl ?? 0) * 100)));
    write(fees.value, moneyText(account?.fees));
    write(funding.value, signedText(account?.funding));
    values.show(Object.entries(bot.params).map(([one, value]) => [labelOf(one), String(value)]));
  };
  return {
    panel, note, message, isApart: true, showBot, tabs,
    /** Show a frame of the bot's own. */
    show(frame) {
      chart.show(frame.equity, frame.bot.account?.deposit);
      orders.show(frame.orders.toReversed(), frame.bot.id, frame.instrument);
      fills.show(frame.fills.toReversed(), frame.bot.id, frame.instrument);
      log.show(frame.log, frame.bot.id);
      tabs.retitle("orders", `Orders ${frame.orders.length}`);
      tabs.retitle("fills", `Fills ${frame.fills.length}${frame.fills.length < MAX_FILLS ? "" : "+"}`);
    },
    /** Another bot is shown: nothing of the previous one stays. */
    clear() {
      shown = null;
      chart.show([[], [], [], []], 0);
      for (const one of [orders, fills]) one.show([], "");
      log.show([], "");
      report.forget();
      parity.forget();
      for (const one of ["orders", "fills"]) tabs.retitle(one, labelOf(one));
      if (["report", "parity"].includes(tabs.shown)) tabs.open("orders");
    },
    end: () => chart.end(),
  };
}
