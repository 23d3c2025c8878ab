// The values of a view as text, in an address or in local storage. Neither can be trusted: a malformed value is refused
// with a reason and never silently replaced. Python's table (settings.py) defines the values, one row per setting.
import { CHOICES } from "./theme.js";

export const MAX_MARKETS = 6;
const MAX_SHOWN_TEXT = 40;
const UNIT_MINUTES = { s: 1 / 60, m: 1, h: 60, d: 1440, w: 10_080, M: 43_200 };

const oneOf = (texts) => `expected ${texts.slice(0, -1).join(", ")} or ${texts.at(-1)}`;
const short = (text) => (text.length > MAX_SHOWN_TEXT ? `${text.slice(0, MAX_SHOWN_TEXT - 1)}…` : text);
const minutesOf = (name) => Number.parseInt(name, 10) * UNIT_MINUTES[name.at(-1)];

/** The timeframes next to what was requested, the nearest first: 5m and 15m for 7m, 1h for 60m. */
export function nearTimeframes(text, timeframes) {
  const match = /^(\d{1,5})\s*(s|m|h|d|w|M|H|D|W|min|mon)$/.exec(text);
  if (!match) return [];
  const unit = { min: "m", mon: "M" }[match[2]] ?? (match[2] === "M" ? "M" : match[2].toLowerCase());
  const asked = Number(match[1]) * UNIT_MINUTES[unit];
  if (!(asked > 0)) return [];
  const distance = (name) => Math.abs(Math.log(minutesOf(name) / asked));
  const near = [...timeframes].sort((one, other) => distance(one) - distance(other));
  return distance(near[0]) === 0 ? near.slice(0, 1) : near.slice(0, 2);
}

/** A setting of the table, and how its value is read from a text and written as one. */
class Setting {
  constructor(row) {
    Object.assign(this, row);
    this.texts = this.choices.map(String);
    this.expected = this.texts.length ? oneOf(this.texts) : `expected ${row.expected}`;
    const form = row.form && new RegExp(row.form, "u");
    this.fits = (text) => (form ? form.test(text) : this.texts.includes(text));
  }

  valueOf(text) {
    if (this.texts.length) return this.choices[this.texts.indexOf(text)];
    if (this.kind === "list") return text ? text.split(",") : [];
    return this.kind === "number" ? Number(text) : text;
  }

  textOf(value) {
    return this.each ? value.join(",") : String(value);
  }

  /** Whether a value is the default; a symbol never counts as one. */
  isDefault(value) {
    if (this.name === "symbol") return false;
    return this.each ? value.every((one) => one === this.default) : String(value) === String(this.default);
  }

  /** What to offer instead of a text that does not fit; of timeframes those next to it. */
  near(text) {
    return this.name === "timeframe" ? nearTimeframes(text, this.texts) : this.texts;
  }

  readColumns(text, refuse) {
    const parts = text.split(",").map((part) => part.trim());
    if (parts.length > MAX_MARKETS) refuse(this.name, text, `at most ${MAX_MARKETS} fit side by side`);
    const values = parts.slice(0, MAX_MARKETS).map((part) => {
      if (this.fits(part)) return this.valueOf(part);
      if (part || parts.length === 1) refuse(this.name, part, this.expected);
      return null;
    });
    if (this.name === "symbol") return values.filter((one) => one !== null); // a market that is none takes no column
    return values.some((one) => one !== null) ? values : [];
  }
}

export class ViewSettings {
  constructor(rows) {
    this.rows = rows.map((row) => new Setting(row));
    this.shared = this.rows.filter(({ each }) => !each);
    this.columns = this.rows.filter(({ each }) => each);
    /** What each column has of its own beside its market. */
    this.own = this.columns.filter(({ each }) => each !== "market");
    /** Names of an address that mean a view in another form than ours; the view's own text takes their place. */
    this.others = this.rows.flatMap(({ aliases, formerly }) => [...aliases, formerly]).filter((name) => name);
  }

  get(name) {
    return this.rows.find((one) => one.name === name);
  }

  /**
   * Values of the right form as a view; what each column has becomes one entry a column, null if there is none.
   * `refused` names what is of another form: `{name, text, reason, options}`, an option being a text of the right one.
   */
  readView(values) {
    const view = {};
    const refused = [];
    const refuse = (name, text, reason, options = []) => refused.push({ name, text: short(text), reason, options });
    for (const setting of this.rows) {
      const { name } = setting;
      if (values[name] === undefined || values[name] === null) continue;
      const text = String(values[name]);
      if (setting.each) {
        const read = setting.readColumns(text, refuse);
        if (read.length) view[name] = read;
      } else if (setting.fits(text)) view[name] = setting.valueOf(text);
      else refuse(name, text, setting.expected, setting.near(text));
    }
    return { view, refused };
  }

  /** What the parameters of an address say of a view, and of the look: `prefix` is before the view's names. */
  readParameters(parameters, prefix) {
    const values = {};
    const renamed = [];
    for (const [key, text] of parameters) {
      if (!key.startsWith(prefix)) continue;
      const name = key.slice(prefix.length).toLowerCase();
      const setting = this.rows.find((one) => one.name === name || one.aliases.includes(name));
      const successor = this.rows.find(({ formerly }) => formerly && formerly === name);
      if (setting) values[setting.name] = text;
      else if (successor) {
        const reason = `it is now ${successor.name}, ${successor.expected.replace("expected ", "")}`;
        renamed.push({ name, text: short(text), reason, options: [] });
      }
    }
    const { view, refused } = this.readView(values);
    const style = {};
    for (const [name, options] of Object.entries(CHOICES)) {
      const text = parameters.get(name);
      if (text === null) continue;
      if (options.includes(text)) style[name] = text;
      else if (!prefix) refused.push({ name, text: short(text), reason: oneOf(options), options: [] });
    }
    return { view, style, refused: [...refused, ...renamed] };
  }
}
