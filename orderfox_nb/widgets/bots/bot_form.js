// The form that creates and edits a bot: its fields follow from the parameters of the chosen strategy.
import { make, write } from "../page/dom.js";
import {
  boundsText, checkDescription, checkName, checkParameter, labelOf, MAX_DESCRIPTION, MAX_NAME,
} from "./bot_values.js";
import { makeChoiceField, makeField, makeTextField } from "./form_field.js";
import { makeSymbolField } from "./symbol_field.js";

const WATCH_ONLY = "";
const NOT_INSTALLED = "This strategy is not installed on the server.";

function makeSwitch(options) {
  const control = make("input", "of-form-switch");
  control.type = "checkbox";
  control.checked = options.value;
  const field = makeField({ ...options, control, read: () => String(control.checked) });
  field.root.classList.add("of-form-inline");
  return field;
}

/** A field of a strategy's parameter with its unit, its bounds and its default. */
function makeParameter(spec, value) {
  const { name, unit = "", help = "" } = spec;
  const text = String(value ?? spec.default ?? "");
  const shared = { name, label: labelOf(name), unit, help, hint: boundsText(spec), value: text };
  const check = (typed) => checkParameter(spec, typed);
  if (spec.kind === "bool") return makeSwitch({ ...shared, value: text === "true", check });
  if (spec.kind === "choice") {
    return makeChoiceField({ ...shared, check, choices: spec.choices.map((one) => [one, one]) });
  }
  const inputMode = ["text", "duration"].includes(spec.kind) ? "" : "decimal";
  return makeTextField({ ...shared, check, inputMode, placeholder: String(spec.default ?? "") });
}

/**
 * A form for a new bot, or for `bot`; `strategies` are those of the server. `send(values)` saves and may fail with the
 * server's reason, `cancel()` leaves the form.
 */
export function makeBotForm({ link, strategies, bot, market, send, cancel }) {
  const isNew = !bot;
  const isFixed = !isNew && bot.isActive && bot.strategy !== null; // what an active bot trades does not change
  const root = make("form", "of-bot-form");
  root.noValidate = true; // problems stand below their fields
  root.setAttribute("aria-label", isNew ? "New bot" : `Edit ${bot.name}`);
  const name = makeTextField({
    name: "name", label: "Name", value: bot?.name ?? "", check: checkName, maxLength: MAX_NAME,
    placeholder: "A name of your choice",
  });
  const symbol = makeSymbolField({ link, market, listed: () => showUnits() });
  const names = strategies.filter(({ problem }) => !problem).map((one) => one.name);
  if (bot?.strategy && !names.includes(bot.strategy)) names.push(bot.strategy);
  const choices = [...names.map((one) => [one, one]), [WATCH_ONLY, "None: watches its symbol only"]];
  const strategy = makeChoiceField({
    name: "strategy", label: "Strategy", choices,
    value: isNew ? (names[0] ?? WATCH_ONLY) : (bot.strategy ?? WATCH_ONLY),
    check: (value) => ({ value: value || null }),
  });
  const about = make("p", "of-form-about");
  const parameters = make("div", "of-form-grid");
  parameters.setAttribute("role", "group");
  parameters.setAttribute("aria-label", "Parameters");
  const description = makeTextField({
    name: "description", label: "Description", value: bot?.description ?? "", check: checkDescription,
    maxLength: MAX_DESCRIPTION, placeholder: "Optional",
  });
  const checkStart = (text) => ({ value: text === "true" });
  const start = isNew
    ? makeSwitch({ name: "isActive", label: "Start now, on paper", value: true, check: checkStart })
    : null;
  const problem = make("p", "of-form-problem of-form-refusal");
  problem.setAttribute("role", "alert");
  problem.hidden = true;
  const save = make("button", "of-button of-primary", isNew ? "Create bot" : "Save");
  save.type = "submit";
  const leave = make("button", "of-button", "Cancel");
  leave.type = "button";
  leave.addEventListener("click", cancel);
  const buttons = make("div", "of-form-buttons");
  // A field that loses the focus may show its problem, and would move the button away from under the press.
  buttons.addEventListener("mousedown", (event) => event.preventDefault());
  buttons.append(save, leave);
  const fixed = make("p", "of-form-about", isFixed ? "Stop the bot to change its symbol, strategy or parameters." : "");
  fixed.hidden = !isFixed;
  const top = make("div", "of-form-grid");
  top.append(name.root, symbol.root, strategy.root);
  root.append(top, fixed, about, parameters, description.root, ...(start ? [start.root] : []), problem, buttons);
  let given = [];

  const showParameters = () => {
    const chosen = strategies.find((one) => one.name === strategy.control.value);
    const isSame = chosen && bot?.strategy === chosen.name;
    write(about, chosen?.problem || chosen?.doc || (strategy.control.value ? NOT_INSTALLED : ""));
    about.hidden = !about.textContent;
    given = (chosen?.parameters ?? []).map((spec) => {
      const field = makeParameter(spec, isSame ? bot.params[spec.name] : undefined);
      field.control.disabled = isFixed;
      return { field, unit: spec.unit };
    });
    parameters.replaceChildren(...given.map(({ field }) => field.root));
    parameters.hidden = given.length === 0;
    showUnits();
  };
  const showUnits = () => {
    const [base, quote] = symbol.assets();
    const assets = { base: base || "base", quote: quote || "quote" };
    for (const { field, unit } of given) field.showUnit(assets[unit] ?? unit);
  };
  strategy.control.addEventListener("change", showParameters);
  symbol.control.addEventListener("change", showUnits);
  symbol.control.disabled = strategy.control.disabled = isFixed;
  showParameters();

  const own = () => [name, symbol, strategy, ...given.map(({ field }) => field), description];
  const values = () => {
    const of = (field) => field.result().value;
    const { venue, symbol: id } = of(symbol);
    const isUnknown = strategy.control.value && !strategies.some((one) => one.name === strategy.control.value);
    const found = { name: of(name), description: of(description) };
    if (!isFixed) Object.assign(found, { symbol: id, strategy: of(strategy) });
    // The first venue of the server is the default.
    if (!isFixed && link.venues.nameOf(venue)) found.venue = link.venues.nameOf(venue);
    if (!isFixed && !isUnknown) found.params = Object.fromEntries(given.map(({ field }) => [field.name, of(field)]));
    if (start) found.isActive = of(start);
    return found;
  };
  const showProblem = (text) => {
    // The server names the field: "Invalid levels '0': expected …", or "… - at `$.name`".
    const [, named] = /^Invalid (\w+) /.exec(text) ?? /`\$\.(\w+)`/.exec(text) ?? [];
    const field = own().find((one) => one.name === named);
    if (field) field.refuse(text);
    write(problem, field ? "" : text);
    problem.hidden = problem.textContent === "";
    field?.control.focus();
  };
  root.addEventListener("submit", async (event) => {
    event.preventDefault();
    showProblem("");
    const wrong = own().filter((field) => !field.control.disabled && field.touch());
    if (wrong.length) {
      wrong[0].control.focus();
      return;
    }
    save.disabled = true;
    root.setAttribute("aria-busy", "true");
    try {
      await send(values());
    } catch (error) {
      showProblem(error.message);
    } finally {
      save.disabled = false;
      root.removeAttribute("aria-busy");
    }
  });
  return { root, focus: () => name.control.focus(), end: () => symbol.end() };
}
