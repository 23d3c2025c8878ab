// A bot's values: checks of typed text with the bounds of the server, which checks again, and numbers as texts.
import { grouped, percentText, shortText, unitsText, withMinus } from "../page/format.js";

const NUMBER = /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d{1,3})?$/i;
const DURATION = /^\d{1,9}(\.\d{1,6})?\s*(ms|s|m|h|d)$/;
export const MAX_NAME = 100;
export const MAX_DESCRIPTION = 200;

/** A parameter's bounds in short: "1 to 50", "> 0", "≥ 1"; empty without any. */
export function boundsText({ minimum = null, above = null, maximum = null }) {
  if (maximum === null) return above !== null ? `> ${above}` : minimum !== null ? `≥ ${minimum}` : "";
  if (above !== null) return `> ${above}, ≤ ${maximum}`;
  return minimum === null ? `≤ ${maximum}` : `${minimum} to ${maximum}`;
}

function isWithin(number, { minimum = null, above = null, maximum = null }) {
  if (!Number.isFinite(number)) return false;
  return (minimum === null || number >= minimum) && (above === null || number > above) &&
    (maximum === null || number <= maximum);
}

/** Check a parameter's text: `{value}` as it is sent, or `{problem}`. An empty text takes the default. */
export function checkParameter(spec, text) {
  const typed = text.trim();
  const problem = `Must be ${spec.expected}.`;
  if (typed === "" && spec.kind !== "text") {
    return spec.required ? { problem } : { value: spec.default };
  }
  if (spec.kind === "bool") return typed === "true" || typed === "false" ? { value: typed === "true" } : { problem };
  if (spec.kind === "choice") return spec.choices.includes(typed) ? { value: typed } : { problem };
  if (spec.kind === "duration") return DURATION.test(typed) ? { value: typed } : { problem };
  if (spec.kind === "text") return text.length <= 200 ? { value: text } : { problem };
  const isNumber = NUMBER.test(typed) && isWithin(Number(typed), spec);
  if (!isNumber || (spec.kind === "int" && !Number.isSafeInteger(Number(typed)))) return { problem };
  // A decimal keeps its digits: as a number of JavaScript 0.10 would become 0.1, and the 17th digit another one.
  return { value: spec.kind === "decimal" ? typed : Number(typed) };
}

/** Check a name: `{value}` or `{problem}`. */
export function checkName(text) {
  const value = text.trim();
  if (!value) return { problem: "Give the bot a name." };
  if (value.length > MAX_NAME) return { problem: `At most ${MAX_NAME} characters.` };
  return /\p{Cc}/u.test(value) ? { problem: "A name has no line breaks or control characters." } : { value };
}

export function checkDescription(text) {
  const value = text.trim();
  return value.length > MAX_DESCRIPTION ? { problem: `At most ${MAX_DESCRIPTION} characters.` } : { value };
}

/** A parameter's name as a label: max_position is "Max position". */
export function labelOf(name) {
  const words = name.replaceAll("_", " ");
  return words.charAt(0).toUpperCase() + words.slice(1);
}

const SIGNS = { "-1": "−", 0: "", 1: "+" };

/** An amount of money, a decimal text, with its sign: "+12.31", "−1,204.50", "0.00"; "–" if it is unknown. */
export function signedText(amount) {
  if (amount === null || amount === undefined) return "–";
  const cents = Math.round(Number(amount) * 100);
  return SIGNS[Math.sign(cents)] + unitsText(Math.abs(cents), 2);
}

const signedShort = (value) => SIGNS[Math.sign(value)] + shortText(Math.abs(value), 1);

/** An amount of money, a decimal text: "10,012.31". */
export function moneyText(amount) {
  return amount === null || amount === undefined ? "–" : unitsText(Math.round(Number(amount) * 100), 2);
}

/** A decimal text with its thousands separated: no digit is added or lost. */
export function decimalText(text) {
  if (text === null || text === undefined) return "–";
  const [, sign, whole, rest] = /^(-?)(\d+)(.*)$/.exec(text) ?? [null, "", text, ""];
  return withMinus(`${sign}${grouped(whole)}${rest}`);
}

/** A decimal text with at least this many decimals, as the numbers below it: "67454" with 1 is "67,454.0". */
export function paddedText(text, digits = 0) {
  if (text === null || text === undefined) return "–";
  const [whole, rest = ""] = decimalText(text).split(".");
  return digits || rest ? `${whole}.${rest.padEnd(digits, "0")}` : whole;
}

/**
 * A profit from low to high as texts, each with its number: one where both are equal to the cent. With `isShort`
 * thousands are written as 1.2K.
 */
export function bandTexts({ low, high }, isShort = false) {
  const textOf = (amount) => (isShort && Math.abs(amount) >= 1_000 ? signedShort(Number(amount)) : signedText(amount));
  const texts = [...new Set([textOf(low), textOf(high)])];
  return texts.map((text, at) => ({ text, value: Math.round(Number(at ? high : low) * 100) }));
}

const FORMS = {
  signed: signedText,
  money: moneyText,
  gain: percentText,
  share: (share) => percentText(share, 2, false),
  ratio: (value) => withMinus(value.toFixed(2)),
  period: (seconds) => ({ 86400: "1 d", 3600: "1 h", 60: "1 min", 1: "1 s" })[seconds] ?? `${seconds} s`,
  count: (value) => grouped(String(value)),
};
const FIGURES = {
  profit: "signed", profit_share: "gain", realised: "signed", unrealised: "signed", fees: "money", funding: "signed",
  max_drawdown: "money", max_drawdown_share: "share", sharpe: "ratio", sortino: "ratio", period_s: "period",
  exposure: "share", time_in_market: "share", turnover: "money", maker_share: "share", win_rate: "share",
  profit_factor: "ratio", mean_trade: "signed",
};

/** A figure of a report by its name: money to the cent, a share in percent; "–" where it is not defined. */
export function figureText(name, value) {
  if (!Number.isFinite(value)) return "–";
  return FORMS[FIGURES[name] ?? (Number.isInteger(value) ? "count" : "ratio")](value);
}

/** The colour of a signed number: of a gain or a long position, of a loss or a short one, or none. */
export function signClass(value) {
  return value > 0 ? "of-bid" : value < 0 ? "of-ask" : "";
}
