// A delta frame folded into the full frame before it. Pure: the socket and the comm use the same functions.

/** Newest `rows` trades; ids of a delta ascend and follow the ones that are there. */
function foldTrades(full, delta, rows) {
  const columns = full.trades.map((column, index) => column.concat(delta.trades[index] ?? []).slice(-rows));
  return { ...full, ...delta, trades: columns };
}

/** Changed bars replace bars of the same time and later ones are appended; both column sets stay aligned. */
function foldCandles(full, delta, bars) {
  const times = full.bars[0];
  const merged = full.bars.map((column) => column.slice());
  const volumes = full.liquidations.map((column) => column.slice());
  const place = (columns, changed, source) => {
    for (let row = 0; row < (changed[0]?.length ?? 0); row++) {
      const time = changed[0][row];
      let at = columns[0].length - 1;
      while (at >= 0 && columns[0][at] > time) at--;
      if (at < 0 || columns[0][at] !== time) {
        if (at < columns[0].length - 1 || (times.length && time < times[0])) continue;
        at = columns[0].length;
      }
      for (let column = 0; column < columns.length; column++) columns[column][at] = source[column][row];
    }
  };
  place(merged, delta.bars, delta.bars);
  place(volumes, delta.liquidations ?? [[]], delta.liquidations ?? [[]]);
  const cut = (column) => (column.length > bars ? column.slice(column.length - bars) : column);
  return { ...full, ...delta, bars: merged.map(cut), liquidations: volumes.map(cut) };
}

/** Changed and new bots among the ones that are there, newest first. */
function foldBots(full, delta) {
  const gone = new Set([...(delta.removed ?? []), ...delta.bots.map(({ id }) => id)]);
  const kept = full.bots.filter(({ id }) => !gone.has(id));
  const newest = (one, other) => (one.createdAt < other.createdAt) - (one.createdAt > other.createdAt);
  return { ...full, ...delta, bots: [...delta.bots, ...kept].sort(newest) };
}

const BOT_ROWS = 200;
const BOT_MOMENTS = 1_500;

/** What one bot does: a field that is not there has not changed, and what comes of its lists is added at their end. */
function foldBot(full, delta) {
  const appended = (name) => full[name].concat(delta[name] ?? []).slice(-BOT_ROWS);
  // A line that was repeated comes again under its number.
  const lines = full.log.filter(({ number }) => number < (delta.log?.[0]?.number ?? Infinity));
  const [first] = delta.equity?.[0] ?? [];
  const kept = full.equity[0].length - (first !== undefined && full.equity[0].at(-1) === first);
  const equity = full.equity.map((column, at) =>
    column.slice(0, kept).concat(delta.equity?.[at] ?? []).slice(-BOT_MOMENTS));
  return { ...full, ...delta, fills: appended("fills"), log: lines.concat(delta.log ?? []).slice(-BOT_ROWS), equity };
}

/** The full frame after a delta, or null if this stream has no deltas that we know. */
export function foldFrame(stream, parameters, full, delta) {
  if (stream === "trades") return foldTrades(full, delta, Number(parameters.rows));
  if (stream === "candles") return foldCandles(full, delta, Number(parameters.bars));
  if (stream === "bots") return foldBots(full, delta);
  if (stream === "bot") return foldBot(full, delta);
  return null;
}
