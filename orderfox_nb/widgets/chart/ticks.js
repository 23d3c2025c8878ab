// Round values along an axis: the positions of its ticks, and how many digits distinguish them.
import { DAY_MS, dayText, monthText, zoned, zoneOffsetMs } from "../page/format.js";

const HOUR_MS = 3_600_000;
const FACTORS = [[1, 0], [2, 0], [2.5, 1], [5, 0], [10, -1]]; // and the digits that each needs beyond its power of ten
const LABEL_GAP = 17; // pixels from one price label to the next one, at least
const USUAL_GAP = 60;
const LABELS = 7; // of a price axis beside its tags: two may be hidden in part, so that 5 are left
const TAGS = 82; // pixels in which three tags leave no label

/** The smallest round step from `rough` on, and the digits that write its multiples; no finer than `maxDigits`. */
function niceStep(rough, maxDigits) {
  const power = Math.floor(Math.log10(Math.max(rough, 10 ** -maxDigits)) + 1e-12);
  const fits = ([one, more]) => one * 10 ** power >= rough * (1 - 1e-12) && more - power <= maxDigits;
  const [factor, more] = FACTORS.find(fits) ?? FACTORS.at(-1);
  return { step: factor * 10 ** power, digits: Math.max(0, more - power) };
}

/**
 * Round numbers inside a range, `wanted` of them or fewer, and the digits that write each of them exactly.
 *
 * A step has at most `maxDigits` digits, those of the tick size: a label between two prices would be rounded to one.
 */
export function niceTicks([low, high], wanted, maxDigits = 12) {
  const { step, digits } = niceStep((high - low) / Math.max(1, wanted), maxDigits);
  const ticks = [];
  for (let at = Math.ceil(low / step); at * step <= high; at++) ticks.push(at * step);
  return { ticks, step, digits };
}

/** Round prices on a logarithmic scale, each at least `ratio` times the previous one. */
function logTicks([low, high], ratio, maxDigits) {
  const ticks = [];
  let digits = 0;
  let from = low;
  while (ticks.length < 100) {
    const nice = niceStep(from * (ratio - 1), maxDigits);
    const tick = Math.ceil(from / nice.step - 1e-9) * nice.step;
    if (!(tick <= high)) break;
    ticks.push(tick);
    digits = Math.max(digits, nice.digits);
    const { step } = niceStep(tick * (ratio - 1), maxDigits);
    from = Math.max(tick * ratio, tick + step / 2);
  }
  return { ticks, digits };
}

/**
 * Labels of a price axis of a height in pixels: as many that five remain where tags cover some, and none in another's
 * place. Where the range has fewer prices than that, each of them.
 */
export function priceTicks([low, high], height, maxDigits, log = false) {
  const fitting = Math.max(2, Math.floor(height / LABEL_GAP));
  const beside = height > TAGS ? Math.ceil((LABELS * height) / (height - TAGS)) : fitting;
  const wanted = Math.min(fitting, Math.max(beside, Math.round(height / USUAL_GAP)));
  let found = { ticks: [], digits: 0 };
  for (let count = wanted; count <= fitting; count++) {
    found = log
      ? logTicks([low, high], Math.exp((Math.log(high / low)) / count), maxDigits)
      : niceTicks([low, high], count, maxDigits);
    if (found.ticks.length >= wanted) break;
  }
  return found;
}

const STEPS_S = [60, 120, 300, 600, 900, 1800, 3600, 7200, 14_400, 21_600, 43_200, 86_400, 172_800, 604_800];
const WEEK_MS = 604_800_000;
const MONDAY_MS = 4 * DAY_MS; // after the epoch, which was a Thursday
const STEPS_MONTHS = [1, 3, 6, 12, 24, 60, 120];
const MONTH_MS = 30.4375 * DAY_MS;

/** The times of a clock in UTC that are round, from one on to another, and whether they are months. */
function* roundWalls(from, to, rough) {
  const step = (STEPS_S.find((size) => size * 1000 >= rough) ?? 0) * 1000;
  if (step) {
    const origin = step === WEEK_MS ? MONDAY_MS : 0;
    for (let wall = Math.floor((from - origin) / step) * step + origin; wall <= to; wall += step) yield wall;
    return;
  }
  const months = STEPS_MONTHS.find((count) => count * MONTH_MS >= rough) ?? STEPS_MONTHS.at(-1);
  const first = new Date(from);
  let month = first.getUTCFullYear() * 12 + first.getUTCMonth();
  for (month -= month % months; ; month += months) {
    const wall = Date.UTC(Math.floor(month / 12), month % 12, 1);
    if (wall > to) return;
    yield wall;
  }
}

/**
 * Round times inside a window, about one every `wanted` share of it, and how each is written.
 *
 * They are round on the clock of the page's zone. Bars of a day and longer begin with a day of UTC, which is another
 * date west of it: those have UTC days.
 */
export function timeTicks(fromMs, toMs, wanted, barMs) {
  const long = barMs >= DAY_MS;
  const rough = Math.max((toMs - fromMs) / Math.max(1, wanted), long ? DAY_MS : 0);
  const step = (STEPS_S.find((size) => size * 1000 >= rough) ?? Infinity) * 1000;
  const [first, last] = long ? [fromMs, toMs] : [fromMs, toMs].map((at) => at + zoneOffsetMs(at));
  const found = [];
  // An hour more on both sides: the zone's clock may be put back inside the window.
  for (const wall of roundWalls(Math.min(first, last) - HOUR_MS, Math.max(first, last) + HOUR_MS, rough)) {
    found.push(...(long ? [wall] : timesOfWall(wall, step)));
  }
  const inside = found.filter((at) => at >= fromMs && at <= toMs).sort((one, other) => one - other);
  const two = (number) => String(number).padStart(2, "0");
  const text = (tick) => {
    const at = long ? tick : zoned(tick.getTime());
    if (step === Infinity) return at.getUTCMonth() ? monthText(at) : String(at.getUTCFullYear());
    const midnight = at.getUTCHours() + at.getUTCMinutes() === 0;
    return step >= DAY_MS || midnight ? dayText(at) : `${two(at.getUTCHours())}:${two(at.getUTCMinutes())}`;
  };
  return { ticks: inside.map((at) => new Date(at)), text };
}

/**
 * When the zone's clock shows a time. An hour that comes twice has ticks twice only where they are an hour apart or
 * less; a time that is left out has none, but its day has one.
 */
function timesOfWall(wall, step) {
  const [before, after] = [wall - DAY_MS, wall + DAY_MS].map((near) => wall - zoneOffsetMs(near));
  if (before === after) return [before];
  const shown = [before, after].filter((at) => at + zoneOffsetMs(at) === wall);
  if (shown.length === 0) return step >= DAY_MS ? [before] : [];
  return step <= HOUR_MS ? shown : shown.slice(0, 1);
}
