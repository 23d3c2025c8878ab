// What the values of a view look like as text, in an address or in local storage. Both can be written by anybody: what
// has the wrong form is refused with its reason, and never turned into something else in silence.
import { CHOICES } from "./theme.js";

export const LAYOUTS = ["default", "chart", "book"];
export const MAX_MARKETS = 6;
const MAX_SHOWN_TEXT = 40;
const MINUTES = {
  "1m": 1, "3m": 3, "5m": 5, "15m": 15, "30m": 30, "1h": 60, "2h": 120, "4h": 240, "6h": 360, "8h": 480, "12h": 720,
  "1d": 1440, "3d": 4320, "1w": 10_080, "1M": 43_200,
};
const UNIT_MINUTES = { s: 1 / 60, m: 1, h: 60, d: 1440, w: 10_080, M: 43_200 };
const SWITCH = { form: /^(true|false)$/, expected: "true or false", options: ["true", "false"] };
const oneOf = (options) => {
  const names = options.map((one) => one.replace(".", "\\."));
  const expected = `${options.slice(0, -1).join(", ")} or ${options.at(-1)}`;
  return { form: new RegExp(`^(${names.join("|")})$`), expected, options };
};

/** One entry a column, separated by commas. */
export const COLUMN_FORMS = {
  // No symbol has a space or what means something in an address; beyond that the server knows which ones there are.
  symbol: { form: /^[^\s,?&#%\p{C}]{1,40}$/u, expected: "a symbol such as BTCUSDT" },
  rounding: { form: /^(auto|(?=.*[1-9])\d{1,12}(\.\d{1,12})?)$/, expected: "auto or a price above 0" },
  minimum_notional: { form: /^\d{1,15}(\.\d{1,12})?(e[+-]?\d{1,2})?$/, expected: "an amount in quote currency" },
};
export const FORMS = {
  timeframe: { ...oneOf(Object.keys(MINUTES)), options: [] },
  rows: oneOf(["fit", "10", "20", "50"]),
  layout: oneOf(LAYOUTS),
  overlays: {
    form: /^((vwap|(ema|bollinger)([2-9]|[1-9]\d|[1-4]\d\d|500))(,(?=.)|$)){0,20}$/,
    expected: "vwap, ema20 or bollinger20 (2 to 500 bars), separated by commas",
  },
  depth_percent: oneOf(["0.1", "0.25", "0.5", "1", "2", "5", "10"]),
  whole_market: SWITCH,
  span: oneOf(["1m", "15m", "1h"]),
  show_volume: SWITCH,
  show_liquidations: SWITCH,
  show_liquidation_average: SWITCH,
  show_lapses: SWITCH,
  log_scale: SWITCH,
  fixed_scale: SWITCH,
};
const RENAMED = { minimum_size: "minimum_notional, the value of a trade in quote currency" };
const ALIASES = { symbols: "symbol" };

const READ = {
  rounding: (text) => text, symbol: (text) => text, minimum_notional: Number, depth_percent: Number,
  rows: (text) => (text === "fit" ? text : Number(text)),
  overlays: (text) => (text ? text.split(",") : []),
};
const valueOf = (name, text) => READ[name]?.(text) ?? (["true", "false"].includes(text) ? text === "true" : text);
const short = (text) => (text.length > MAX_SHOWN_TEXT ? `${text.slice(0, MAX_SHOWN_TEXT - 1)}…` : text);

/** The timeframes next to what was asked for, the nearest first: 5m and 15m for 7m, 1h for 60m. */
export function nearTimeframes(text) {
  const match = /^(\d{1,5})\s*(s|m|h|d|w|M|H|D|W|min|mon)$/.exec(text);
  if (!match) return [];
  const unit = { min: "m", mon: "M" }[match[2]] ?? (match[2] === "M" ? "M" : match[2].toLowerCase());
  const asked = Number(match[1]) * UNIT_MINUTES[unit];
  if (!(asked > 0)) return [];
  const distance = (name) => Math.abs(Math.log(MINUTES[name] / asked));
  const near = Object.keys(MINUTES).sort((one, other) => distance(one) - distance(other));
  return distance(near[0]) === 0 ? near.slice(0, 1) : near.slice(0, 2);
}

function readColumns(name, text, refuse) {
  const { form, expected } = COLUMN_FORMS[name];
  const parts = text.split(",").map((part) => part.trim());
  if (parts.length > MAX_MARKETS) refuse(name, text, `at most ${MAX_MARKETS} fit side by side`);
  const values = parts.slice(0, MAX_MARKETS).map((part) => {
    if (form.test(part)) return valueOf(name, part);
    if (part || parts.length === 1) refuse(name, part, `expected ${expected}`);
    return null;
  });
  if (name === "symbol") return values.filter((one) => one !== null); // a market that is none takes no column
  return values.some((one) => one !== null) ? values : [];
}

/**
 * Values of the right form as a view; what each column has becomes one entry a column, null where there is none.
 * `refused` names what is of another form: `{name, text, reason, options}`, where an option is a text of the right one.
 */
export function readView(values) {
  const view = {};
  const refused = [];
  const refuse = (name, text, reason, options = []) => refused.push({ name, text: short(text), reason, options });
  for (const name of Object.keys(COLUMN_FORMS)) {
    if (values[name] === undefined || values[name] === null) continue;
    const read = readColumns(name, String(values[name]), refuse);
    if (read.length) view[name] = read;
  }
  for (const [name, { form, expected, options }] of Object.entries(FORMS)) {
    if (values[name] === undefined || values[name] === null) continue;
    const text = String(values[name]);
    if (form.test(text)) view[name] = valueOf(name, text);
    else refuse(name, text, `expected ${expected}`, name === "timeframe" ? nearTimeframes(text) : options);
  }
  return { view, refused };
}

/** What the parameters of an address say of a view, and of the look: `prefix` is before the view's names. */
export function readParameters(parameters, prefix) {
  const values = {};
  const renamed = [];
  for (const [key, text] of parameters) {
    if (!key.startsWith(prefix)) continue;
    const own = key.slice(prefix.length).toLowerCase();
    const name = ALIASES[own] ?? own;
    if (name in COLUMN_FORMS || name in FORMS) values[name] = text;
    else if (Object.hasOwn(RENAMED, name)) {
      renamed.push({ name, text: short(text), reason: `it is now ${RENAMED[name]}`, options: [] });
    }
  }
  const { view, refused } = readView(values);
  const look = {};
  for (const [name, options] of Object.entries(CHOICES)) {
    const text = parameters.get(name);
    if (text === null) continue;
    if (options.includes(text)) look[name] = text;
    else if (!prefix) {
      refused.push({ name, text: short(text), reason: `expected ${oneOf(options).expected}`, options: [] });
    }
  }
  return { view, look, refused: [...refused, ...renamed] };
}

/** Names of an address that mean a view in another form than ours; the view's own text takes their place. */
export const OTHER_NAMES = [...Object.keys(RENAMED), ...Object.keys(ALIASES)];
