// Round values along an axis: where its ticks stand, and with how many digits they are told apart.
import { zoned, zoneOffsetMs } from "./format.js";

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

/** Round times of the page's zone inside a window, about one every `wanted` share of it. */
export function timeTicks(fromMs, toMs, wanted) {
  const rough = (toMs - fromMs) / 1000 / Math.max(1, wanted);
  const step = (STEPS_S.find((size) => size >= rough) ?? STEPS_S.at(-1)) * 1000;
  const zone = -zoneOffsetMs(fromMs); // midnight of the zone is a round time
  const ticks = [];
  for (let at = Math.ceil((fromMs - zone) / step) * step + zone; at <= toMs; at += step) ticks.push(new Date(at));
  const two = (number) => String(number).padStart(2, "0");
  const day = (at) => `${two(at.getUTCDate())}.${two(at.getUTCMonth() + 1)}.`;
  const text = (tick) => {
    const at = zoned(tick.getTime());
    const midnight = at.getUTCHours() + at.getUTCMinutes() === 0;
    return step >= 86_400_000 || midnight ? day(at) : `${two(at.getUTCHours())}:${two(at.getUTCMinutes())}`;
  };
  return { ticks, text };
}
