// The text that identifies what a view follows.

/** `symbol/stream?name=value&…` with the parameters in alphabetical order: a key without its venue. */
export function subscriptionText({ symbol, stream, parameters }) {
  const query = Object.keys(parameters).sort().map((name) => `${name}=${parameters[name]}`).join("&");
  return `${symbol}/${stream}${query ? `?${query}` : ""}`;
}
