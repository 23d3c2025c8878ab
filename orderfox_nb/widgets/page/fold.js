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

/** The full frame after a delta, or null where this stream has no deltas that we know. */
export function foldFrame(stream, parameters, full, delta) {
  if (stream === "trades") return foldTrades(full, delta, Number(parameters.rows));
  if (stream === "candles") return foldCandles(full, delta, Number(parameters.bars));
  return null;
}
