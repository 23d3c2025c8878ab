// Prints a day as the axis and as the cursor write it: node reads its language from LC_ALL once, as it starts.
import { timeTicks } from "../../../orderfox_nb/widgets/chart/ticks.js";
import { barTimeText } from "../../../orderfox_nb/widgets/page/format.js";

const [from, to] = ["2026-11-27T12:00Z", "2026-11-28T12:00Z"].map(Date.parse);
const { ticks, text } = timeTicks(from, to, 1, 60_000);
const at = Date.UTC(2026, 10, 28);
console.log([text(ticks[0]), barTimeText(at, 60_000), barTimeText(at, 86_400_000)].join("|"));
