import assert from "node:assert/strict";
import test, { beforeEach } from "node:test";
import { Older, MAX_OLDER_BARS } from "../../../orderfox_nb/widgets/chart/older_bars.js";

const columns = (times) => ({
  symbol: "BTCUSDT", interval: "1m",
  bars: [times, ...[1, 2, 3, 4, 5].map((number) => times.map((time) => time + number))],
  liquidations: [times, ...[1, 2, 3, 4].map((number) => times.map((time) => time * number))],
});

let answers;
let asked;
let states;
let older;
const link = {
  async request(what, { end }) {
    asked.push([what, end]);
    const answer = answers.shift();
    if (answer instanceof Error) throw answer;
    return answer;
  },
};
beforeEach(() => {
  [answers, asked, states] = [[], [], []];
  older = new Older(() => states.push(older.loading));
});

test("older bars stand before the live ones and are kept as it moves on", async () => {
  const live = columns([600, 660, 720]);
  answers.push(columns([420, 480, 540, 600]));
  assert.equal(await older.load(link, live, live), true);
  assert.deepEqual(older.joined(live, 60).bars[0], [420, 480, 540, 600, 660, 720]);
  const moved = older.joined(columns([720, 780, 840]), 60);
  assert.deepEqual(moved.bars[0], [420, 480, 540, 600, 660, 720, 780, 840]);
  assert.deepEqual(moved.liquidations[2], moved.bars[0].map((time) => 2 * time));
  assert.deepEqual(asked, [["candles", 599_999]]);
  assert.deepEqual(states, [true, false]);
});

test("a hole after a long absence is not shown as whole", async () => {
  const live = columns([600, 660, 720]);
  answers.push(columns([480, 540]));
  await older.load(link, live, live);
  assert.deepEqual(older.joined(columns([9000, 9060]), 60).bars[0], [9000, 9060]);
  assert.equal(older.columns, null);
});

test("older bars of a venue that restarted are not shown with the new ones", async () => {
  const live = columns([600, 660, 720]);
  answers.push(columns([480, 540]));
  await older.load(link, live, live);
  assert.deepEqual(older.joined(columns([]), 60).bars[0], []);
  const other = columns([660, 720, 780]);
  other.bars[1] = other.bars[1].map((open) => open + 7);
  assert.deepEqual(older.joined(other, 60).bars[0], [660, 720, 780]);
  assert.equal(older.columns, null);
});

test("a failure is reported and asked again later, the end of history is not", async () => {
  const live = columns([600, 660]);
  answers.push(new Error("The connection was lost"), columns([]));
  await older.load(link, live, live);
  assert.equal(older.error, "The connection was lost");
  await older.load(link, live, live);
  assert.equal(asked.length, 1, "not so soon");
  older.failed = -Infinity;
  await older.load(link, live, live);
  await older.load(link, live, live);
  assert.deepEqual([asked.length, older.end], [2, "no older candles"]);
});

test("a page that keeps no more bars does not say that there are none", async () => {
  const until = MAX_OLDER_BARS * 60;
  const live = columns([until, until + 60]);
  const times = (from, to) => Array.from({ length: (to - from) / 60 }, (_, at) => from + 60 * at);
  answers.push(columns(times(240, until)), columns(times(0, 240)));
  await older.load(link, live, live);
  assert.equal(older.end, "");
  await older.load(link, live, live);
  await older.load(link, live, live);
  assert.equal(older.columns.bars[0].length, 20_002);
  assert.deepEqual([older.end, asked.length], ["this page keeps 20,000 candles", 2]);
});
