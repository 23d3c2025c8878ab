// One crosshair for all charts of a page. Each widget has its own copy of this text, so what they share is on
// globalThis. A chart publishes the position of its pointer; every other chart shows the same time, and the price if it
// has the same symbol.

/** `{charts, at, move(at)}`; `at` is null or {time ms, price or null, symbol, source}. */
export function pageCrosshair() {
  const name = Symbol.for("orderfox.crosshair.v1");
  globalThis[name] ??= {
    charts: new Set(),
    at: null,
    move(at) {
      this.at = at;
      for (const chart of this.charts) chart(at);
    },
  };
  return globalThis[name];
}
