// Fingers on a chart: one moves it sideways and scrolls the page up and down, two zoom, a tap points.

const UNDECIDED_PX = 6;
const TAP_PX = 10;

/** Watch the fingers on an element; bqplot, which handles every one-finger drag, receives only sideways drags. */
export function followTouch(place, { signal, domain, moveTo, pixels }) {
  let start = null;
  let pinch = null;
  const spread = ([one, other]) => Math.max(10, Math.abs(one.clientX - other.clientX));
  const middle = ([one, other]) => (one.clientX + other.clientX) / 2 - place.getBoundingClientRect().left;

  const onStart = (event) => {
    const [finger] = event.touches;
    start = { x: finger.clientX, y: finger.clientY, sideways: null };
    pinch = event.touches.length === 2 ? { spread: spread(event.touches), x: domain() } : null;
    if (pinch) event.stopPropagation();
  };
  const onMove = (event) => {
    if (pinch && event.touches.length === 2) {
      const { left, width } = pixels();
      const share = Math.min(1, Math.max(0, (middle(event.touches) - left) / width));
      const [from, to] = pinch.x;
      const anchor = from + (to - from) * share;
      const factor = pinch.spread / spread(event.touches);
      moveTo([anchor - (anchor - from) * factor, anchor + (to - anchor) * factor]);
      event.preventDefault();
      event.stopPropagation();
      return;
    }
    const [finger] = event.touches;
    if (!start || start.sideways) return;
    const [across, along] = [Math.abs(finger.clientX - start.x), Math.abs(finger.clientY - start.y)];
    if (start.sideways === null && Math.max(across, along) >= UNDECIDED_PX) start.sideways = across > along;
    if (!start.sideways) event.stopPropagation();
  };
  const options = { capture: true, passive: false, signal };
  place.addEventListener("touchstart", onStart, options);
  place.addEventListener("touchmove", onMove, options);
}

/** Call `act(event)` for each tap of a finger or a pen, which has no pointer that hovers. */
export function followTaps(place, act, { signal } = {}) {
  let down = null;
  const onDown = (event) => (down = event.pointerType !== "mouse" && event.isPrimary ? event : null);
  const onUp = (event) => {
    const near = down && Math.hypot(event.clientX - down.clientX, event.clientY - down.clientY) < TAP_PX;
    if (near && event.pointerId === down.pointerId) act(event);
    down = null;
  };
  place.addEventListener("pointerdown", onDown, { signal });
  place.addEventListener("pointerup", onUp, { signal });
  place.addEventListener("pointercancel", () => (down = null), { signal });
}
