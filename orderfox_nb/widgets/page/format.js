// Numbers and times as text. Whole units of 10^-digits are written digit by digit: no binary noise can appear.

/** The text of a number as people read it: with a minus sign instead of a hyphen, and none before a zero. */
export function withMinus(text) {
  if (!text.startsWith("-")) return text;
  return (/[1-9]/.test(text) ? "−" : "") + text.slice(1);
}

/** Whole units of 10^-digits as a decimal, thousands separated: (616597, 1) is "61,659.7". */
export function unitsText(units, digits) {
  const text = String(Math.abs(units)).padStart(digits + 1, "0");
  const whole = grouped(text.slice(0, text.length - digits));
  const sign = units < 0 ? "−" : "";
  return digits > 0 ? `${sign}${whole}.${text.slice(-digits)}` : sign + whole;
}

/** The same with at most two digits, for sums that are only displayed. */
export function roundedText(units, digits) {
  return digits > 2 ? unitsText(Math.round(units / 10 ** (digits - 2)), 2) : unitsText(units, digits);
}

export function grouped(whole) {
  return whole.replace(/\B(?=(\d{3})+(?!\d))/g, ",");
}

/** A price as a number, by the digits of its tick. */
export function priceText(price, digits) {
  if (price === null || price === undefined || !Number.isFinite(price)) return "–";
  const [whole, rest] = withMinus(price.toFixed(digits)).split(".");
  return rest === undefined ? grouped(whole) : `${grouped(whole)}.${rest}`;
}

const SHORT = [[1e12, "T"], [1e9, "B"], [1e6, "M"], [1e3, "K"]];

/** A large quantity in short form: 12.59B, 456.78M, 1.00K, 12.30. */
export function shortText(value, digits = 2) {
  if (value === null || value === undefined || !Number.isFinite(value)) return "–";
  const size = Math.abs(value);
  for (const [limit, letter] of SHORT) {
    // A value that rounds up to 1,000 uses the next unit: 1.00M and not 1000.00K.
    if (Number((size / (limit / 1_000)).toFixed(digits)) >= 1_000) {
      return withMinus((value / limit).toFixed(digits)) + letter;
    }
  }
  return withMinus(value.toFixed(digits));
}

/** Forms of sizes, from long to short; `SHORT_SIZES` are the longest texts of the short forms. */
export function sizeForms(digits) {
  const compact = [2, 1].map((places) => (units) => compactText(units, digits, places));
  return [(units) => unitsText(units, digits), ...compact];
}

export const SHORT_SIZES = ["999.99M", "999.9M"];

/** The longest texts of the short forms of sizes up to a number of units: beyond 999T they have more digits. */
export function shortSizes(units, digits) {
  return SHORT_SIZES.map((usual, at) => {
    const own = compactText(units, digits, 2 - at);
    return own.length > usual.length ? own : usual;
  });
}

/** A price whose number of digits is unknown: up to nine significant digits. */
export function loosePriceText(price) {
  if (price === null || price === undefined || !Number.isFinite(price)) return "–";
  const text = withMinus(String(Number(price.toPrecision(9))));
  const [whole, rest] = text.split(".");
  return /e/.test(text) ? text : grouped(whole) + (rest === undefined ? "" : `.${rest}`);
}

/** A size in few characters: from 1,000 on in short form, below with at most four digits that count. */
export function compactText(units, digits, places = 2) {
  const value = units / 10 ** digits;
  if (Math.abs(value) >= 1_000) return shortText(value, places);
  const plain = unitsText(units, digits);
  return plain.length <= 6 ? plain : withMinus(String(Number(value.toPrecision(4))));
}

/** A quantity beside an axis, round in itself: 1.5B, 250K, 0.10. `digits` are those of the axis' step. */
export function axisText(value, digits) {
  const [limit, letter] = SHORT.find(([from]) => Math.abs(value) >= from) ?? [];
  return withMinus(limit ? `${Number((value / limit).toPrecision(12))}${letter}` : value.toFixed(digits));
}

/** A fraction as a signed percentage: 0.0184 is "+1.84 %". */
export function percentText(fraction, digits = 2, signed = true) {
  if (fraction === null || fraction === undefined || !Number.isFinite(fraction)) return "–";
  const text = withMinus((fraction * 100).toFixed(digits));
  return `${signed && fraction > 0 ? "+" : ""}${text} %`;
}

const two = (number) => String(number).padStart(2, "0");

/** What the page's zone adds to UTC at a time, in ms: 0 where times are shown in UTC. */
export function zoneOffsetMs(ms) {
  if (globalThis.document?.documentElement?.dataset.ofZone === "utc") return 0;
  return -new Date(ms).getTimezoneOffset() * 60_000;
}

/** A time as the page's zone shows it: its parts are those of `getUTC…`. */
export function zoned(ms) {
  return new Date(ms + zoneOffsetMs(ms));
}

/** Time of day in the page's zone. */
export function clockText(ms) {
  const at = zoned(ms);
  return `${two(at.getUTCHours())}:${two(at.getUTCMinutes())}:${two(at.getUTCSeconds())}`;
}

export const DAY_MS = 86_400_000;

const DATE_FORMS = new Map();

/** A date, of which the UTC parts count, in the language and order of the page's reader. */
function dateText(at, options) {
  const name = JSON.stringify(options);
  if (!DATE_FORMS.has(name)) DATE_FORMS.set(name, new Intl.DateTimeFormat(undefined, { ...options, timeZone: "UTC" }));
  return DATE_FORMS.get(name).format(at); // to make a form costs a hundred times what it costs to use it
}

/** Day and month: Nov 28, 28. Nov. */
export function dayText(at) {
  return dateText(at, { day: "numeric", month: "short" });
}

export function monthText(at) {
  return dateText(at, { month: "short" });
}

/** Date and time of day to the minute; of bars of a day and longer the date, in UTC, where their day begins. */
export function barTimeText(ms, lengthMs) {
  if (lengthMs >= DAY_MS) return dateText(new Date(ms), { day: "numeric", month: "short", year: "numeric" });
  const at = zoned(ms);
  return `${dayText(at)} ${two(at.getUTCHours())}:${two(at.getUTCMinutes())}`;
}

/** The zone in which `barTimeText` gives a time: UTC, UTC+2, UTC−3:30. */
export function zoneText(ms, lengthMs) {
  const minutes = lengthMs >= DAY_MS ? 0 : Math.round(zoneOffsetMs(ms) / 60_000);
  if (minutes === 0) return "UTC";
  const [hours, rest] = [Math.floor(Math.abs(minutes) / 60), Math.abs(minutes) % 60];
  return `UTC${minutes > 0 ? "+" : "−"}${hours}${rest ? `:${two(rest)}` : ""}`;
}

/** How long something took: 850 ms, 12 s, 3 min, 2.5 h. */
export function durationText(ms) {
  if (ms < 1_000) return `${Math.round(ms)} ms`;
  if (ms < 120_000) return `${Math.round(ms / 1_000)} s`;
  return ms < 7_200_000 ? `${Math.round(ms / 60_000)} min` : `${(ms / 3_600_000).toFixed(1)} h`;
}

/** What is left, as 02:14:07 or 00:23. */
export function countdownText(ms) {
  const seconds = Math.max(0, Math.round(ms / 1000));
  const minutes = two(Math.floor(seconds / 60) % 60);
  const hours = Math.floor(seconds / 3600);
  return `${hours > 0 ? `${two(hours)}:` : ""}${minutes}:${two(seconds % 60)}`;
}
