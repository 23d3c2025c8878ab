// Report and parity of a bot, computed by the server once their tab is opened.
import { make, write } from "../page/dom.js";
import { clockText } from "../page/format.js";
import { figureText, labelOf } from "./bot_values.js";

const LABELS = { period_s: "Period of returns", realised: "Realised P&L", unrealised: "Unrealised P&L" };
const NOT_ALLOWED = "This requires the right to change bots: unlock first.";

/** A page that asks the server once it is opened; it shows the answer, or the reason why there is none. */
function makeAsked({ doing, ask, fill }) {
  const root = make("div", "of-bot-page of-bot-check");
  const state = make("p", "of-empty");
  state.setAttribute("role", "status");
  const found = make("div", "of-bot-found");
  const again = make("button", "of-button of-small", "Again");
  again.type = "button";
  again.hidden = true;
  root.append(state, found, again);
  let id = "";
  let run = null;
  const start = async () => {
    const mine = (run = {}); // an answer to an older question is dropped
    root.setAttribute("aria-busy", "true");
    root.dataset.check = "asked";
    write(state, doing);
    state.hidden = false;
    found.replaceChildren();
    again.hidden = true;
    let text;
    let elements = [];
    let outcome = "failed";
    try {
      const answer = await ask(id);
      [text, elements] = fill(answer, id);
      outcome = "found";
    } catch (error) {
      text = [401, 403].includes(error.status) ? NOT_ALLOWED : error.message;
    }
    if (run !== mine) return;
    write(state, text);
    state.hidden = text === "";
    found.replaceChildren(...elements);
    again.hidden = false;
    root.removeAttribute("aria-busy");
    root.dataset.check = outcome;
  };
  again.addEventListener("click", start);
  return {
    root,
    open(bot) {
      if (bot === id && run) return;
      id = bot;
      start();
    },
    /** Another bot is shown: what was found is not of it. */
    forget() {
      run = null;
      id = "";
      found.replaceChildren();
      write(state, "");
      again.hidden = true;
      delete root.dataset.check;
    },
  };
}

export function makeReport(api) {
  return makeAsked({
    doing: "Computing the figures…",
    ask: (id) => api.report(id),
    fill(answer, id) {
      const metrics = answer.metrics ?? {};
      const list = make("dl", "of-bot-pairs");
      for (const [name, value] of Object.entries(metrics)) {
        list.append(make("dt", "", LABELS[name] ?? labelOf(name)), make("dd", "", figureText(name, value)));
      }
      const link = make("a", "of-link", "Open the report as a page, with charts and trades");
      link.href = api.reportAddress(id);
      link.target = "_blank";
      link.rel = "noopener";
      const notes = (answer.notes ?? []).map((one) => make("p", "of-bot-remark", one));
      return ["", [link, list, ...notes]];
    },
  });
}

export function makeParity(api) {
  return makeAsked({
    doing: "Replaying the recording of the run…",
    ask: (id) => api.parity(id),
    fill({ same, orders, fills, start, end, differences, more, notes }) {
      const span = `${clockText(start)} to ${clockText(end)}, ${orders} orders, ${fills} fills`;
      const count = differences.length + more;
      const named = count === 1 ? "1 difference" : `${count} differences`;
      const text = same ? `Identical: ${span}.` : `${named}: ${span}.`;
      const rows = differences.map(({ cause, number, time, what, first, second }) => {
        const line = make("div", "of-bot-difference");
        const head = `${clockText(time)}  order ${number}  ${cause}: ${what}`;
        line.append(make("b", "", head));
        if (first) line.append(make("span", "", `Run: ${first}`));
        if (second) line.append(make("span", "", `Replay: ${second}`));
        return line;
      });
      if (more) rows.push(make("p", "of-bot-remark", `${more} more are not listed.`));
      return [text, [...rows, ...(notes ?? []).map((one) => make("p", "of-bot-remark", one))]];
    },
  });
}
