// Keys of the past: they hold while the page has a playhead, and never while somebody writes.
import { speedBeside } from "./playhead.js";

export const REWIND_KEYS = [
  ["Space", "play or pause"],
  ["← →", "1 s back or on"],
  ["⇧ ← →", "10 s"],
  ["Alt ← →", "one event"],
  ["↑ ↓", "faster or slower"],
  ["[ ]", "large liquidation before or after"],
  ["G", "go to a time"],
  ["L", "live"],
];

const WRITING = "input, select, textarea, [contenteditable=true]";
const PRESSED = "button, a, summary, [role=button]"; // what Space presses

const within = (target, selector) => target instanceof Element && target.closest(selector) !== null;

/** Whether keys belong to a field that is being written in. */
export const isWriting = (target) => within(target, WRITING);

/** What a key does to a playhead: a function of it and of `goTo()`, which asks for a time; null for another key. */
export function rewindAction({ key, shiftKey, altKey }) {
  const way = { ArrowLeft: -1, ArrowRight: 1 }[key];
  if (way && altKey) return (playhead) => playhead.step(way);
  if (way) return (playhead) => playhead.move(way * (shiftKey ? 10_000 : 1_000));
  if (altKey) return null;
  const faster = { ArrowUp: 1, ArrowDown: -1 }[key];
  if (faster && !shiftKey) return (playhead) => playhead.setSpeed(speedBeside(playhead.speed, faster));
  if (key === " ") return (playhead) => playhead.toggle();
  if (key === "[" || key === "]") return (playhead) => playhead.skip("liquidation", key === "[");
  if (key.toLowerCase() === "g") return (_, goTo) => goTo();
  if (key.toLowerCase() === "l") return (playhead) => playhead.goLive();
  return null;
}

/** Handle a key of the past; returns whether it was one. */
export function pressRewindKey(event, playhead, goTo) {
  if (!playhead.isPast || event.ctrlKey || event.metaKey || event.isComposing || isWriting(event.target)) return false;
  if (event.key === " " && within(event.target, PRESSED)) return false;
  const action = rewindAction(event);
  if (!action) return false;
  action(playhead, goTo);
  event.preventDefault();
  event.stopPropagation();
  return true;
}
