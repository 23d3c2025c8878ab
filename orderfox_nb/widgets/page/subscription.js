// The text that identifies what a view follows.
import { marketOf } from "./venues.js";

/** `symbol/stream?name=value&…`, parameters in alphabetical order: a key, without its venue where that is the first. */
export function subscriptionText({ venue, symbol, stream, parameters }) {
  const query = Object.keys(parameters).sort().map((name) => `${name}=${parameters[name]}`).join("&");
  return `${marketOf({ venue, symbol })}/${stream}${query ? `?${query}` : ""}`;
}
