// The server's bots: their list, a form to create and edit one, and what the chosen one does. Frames come over the
// page's socket; what is changed goes to the REST routes, and comes back with the next frame.
import { make, write } from "../page/dom.js";
import { followFrames, makePanel, setMarket, setTrait } from "../page/panel.js";
import { pictured } from "../page/picture.js";
import { shownBot } from "../page/shown_bot.js";
import { pageBase } from "../page/transport.js";
import { makeAccess } from "./bot_access.js";
import { BotApi } from "./bot_api.js";
import { makeBotDetail } from "./bot_detail.js";
import { makeBotForm } from "./bot_form.js";
import { makeBotList } from "./bot_list.js";
import { makeQuestion } from "./bot_question.js";

const NO_SERVER = "Read-only: bots run on a server, and this page has none.";
const NO_BOTS = "No bots yet. A bot trades one symbol by a strategy, on paper, on the server.";

function makeButton(text, name, className = "of-button of-small") {
  const button = make("button", className, text);
  button.type = "button";
  button.dataset.act = name;
  return button;
}

async function render({ model, el }) {
  const parts = makePanel(el, "bots", "Bots");
  // A dashboard has this panel in each layout. Its style, which hides the panel in the others, may come late.
  const isOff = () => parts.panel.closest(".of-dashboard:not(:has([data-layout='bots']))") !== null;
  Object.assign(parts, { name: null, isApart: true, isOff }); // the bots of all symbols: none of a market's data
  const base = model.get("own_market") ? null : pageBase();
  const api = new BotApi(base);
  const paper = make("span", "of-paper", "PAPER");
  paper.title = "Orders are filled on paper against market data: no real money is traded.";
  const simulated = make("span", "of-source of-warning");
  const live = make("span", "of-live", "LIVE"); // real money: said beside PAPER, which the other bots still are
  live.hidden = true;
  live.title = "A bot of this server sends real orders.";
  parts.heading.after(live, paper, simulated);
  const count = make("span", "of-context");
  const [add, kill] = [makeButton("New bot", "new"), makeButton("Kill switch", "kill", "of-button of-small of-danger")];
  kill.title = "Stops every bot and cancels its orders; positions stay.";
  parts.tools.append(count, add, kill);
  const question = makeQuestion();
  const problem = make("p", "of-message of-bot-failed");
  problem.setAttribute("role", "alert");
  problem.hidden = true;
  const store = make("p", "of-message"); // what is wrong with the server's store of bots
  store.setAttribute("role", "status");
  store.hidden = true;
  const access = makeAccess({ unlock });
  const [empty, side] = [make("p", "of-empty", NO_BOTS), make("div", "of-bot-side")];
  const left = make("div", "of-bot-left");
  const list = makeBotList({ choose, turn: (bot, active) => act(active ? "start" : "stop", bot) });
  const detail = makeBotDetail({ api, act });
  left.append(list.root, empty);
  side.append(detail.panel);
  parts.message.after(access.root, question.root, store, problem);
  parts.body.classList.add("of-bot-body");
  parts.body.append(left, side);
  let mayWrite = false;
  let frame = null;
  let form = null;
  let asked = -1; // the connection for which the rights are known
  let unanswered = false; // the problem that is shown: no answer came
  let details = null;
  let following = null;
  let shown = "";

  /** The one that was chosen; before that one that trades, and the newest where none does. */
  const chosenBot = () => {
    const bots = frame?.bots ?? [];
    const named = (wanted) => bots.find(({ id }) => id === wanted);
    return named(model.get("bot")) ?? named(shown) ?? bots.find(({ running }) => running) ?? bots[0] ?? null;
  };
  function say(text) {
    unanswered = false;
    write(problem, text);
    problem.hidden = text === "";
  }
  function choose(id) {
    closeForm();
    setTrait(model, "bot", id);
    // What else shows this panel's market shows that of the bot: a dashboard's chart and ladder.
    const bot = frame?.bots.find((one) => one.id === id);
    if (bot) setMarket(model, { venue: following.link.venues.idOf(bot.venue), symbol: bot.symbol });
  }
  const show = () => {
    const bots = frame?.bots ?? [];
    const bot = chosenBot();
    list.show(bots, bot?.id, mayWrite);
    list.root.hidden = bots.length === 0;
    empty.hidden = frame === null || bots.length > 0;
    const more = frame && frame.total > bots.length ? ` of ${frame.total}` : "";
    write(count, frame ? `${frame.running} running · ${bots.length}${more}` : "");
    write(simulated, following?.link.venues.names.some((name) => following.link.venues.originOf(name)?.simulated)
      ? "SIMULATED" : "");
    write(store, frame?.problem ?? "");
    store.hidden = store.textContent === "";
    live.hidden = !bots.some(({ liveTrading }) => liveTrading);
    add.disabled = !mayWrite;
    kill.disabled = !mayWrite || !bots.some(({ isActive, strategy }) => isActive && strategy !== null);
    detail.panel.hidden = bot === null || form !== null;
    side.hidden = bot === null && form === null;
    parts.panel.dataset.bots = String(bots.length);
    parts.panel.dataset.writable = String(mayWrite);
    if ((bot?.id ?? "") !== shown) {
      shown = bot?.id ?? "";
      detail.clear();
      detail.left?.();
      details?.follow();
    }
    if (bot) detail.showBot(bot, mayWrite);
  };
  const showAccess = () => {
    access.show(mayWrite, base === null ? NO_SERVER : "");
    show();
  };
  const askAccess = async () => {
    if (base === null) return showAccess();
    try {
      mayWrite = await api.mayWrite();
    } catch {
      mayWrite = false; // its frames say what is wrong with the server
    }
    showAccess();
  };
  async function unlock(token) {
    api.useToken(token);
    await askAccess();
    if (!mayWrite) api.useToken("");
    return mayWrite;
  }
  function closeForm() {
    form?.end();
    form?.root.remove();
    form = null;
    parts.panel.dataset.form = "";
    show();
  }
  const openForm = async (bot) => {
    say("");
    let strategies;
    try {
      strategies = await api.strategies();
    } catch (error) {
      say(error.message);
      return;
    }
    closeForm();
    const { venues } = following.link;
    const { venue, symbol } = bot ?? { venue: model.get("venue"), symbol: model.get("symbol") };
    const market = { venue: venues.idOf(venue), symbol };
    const send = async (values) => {
      const saved = bot ? await api.change(bot.id, values) : await api.create(values);
      closeForm();
      setTrait(model, "bot", saved.id);
    };
    form = makeBotForm({ link: following.link, strategies, bot, market, send, cancel: closeForm });
    parts.panel.dataset.form = bot ? "edit" : "new";
    side.append(form.root);
    show();
    form.focus();
  };
  const attempt = async (what) => {
    say("");
    try {
      await what();
    } catch (error) {
      say(error.message);
      unanswered = error.status === 0;
      // Logged out, or the server's token has changed.
      if ([401, 403].includes(error.status)) askAccess();
    }
  };
  async function act(what, bot) {
    if (what === "edit") await openForm(bot);
    else if (what === "start" || what === "stop") await attempt(() => api.setActive(bot.id, what === "start"));
    else if (await question.ask(`Delete “${bot.name}” with its orders, fills and equity?`, "Delete")) {
      await attempt(() => api.remove(bot.id));
    }
  }
  add.addEventListener("click", () => openForm(null));
  kill.addEventListener("click", async () => {
    const agreed = await question.ask("Stop every bot and cancel its orders? Positions stay.", "Stop all");
    if (agreed) await attempt(() => api.stopAll());
  });
  const onBot = () => show();
  model.on("change:bot", onBot);

  const paint = (entry) => {
    const { connections } = following.link.counters;
    // A server that is there again may be another one, with other rights. A page that shows no bots asks for none.
    const isNew = connections !== asked || (frame?.problem && !entry.frame.problem);
    frame = entry.frame;
    show();
    if (!isNew || frame.problem) return;
    if (unanswered) say(""); // it answers again
    asked = connections;
    askAccess();
  };
  const keyOf = () => ({ symbol: "*", stream: "bots", parameters: {} });
  following = await followFrames({ model, parts, traits: [], keyOf, paint });
  const keyOfBot = () => (shown ? { symbol: "*", stream: "bot", parameters: { id: shown } } : null);
  const owner = {};
  const paintBot = ({ frame: one }) => {
    if (one.bot.id !== shown) return;
    detail.show(one);
    shownBot().show(owner, { venue: following.link.venues.idOf(one.bot.venue), symbol: one.bot.symbol }, one);
  };
  detail.left = () => shownBot().clear(owner);
  details = await followFrames({ model, parts: detail, traits: [], keyOf: keyOfBot, paint: paintBot });
  if (base === null) showAccess();
  return () => {
    model.off("change:bot", onBot);
    form?.end();
    detail.end();
    details.end();
    detail.left();
    following.end();
  };
}

export default { render: pictured(render, null, "Bots") };
