// Reads book frames (JSON) from its input and prints the rows that the ladder has of each, bids and asks, as
// [price, size on the row, sum up to it]: tests/widgets/test_still_ladder.py compares a still's with them.
import { readFileSync } from "node:fs";
import { axisOf, sideRows } from "../../../orderfox_nb/widgets/panels/ladder_axis.js";

const COUNT = 12;

function rowsOf(frame) {
  const axis = axisOf(frame);
  if (axis.boundary === null) return [[], []];
  return ["bids", "asks"].map((name) => {
    const [, sizes, totals] = frame[name];
    return sideRows(axis, name, COUNT)
      .filter(({ known }) => known)
      .map(({ key, own, at }) => [key * axis.unit, own ? sizes[at] : null, at < 0 ? null : totals[at]]);
  });
}

console.log(JSON.stringify(JSON.parse(readFileSync(0, "utf8")).map(rowsOf)));
