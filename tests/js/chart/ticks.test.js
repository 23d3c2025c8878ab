// What stands along the axes of the charts: round prices and sizes, each written as what it is.
import assert from "node:assert/strict";
import test from "node:test";
import { niceTicks, priceTicks } from "../../../orderfox_nb/widgets/chart/ticks.js";
import { axisText } from "../../../orderfox_nb/widgets/page/format.js";
import { allClose } from "../support.js";

for (const [within, wanted, most, labels] of [
  [[3_176, 3_193], 7, 2, "3177.5 3180.0 3182.5 3185.0 3187.5 3190.0 3192.5"], // a depth of ± 0.25 % at 3,184
  [[0.1762, 0.1771], 4, 5, "0.17625 0.17650 0.17675 0.17700"], // candles of a few hundredths of a cent
  [[0, 0.1], 4, 3, "0.000 0.025 0.050 0.075 0.100"],
  [[61_150, 61_420], 6, 1, "61150 61200 61250 61300 61350 61400"],
  [[0, 9.5], 4, 12, "0.0 2.5 5.0 7.5"],
  [[100, 1_000], 4, 0, "250 500 750 1000"],
]) {
  test(`each label of an axis from ${within[0]} to ${within[1]} is the value at its tick`, () => {
    const { ticks, digits } = niceTicks(within, wanted, most);
    const shown = ticks.map((tick) => tick.toFixed(digits));
    assert.equal(shown.join(" "), labels);
    allClose(shown.map(Number), ticks, { share: 1e-12 });
  });
}

for (const [most, step] of [[2, 0.25], [1, 0.5], [0, 1]]) {
  test(`ticks stand on prices that a market of ${most} digits has`, () => {
    assert.equal(niceTicks([100, 102], 9, most).step, step);
  });
}

for (const [most, labels] of [
  [0.23, "0.05 0.10 0.15 0.20"],
  [4.2e9, "1B 2B 3B 4B"],
  [1_600, "500 1K 1.5K"],
  [12_000, "2.5K 5K 7.5K 10K"],
  [1_100_000, "250K 500K 750K 1M"],
  [7, "2 4 6"],
]) {
  test(`sizes up to ${most} beside an axis are short and round`, () => {
    const { ticks, digits } = niceTicks([0, most], 5);
    assert.equal(ticks.slice(1).map((tick) => axisText(tick, digits)).join(" "), labels);
  });
}

const RANGES = [
  [[68_100, 68_750], 1],
  [[1_950, 2_950], 2],
  [[0.1762, 0.1771], 5],
  [[3e-6, 9e-6], 8],
  [[20, 60_000], 1],
  [[61_000, 61_003], 1],
];
const CASES = RANGES.flatMap(([within, digits]) =>
  [110, 163, 320, 600, 1200].flatMap((height) => [false, true].map((log) => ({ within, digits, height, log })))
);

/** Whether five labels are left by the last price with its countdown and by the crosshair, wherever they are. */
function fiveLeft(places, height) {
  for (let last = 0; last < height; last += 13) {
    for (let cursor = 0; cursor < height; cursor += 17) {
      const tags = [last, last + 18, cursor];
      if (places.filter((place) => tags.every((tag) => Math.abs(place - tag) >= 16)).length < 5) return false;
    }
  }
  return true;
}

test("a price axis has five labels that tags leave and none in another's place", () => {
  for (const { within, digits, height, log } of CASES) {
    const [low, high] = within;
    const found = priceTicks(within, height, digits, log);
    const { ticks } = found;
    const named = `${within} on ${height} px${log ? ", logarithmic" : ""}`;
    assert.deepEqual(ticks, [...new Set(ticks)].sort((one, other) => one - other), named);
    assert.ok(ticks.every((tick) => low <= tick && tick <= high * (1 + 1e-12)), named);
    const shown = ticks.map((tick) => Number(tick.toFixed(found.digits)));
    allClose(shown, ticks, { share: 1e-9 }, named);
    allClose(shown.map((label) => Number(label.toFixed(digits))), ticks, { share: 1e-12 }, `${named}: of the market`);
    const scale = log ? Math.log : Number;
    const places = ticks.map((tick) => ((scale(tick) - scale(low)) / (scale(high) - scale(low))) * height);
    assert.ok(places.slice(1).every((place, at) => place - places[at] > 16.9), named);
    if (high - low < 12 * 10 ** -digits) {
      assert.ok(ticks.length >= 3, "there are no more prices");
      continue;
    }
    assert.ok(ticks.length >= (height >= 200 ? 7 : height >= 160 ? 5 : 3), named);
    if (height >= 300) assert.ok(fiveLeft(places, height), named);
  }
});
