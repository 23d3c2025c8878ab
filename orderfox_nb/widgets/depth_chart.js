// Cumulative depth on a canvas inside a bqplot figure: axes, grid and the user's own marks stay bqplot's.
import { depthAt, mostDepth, paintCursor, paintDepth } from "./depth_paint.js";
import { make, makeSelect, write } from "./dom.js";
import { findFigureView, linkedModel, makeCanvas } from "./figure_canvas.js";
import { axisText, percentText, priceText, shortText } from "./format.js";
import { followFrames, makePanel, setTrait } from "./panel.js";
import { pictured } from "./picture.js";
import { onTheme, tokens } from "./theme.js";
import { niceTicks } from "./ticks.js";

const RANGES = [0.1, 0.25, 0.5, 1, 2, 5, 10];
const DRIFT = 0.08; // part of half the range that the middle may leave the centre before the picture follows
const EDGE_PIXELS = 28;
const STEP_PIXELS = 12; // of the arrow keys

function makeTip() {
  const tip = make("div", "of-depth-tip");
  tip.hidden = true;
  const values = ["Price", "From middle", "Size", "Notional", "Average"].map((name) => {
    const value = make("b");
    tip.append(make("span", "", name), value);
    return value;
  });
  return { tip, values };
}

async function render({ model, el }) {
  const parts = makePanel(el, "depth", "Depth");
  const legend = make("span", "of-legend");
  const range = makeSelect("Range around the middle price", (value) => setTrait(model, "percent", Number(value)));
  range.classList.add("of-range-select");
  const spoken = make("p", "of-spoken");
  spoken.setAttribute("role", "status");
  parts.tools.append(legend, range, spoken);
  const names = ["figure", "x_scale", "y_scale", "x_axis", "y_axis"];
  const [figure, xScale, yScale, xAxis, yAxis] = await Promise.all(names.map((name) => linkedModel(model, name)));
  const under = makeCanvas("of-canvas of-canvas-under");
  const over = makeCanvas("of-canvas of-canvas-over");
  const { tip, values } = makeTip();
  let ended = false;
  let view = null;
  let frame = null;
  let drawn = ""; // symbol and range that the extent belongs to
  let extent = null; // {middle, half, most}
  let cursor = null; // price under the pointer or chosen by key
  let colours = null;

  const plotOf = () => ({
    left: view.margin.left, top: view.margin.top, width: view.plotareaWidth, height: view.plotareaHeight,
  });
  const domain = () => [extent.middle - extent.half, extent.middle + extent.half];

  /** Fit the extent, but seldom: an axis that moves at every frame costs more than everything else here. */
  const place = (force) => {
    const half = (frame.middle * Number(frame.range)) / 100;
    const name = `${frame.symbol} ${frame.range}`;
    const most = mostDepth(frame);
    const fits = extent && drawn === name && Math.abs(frame.middle - extent.middle) < half * DRIFT
      && most <= extent.most && most > extent.most * 0.6;
    if (fits && !force) return;
    if (drawn !== name) extent = null;
    const moved = !extent || Math.abs(frame.middle - extent.middle) >= half * DRIFT;
    const grown = !extent || most > extent.most || most <= extent.most * 0.6;
    extent = {
      middle: moved ? frame.middle : extent.middle, half, most: grown ? most * 1.15 || 1 : extent.most,
    };
    drawn = name;
    const plot = plotOf();
    const [low, high] = domain();
    xScale.set({ min: low, max: high });
    yScale.set({ min: 0, max: extent.most });
    const edge = (EDGE_PIXELS / plot.width) * (high - low); // a label that is cut says something else
    const prices = niceTicks([low + edge, high - edge], plot.width / 110, frame.price_digits);
    xAxis.set({ tick_format: `,.${prices.digits}f` });
    xAxis.set({ tick_values: Float64Array.from(prices.ticks) });
    const sizes = niceTicks([0, extent.most], plot.height / 60);
    const labels = sizes.ticks.slice(1).map((size) => [String(size), axisText(size, sizes.digits)]);
    yAxis.set({ tick_labels: Object.fromEntries(labels) }); // first: the axis writes them when its values change
    yAxis.set({ tick_values: Float64Array.from(sizes.ticks.slice(1)) });
    view.el.classList.add("of-ready");
  };
  const drawOver = () => {
    if (!view) return;
    const context = over.fit(view.el.clientWidth, view.el.clientHeight);
    tip.hidden = true;
    if (cursor === null || !extent || !colours || !frame || frame.middle === null) return;
    const plot = plotOf();
    const x = domain();
    const found = depthAt(frame, cursor);
    paintCursor(context, { plot, x, y: extent.most, frame, colours, price: cursor, found });
    tip.hidden = found === null;
    parts.panel.dataset.cursor = found ? `${found.side} ${found.index}` : "";
    if (!found) return;
    const texts = [
      priceText(cursor, frame.price_digits), percentText(found.distance, 3),
      `${shortText(found.size, 3)} ${frame.base_asset}`, `${shortText(found.notional)} ${frame.quote}`,
      priceText(found.average, frame.price_digits),
    ];
    texts.forEach((text, row) => write(values[row], text));
    const at = plot.left + ((cursor - x[0]) / (x[1] - x[0])) * plot.width;
    const right = at < plot.left + plot.width / 2;
    tip.style.left = right ? `${at + 12}px` : "auto";
    tip.style.right = right ? "auto" : `${view.el.clientWidth - at + 12}px`;
    tip.style.top = `${plot.top + 6}px`;
  };
  const draw = () => {
    if (!view || view.plotareaWidth < 20 || !frame) return;
    colours ??= tokens(parts.panel);
    const context = under.fit(view.el.clientWidth, view.el.clientHeight);
    if (frame.middle === null) return;
    place(false);
    paintDepth(context, { plot: plotOf(), x: domain(), y: extent.most, frame, colours });
    drawOver();
  };
  const paint = (entry) => {
    ({ frame } = entry);
    const { bids, asks } = frame;
    const scale = 10 ** frame.size_digits;
    const [bid, ask] = [bids[1].at(-1) ?? 0, asks[1].at(-1) ?? 0];
    const share = bid + ask ? Math.round((bid / (bid + ask)) * 100) : 50;
    const sums = `${shortText(bid / scale)} bids · ${shortText(ask / scale)} asks ${frame.base_asset}`;
    write(legend, frame.middle === null ? "one side is empty" : `${sums} · ${share} % bids`);
    parts.panel.dataset.symbol = frame.symbol;
    parts.panel.dataset.range = frame.range;
    parts.panel.dataset.points = `${bids[0].length} ${asks[0].length}`;
    parts.panel.dataset.middle = String(frame.middle);
    draw();
  };

  const onPointer = (event) => {
    const box = view.el.getBoundingClientRect();
    const plot = plotOf();
    const part = (event.clientX - box.left - plot.left) / plot.width;
    const inside = event.type !== "pointerleave" && part >= 0 && part <= 1 && extent;
    cursor = inside ? domain()[0] + part * 2 * extent.half : null;
    drawOver();
  };
  const onKey = (event) => {
    if (event.key === "Escape") cursor = null;
    else if ((event.key === "ArrowLeft" || event.key === "ArrowRight") && extent) {
      const step = ((2 * extent.half) / plotOf().width) * STEP_PIXELS * (event.key === "ArrowLeft" ? -1 : 1);
      const [low, high] = domain();
      cursor = Math.max(low, Math.min(high, (cursor ?? frame.middle ?? extent.middle) + step));
      event.preventDefault();
      event.stopPropagation();
    } else return;
    drawOver();
    write(spoken, cursor === null || tip.hidden ? "" : values.map((value) => value.textContent).join(", "));
  };
  const onBlur = () => {
    cursor = null;
    drawOver();
  };
  const onRelayout = () => {
    if (!frame || frame.middle === null) return;
    place(true);
    draw();
  };
  const handlers = [
    ["pointermove", onPointer], ["pointerleave", onPointer], ["keydown", onKey], ["blur", onBlur],
  ];
  const attach = async () => {
    const found = await findFigureView(figure, el, () => ended);
    if (!found) return;
    view = found;
    view.el.tabIndex = 0;
    view.el.setAttribute("role", "img");
    view.el.setAttribute("aria-label", "Cumulative depth; the left and right arrow keys move along the price");
    view.el.insertBefore(under.canvas, view.svg.node());
    view.el.append(over.canvas, tip);
    for (const [name, handler] of handlers) view.el.addEventListener(name, handler);
    view.on("margin_updated", onRelayout);
    if (frame) draw();
  };

  const untheme = onTheme(() => {
    colours = null;
    draw();
  });
  parts.symbolChanged = () => {
    frame = cursor = extent = null;
    drawn = "";
    drawOver();
  };
  const keyOf = () => {
    range.show(RANGES.map((percent) => [String(percent), `± ${percent} %`]), String(model.get("percent")));
    return { symbol: model.get("symbol"), stream: "depth", parameters: { range: model.get("percent") } };
  };
  const following = await followFrames({ model, parts, traits: ["symbol", "percent"], keyOf, paint });
  attach();
  return () => {
    ended = true;
    untheme();
    if (view) {
      for (const [name, handler] of handlers) view.el.removeEventListener(name, handler);
      view.off("margin_updated", onRelayout);
    }
    for (const element of [under.canvas, over.canvas, tip]) element.remove();
    following.end();
  };
}

export default { render: pictured(render, ".of-depth-chart") };
