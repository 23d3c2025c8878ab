// The wheel over a chart: it zooms where that does not hold the page, and else scrolls the page past the chart.

/** Whether something around an element has more to show below or above. */
function scrolls(element) {
  const root = document.scrollingElement;
  for (let one = element.parentElement; one; one = one.parentElement) {
    if (one.scrollHeight <= one.clientHeight + 1) continue;
    // The document's own overflow is the viewport's, whatever its style says.
    if (one === root) return getComputedStyle(one).overflowY !== "hidden";
    if (one !== document.body && /auto|scroll/.test(getComputedStyle(one).overflowY)) return true;
  }
  return false;
}

/**
 * Leave the wheel to a page that scrolls, until the chart has the focus (a click, Tab) or Ctrl is held, as it also is
 * in the events of a pinch on a trackpad.
 */
export function shareWheel(place, { signal }) {
  const onWheel = (event) => {
    const onAxis = event.target.closest(".of-price-area") !== null; // which has nothing to do but to be scaled
    const meant = onAxis || event.ctrlKey || event.metaKey || place.contains(document.activeElement);
    if (!meant && scrolls(place)) event.stopPropagation(); // before bqplot, which would zoom and hold the page
  };
  place.addEventListener("wheel", onWheel, { capture: true, passive: true, signal });
}
