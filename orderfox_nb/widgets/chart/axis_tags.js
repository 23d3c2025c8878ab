// The tags beside an axis: where they stand, so that none covers another, and the labels that make room for them.

export const TAG = 18; // height of a tag in pixels
const LABEL_HEIGHT = 14; // height of an axis label
const DIGIT_WIDTH = 7; // widest digit of an axis label
const MIN_DIGITS = 6; // bqplot writes a new label some time after it has made it

/**
 * Middles of the tags of a price axis: of the last price, of what is left of its bar, of the crosshair. The last price
 * stays where it is, within the axis; the crosshair gives way by a tag at most, and what is left goes where room is.
 * A tag that is not wanted, or that has no room, is null.
 */
export function placeTags({ last, countdown, cursor, top, bottom }) {
  const within = (y) => Math.min(Math.max(y, top + TAG / 2), bottom - TAG / 2);
  const fits = (y) => y >= top + TAG / 2 && y <= bottom - TAG / 2;
  const price = within(last);
  const free = (y, taken) => fits(y) && taken.every((other) => Math.abs(other - y) > TAG - 0.01);
  const taken = [price];
  let pointer = null;
  if (cursor !== null) {
    const wanted = within(cursor);
    const away = (y) => Math.abs(y - wanted);
    const near = [wanted, price + TAG, price - TAG].sort((one, other) => away(one) - away(other));
    pointer = near.find((y) => free(y, taken)) ?? null;
    if (pointer !== null) taken.push(pointer);
  }
  const places = taken.flatMap((y) => [y + TAG, y - TAG]);
  return { last: price, cursor: pointer, countdown: countdown ? (places.find((y) => free(y, taken)) ?? null) : null };
}

/** Whether a label at a place, `size` pixels long, would touch a tag `{at, size}`. */
export function isCovered(at, size, tags) {
  return tags.some((tag) => Math.abs(tag.at - at) < (tag.size + size) / 2);
}

/** Hide the labels of one of the figure's axes that tags cover, and show the others; `placeOf(value)` is in pixels. */
export function makeRoom(axis, placeOf, tags, { vertical = false } = {}) {
  for (const tick of axis?.querySelectorAll(".tick") ?? []) {
    const text = tick.querySelector("text");
    if (!text) continue;
    const size = vertical ? LABEL_HEIGHT : Math.max(text.textContent.length, MIN_DIGITS) * DIGIT_WIDTH;
    const shown = isCovered(placeOf(Number(tick.__data__)), size, tags) ? "hidden" : "";
    if (text.style.visibility !== shown) text.style.visibility = shown;
  }
}
