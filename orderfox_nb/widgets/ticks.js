// Round values along an axis: where its ticks stand, and with how many digits they are told apart.
import { DAY_MS, zoned, zoneOffsetMs } from "./format.js";

const HOUR_MS = 3_600_000;
const FACTORS = [[1, 0], [2, 0], [2.5, 1], [5, 0], [10, -1]]; // and the digits that each needs beyond its power of ten

/**
 * Round numbers inside a range, `wanted` of them or fewer, and the digits that write each of them exactly.
 *
 * A step takes no more than `most` digits, those of the tick size: a label between two prices would be rounded to one
 * of them.
 */
export function niceTicks([low, high], wanted, most = 12) {
  const rough = Math.max((high - low) / Math.max(1, wanted), 10 ** -most);
  const power = Math.floor(Math.log10(rough));
  const [factor, more] = FACTORS.find(([one, more]) => one * 10 ** power >= rough && more - power <= most)
    ?? FACTORS.at(-1);
  const step = factor * 10 ** power;
  const ticks = [];
  for (let at = Math.ceil(low / step); at * step <= high; at++) ticks.push(at * step);
  return { ticks, step, digits: Math.max(0, more - power) };
}

const STEPS_S = [
  60, 120, 300, 600, 900, 1800, 3600, 7200, 14_400, 21_600, 43_200, 86_400, 172_800, 604_800, 2_592_000, 7_776_000,
  31_536_000,
];

/**
 * Round times inside a window, about one every `wanted` share of it, and how each is written.
 *
 * They are round on the clock of the page's zone. Bars of a day and longer begin with a day of UTC, which is another
 * date west of it: those have UTC days.
 */
export function timeTicks(fromMs, toMs, wanted, barMs) {
  const long = barMs >= DAY_MS;
  const rough = Math.max((toMs - fromMs) / Math.max(1, wanted), long ? DAY_MS : 0);
  const step = (STEPS_S.find((size) => size * 1000 >= rough) ?? STEPS_S.at(-1)) * 1000;
  const [first, last] = long ? [fromMs, toMs] : [fromMs, toMs].map((at) => at + zoneOffsetMs(at));
  const found = [];
  // An hour more on both sides: the zone's clock may be put back inside the window.
  const to = Math.max(first, last) + HOUR_MS;
  for (let wall = Math.floor((Math.min(first, last) - HOUR_MS) / step) * step; wall <= to; wall += step) {
    found.push(...(long ? [wall] : timesOfWall(wall, step)));
  }
  const inside = found.filter((at) => at >= fromMs && at <= toMs).sort((one, other) => one - other);
  const two = (number) => String(number).padStart(2, "0");
  const text = (tick) => {
    const at = long ? tick : zoned(tick.getTime());
    const midnight = at.getUTCHours() + at.getUTCMinutes() === 0;
    const day = `${two(at.getUTCDate())}.${two(at.getUTCMonth() + 1)}.`;
    return step >= DAY_MS || midnight ? day : `${two(at.getUTCHours())}:${two(at.getUTCMinutes())}`;
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
