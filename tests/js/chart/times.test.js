// The times along an axis: round on the clock of the page's zone, in the reader's language.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import test from "node:test";
import { fileURLToPath } from "node:url";
import { LENGTH_S } from "../../../orderfox_nb/widgets/chart/candle_view.js";
import { timeTicks } from "../../../orderfox_nb/widgets/chart/ticks.js";
import { barTimeText, zoneText } from "../../../orderfox_nb/widgets/page/format.js";
import { useLanguage } from "../support.js";

useLanguage("en-US");

/** The ticks of a window, as UTC and as the axis of a page in a zone writes them. */
function timeLabels(zone, window, wanted, bar) {
  process.env.TZ = zone;
  const [from, to] = window.map((text) => Date.parse(`${text}Z`));
  const { ticks, text } = timeTicks(from, to, wanted, LENGTH_S[bar] * 1000);
  return ticks.map((tick) => [tick.toISOString().slice(0, 16), text(tick)]);
}

for (const zone of ["America/New_York", "Europe/Berlin", "Asia/Tokyo", "UTC"]) {
  for (const bar of ["1d", "1w", "1M"]) {
    test(`bars of ${bar} carry the date on which they begin in ${zone}`, () => {
      const labels = timeLabels(zone, ["2026-05-29T12:00", "2026-06-02T12:00"], 40, bar);
      assert.deepEqual(labels, [
        ["2026-05-30T00:00", "May 30"],
        ["2026-05-31T00:00", "May 31"],
        ["2026-06-01T00:00", "Jun 1"],
        ["2026-06-02T00:00", "Jun 2"],
      ]);
      assert.equal(barTimeText(Date.UTC(2026, 5, 1), LENGTH_S[bar] * 1000), "Jun 1, 2026");
    });
  }
}

test("days begin at midnight of the zone before and after its clocks change", () => {
  const autumn = timeLabels("America/New_York", ["2026-10-31T00:00", "2026-11-03T12:00"], 4, "1h");
  assert.deepEqual(autumn, [
    ["2026-10-31T04:00", "Oct 31"],
    ["2026-11-01T04:00", "Nov 1"],
    ["2026-11-02T05:00", "Nov 2"],
    ["2026-11-03T05:00", "Nov 3"],
  ]);
  const spring = timeLabels("Europe/Berlin", ["2026-03-28T12:00", "2026-03-30T00:00"], 6, "30m");
  assert.deepEqual(spring.map(([, label]) => label), ["18:00", "Mar 29", "06:00", "12:00", "18:00", "Mar 30"]);
  assert.deepEqual(spring.map(([time]) => time).slice(1, 3), ["2026-03-28T23:00", "2026-03-29T04:00"]);
});

for (const [zone, window, wanted, labels] of [
  ["Europe/Berlin", ["2026-03-28T23:30", "2026-03-29T03:30"], 4, "01:00 03:00 04:00 05:00"],
  ["Europe/Berlin", ["2026-10-24T22:30", "2026-10-25T02:30"], 4, "01:00 02:00 02:00 03:00"],
  ["Europe/Berlin", ["2026-10-24T21:30", "2026-10-25T06:30"], 5, "Oct 25 02:00 04:00 06:00"],
  ["Europe/Berlin", ["2026-10-25T00:10", "2026-10-25T01:10"], 6, "02:10 02:20 02:30 02:40 02:50 02:00 02:10"],
  ["Africa/Cairo", ["2026-04-22T12:00", "2026-04-25T00:00"], 3, "Apr 23 Apr 24 Apr 25"], // the 24th begins at 1
  ["Asia/Kolkata", ["2026-06-01T00:00", "2026-06-01T04:00"], 4, "06:00 07:00 08:00 09:00"],
]) {
  test(`times from ${window[0]} are round on the clock of ${zone} on the day it changes`, () => {
    const shown = timeLabels(zone, window, wanted, "1m");
    assert.equal(shown.map(([, label]) => label).join(" "), labels);
    const times = shown.map(([time]) => time);
    assert.deepEqual(times, [...new Set(times)].sort());
  });
}

for (const [language, day, bar] of [
  ["de_DE.UTF-8", "28. Nov.", "28. Nov. 2026"],
  ["en_US.UTF-8", "Nov 28", "Nov 28, 2026"],
  ["ja_JP.UTF-8", "11月28日", "2026年11月28日"],
]) {
  test(`dates are those of a reader of ${language}`, () => {
    const script = fileURLToPath(new URL("./print_dates.js", import.meta.url));
    const env = { ...process.env, LC_ALL: language, TZ: "UTC" };
    const printed = execFileSync(process.execPath, [script], { env, encoding: "utf8", timeout: 30_000 });
    assert.equal(printed.trim(), `${day}|${day} 00:00|${bar}`);
  });
}

for (const [zone, minute] of [["UTC", "UTC"], ["Asia/Kolkata", "UTC+5:30"], ["America/New_York", "UTC−4"]]) {
  test(`the zone of times is named in ${zone}`, () => {
    process.env.TZ = zone;
    const at = Date.UTC(2026, 5, 1);
    assert.deepEqual([zoneText(at, 60_000), zoneText(at, 86_400_000)], [minute, "UTC"]);
  });
}

test("long windows have months and years that begin when they do", () => {
  const years = timeLabels("UTC", ["2020-02-01T00:00", "2026-11-28T00:00"], 7, "1w");
  const named = [2021, 2022, 2023, 2024, 2025, 2026].map((year) => [`${year}-01-01T00:00`, String(year)]);
  assert.deepEqual(years, named);
  const months = timeLabels("UTC", ["2025-11-15T00:00", "2026-03-28T00:00"], 6, "1d");
  assert.deepEqual(months.map(([, label]) => label), ["Dec", "2026", "Feb", "Mar"]);
  const weeks = timeLabels("UTC", ["2026-06-01T00:00", "2026-06-28T00:00"], 4, "1d");
  const begins = weeks.map(([time]) => time.slice(8, 10));
  assert.deepEqual(begins, ["01", "08", "15", "22"], "a week begins with the bar of a week");
});
