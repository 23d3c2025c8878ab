// Where the ladder's rows are in its panel: how many have room, what is beyond the edges, and the way to the middle.
import { make, write } from "../page/dom.js";
import { fitRows } from "./ladder_axis.js";

const MIDDLE_PX = 32;
const HINTS_PX = 32; // of both lines that say what is beyond the edges

/** The scrolling part around `sides` with the middle between them; `onResize()` after its room has changed. */
export function makePlace({ asks, middle, bids, rowsOf, onResize }) {
  const scroller = make("div", "of-steps");
  const inside = make("div", "of-steps-inside");
  inside.append(asks.element, middle, bids.element);
  scroller.append(inside);
  const [above, below] = ["above", "below"].map((name) => make("div", `of-more of-more-${name}`));
  for (const hint of [above, below]) hint.setAttribute("aria-hidden", "true");
  // Read once when they change: asked for after a paint, they would cost a layout each time.
  const place = { half: 17, px: 20, scrolls: false, width: 0, height: 0, top: 0 };

  const whole = () => 2 * place.half * place.px + MIDDLE_PX;
  const showEdges = () => {
    const rowsIn = (pixels) => (place.scrolls ? Math.round(Math.max(0, pixels) / place.px) : 0);
    const [up, down] = [rowsIn(place.top), rowsIn(whole() - place.height - place.top)];
    write(above, up > 0 ? `▲ ${up} more rows` : place.scrolls ? "highest row" : "");
    write(below, down > 0 ? `▼ ${down} more rows` : place.scrolls ? "lowest row" : "");
    place.scrolled = Math.abs(up - down) > 2;
  };
  const centre = () => {
    place.top = place.scrolls ? Math.round((whole() - place.height) / 2 / place.px) * place.px : 0; // whole rows
    scroller.scrollTop = place.top;
    showEdges();
  };
  const fitRoom = () => {
    // The hints are there only where rows are scrolled: whether they are needed is decided without them.
    const room = place.height + (place.scrolls ? HINTS_PX : 0) - MIDDLE_PX;
    if (place.height <= MIDDLE_PX) return;
    const next = fitRows(rowsOf(), room);
    const isNew = next.half !== place.half || next.px !== place.px || next.scrolls !== place.scrolls;
    Object.assign(place, next);
    scroller.parentElement.style.setProperty("--of-row", `${place.px}px`);
    scroller.parentElement.classList.toggle("of-scrolls", place.scrolls);
    onResize(isNew);
    if (isNew) centre();
  };
  scroller.addEventListener("scroll", () => {
    place.top = scroller.scrollTop;
    showEdges();
    onResize(false);
  }, { passive: true });
  const sized = new ResizeObserver(() => {
    [place.width, place.height] = [scroller.clientWidth, scroller.clientHeight];
    fitRoom();
  });
  sized.observe(scroller);
  return Object.assign(place, {
    elements: [above, scroller, below], centre, fitRoom, isHovered: () => inside.matches(":hover"),
    end: () => sized.disconnect(),
  });
}
