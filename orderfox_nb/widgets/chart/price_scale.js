// Prices on a linear or a logarithmic scale: where a price stands in the plot, and the way back. Pure functions.

const LINEAR = { to: (price) => price, from: (value) => value };
const LOGARITHMIC = { to: Math.log, from: Math.exp };
const MIN_UNITS = 4; // of the last digit that a price pane shows at least
const MAX_RATIO = 1e4; // of the highest price to the lowest one

/** How prices become what is linear in pixels. */
export function mapOf(log) {
  return log ? LOGARITHMIC : LINEAR;
}

/** The y domain of the whole plot that puts a price range into the price pane. */
export function plotDomain([low, high], { price }, log = false) {
  const { to, from } = mapOf(log);
  const span = (to(high) - to(low)) / (price[1] - price[0]);
  const top = to(high) + span * price[0];
  return [from(top - span), from(top)];
}

/** The price range that the price pane shows of a plot domain. */
export function paneRange([bottom, top], { price }, log = false) {
  const { to, from } = mapOf(log);
  const span = to(top) - to(bottom);
  return [from(to(top) - span * price[1]), from(to(top) - span * price[0])];
}

/** `yOf(price)` in pixels and `priceAt(y)` of a plot with a domain; written out, since each bar asks four times. */
export function priceAxis({ top: edge, height }, [bottom, top], log = false) {
  if (log) {
    const high = Math.log(top);
    const per = height / (high - Math.log(bottom));
    return { yOf: (price) => edge + (high - Math.log(price)) * per, priceAt: (y) => Math.exp(high - (y - edge) / per) };
  }
  const per = height / (top - bottom);
  return { yOf: (price) => edge + (top - price) * per, priceAt: (y) => top - (y - edge) / per };
}

/** A domain with `factor` times the range, around the middle of the price pane; never finer than prices are. */
export function stretched(domain, panes, factor, { log = false, digits = 2 } = {}) {
  const { to, from } = mapOf(log);
  const [low, high] = paneRange(domain, panes, log);
  const middle = (to(low) + to(high)) / 2;
  const minSpan = MIN_UNITS * 10 ** -digits;
  const min = log ? Math.log1p(minSpan / from(middle)) : minSpan;
  const max = log ? Math.log(MAX_RATIO) : 2 * middle; // a linear scale ends at zero
  const half = Math.min(Math.max((to(high) - to(low)) * factor, min), Math.max(min, max)) / 2;
  return plotDomain([from(middle - half), from(middle + half)], panes, log);
}

/** A domain moved by a share of the plot's height: positive shows higher prices. */
export function shifted([bottom, top], share, log = false) {
  const { to, from } = mapOf(log);
  const by = (to(top) - to(bottom)) * share;
  return [from(to(bottom) + by), from(to(top) + by)];
}
