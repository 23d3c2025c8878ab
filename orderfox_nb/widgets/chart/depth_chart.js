// Cumulative depth on a canvas inside a bqplot figure: axes, grid and the user's own marks stay bqplot's.
import { followTaps } from "./candle_touch.js";
import { DepthAxes } from "./depth_axes.js";
import { depthAt, paintCursor, paintDepth } from "./depth_paint.js";
import { make, makeSelect, write } from "../page/dom.js";
import { FigureCanvas, linkedModel } from "./figure_canvas.js";
import { percentText, priceText, shortText } from "../page/format.js";
import { followFrames, makePanel, setTrait } from "../page/panel.js";
import { pictured } from "../page/picture.js";
import { onTheme, tokens } from "../page/theme.js";

const RANGES = [0.1, 0.25, 0.5, 1, 2, 5, 10];
const MARGINS = { top: 8, bottom: 26, left: 0, right: 58 };
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
  const sums = make("span", "of-sums");
  legend.append(sums);
  const range = makeSelect("Range around the middle price", (value) => setTrait(model, "percent", Number(value)));
  range.classList.add("of-range-select");
  const spoken = make("p", "of-spoken");
  spoken.setAttribute("role", "status");
  parts.tools.append(legend, range, spoken);
  const names = ["figure", "x_scale", "y_scale", "x_axis", "y_axis"];
  const [figure, xScale, yScale, xAxis, yAxis] = await Promise.all(names.map((name) => linkedModel(model, name)));
  const canvas = new FigureCanvas(figure);
  const { tip, values } = makeTip();
  const removal = new AbortController();
  let frame = null;
  const axes = new DepthAxes({ xScale, yScale, xAxis, yAxis });
  let cursor = null; // price under the pointer or chosen by key
  let colours = null;

  const place = (force = false) => {
    axes.place(frame, canvas.plot, force);
    canvas.view.el.classList.add("of-ready");
  };
  const drawOver = () => {
    if (!canvas.view) return;
    const context = canvas.fit(canvas.over);
    tip.hidden = true;
    if (cursor === null || !axes.extent || !colours || !frame || frame.middle === null) return;
    const { plot } = canvas;
    const x = axes.domain;
    const found = depthAt(frame, cursor);
    paintCursor(context, { plot, x, y: axes.extent.maxSize, frame, colours, price: cursor, found });
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
    tip.style.right = right ? "auto" : `${canvas.view.el.clientWidth - at + 12}px`;
    tip.style.top = `${plot.top + 6}px`;
  };
  const draw = () => {
    if (!canvas.view || canvas.plot.width < 20 || !frame) return;
    colours ??= tokens(parts.panel);
    const context = canvas.fit(canvas.under);
    if (frame.middle === null) return;
    place();
    paintDepth(context, { plot: canvas.plot, x: axes.domain, y: axes.extent.maxSize, frame, colours });
    drawOver();
  };
  const paint = (entry) => {
    ({ frame } = entry);
    const { bids, asks } = frame;
    const scale = 10 ** frame.size_digits;
    const [bid, ask] = [bids[1].at(-1) ?? 0, asks[1].at(-1) ?? 0];
    const share = bid + ask ? Math.round((bid / (bid + ask)) * 100) : 50;
    const sides = `${shortText(bid / scale)} bids · ${shortText(ask / scale)} asks ${frame.base_asset}`;
    write(sums, frame.middle === null ? "one side is empty" : `${sides} · ${share} % bids`);
    parts.panel.dataset.symbol = frame.symbol;
    parts.panel.dataset.range = frame.range;
    parts.panel.dataset.points = `${bids[0].length} ${asks[0].length}`;
    parts.panel.dataset.middle = String(frame.middle);
    draw();
  };

  const onPointer = (event) => {
    const box = canvas.view.el.getBoundingClientRect();
    const { plot } = canvas;
    const part = (event.clientX - box.left - plot.left) / plot.width;
    const inside = event.type !== "pointerleave" && part >= 0 && part <= 1 && axes.extent;
    cursor = inside ? axes.domain[0] + part * 2 * axes.extent.half : null;
    drawOver();
  };
  const onHover = (event) => {
    // The pointer of a finger leaves with the finger: what it showed stays.
    if (event.pointerType !== "touch" || event.type !== "pointerleave") onPointer(event);
  };
  const onKey = (event) => {
    if (event.key === "Escape") cursor = null;
    else if ((event.key === "ArrowLeft" || event.key === "ArrowRight") && axes.extent) {
      const step = ((2 * axes.extent.half) / canvas.plot.width) * STEP_PIXELS * (event.key === "ArrowLeft" ? -1 : 1);
      const [low, high] = axes.domain;
      cursor = Math.max(low, Math.min(high, (cursor ?? frame.middle ?? axes.extent.middle) + step));
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
    ["pointermove", onHover], ["pointerleave", onHover], ["keydown", onKey], ["blur", onBlur],
  ];
  const attach = async () => {
    const view = await canvas.attach(el, {
      above: tip, margins: MARGINS, role: "img", resized: onRelayout,
      label: "Cumulative depth; the left and right arrow keys move along the price",
    });
    if (!view) return;
    for (const [name, handler] of handlers) view.el.addEventListener(name, handler);
    followTaps(view.el, onPointer, { signal: removal.signal });
    if (frame) draw();
  };

  const untheme = onTheme(() => {
    colours = null;
    draw();
  });
  parts.symbolChanged = () => {
    frame = cursor = null;
    axes.reset();
    drawOver();
  };
  const keyOf = () => {
    range.show(RANGES.map((percent) => [String(percent), `± ${percent} %`]), String(model.get("percent")));
    return { symbol: model.get("symbol"), stream: "depth", parameters: { range: model.get("percent") } };
  };
  const following = await followFrames({ model, parts, traits: ["symbol", "percent"], keyOf, paint });
  attach();
  return () => {
    removal.abort();
    untheme();
    for (const [name, handler] of handlers) canvas.view?.el.removeEventListener(name, handler);
    canvas.end();
    tip.remove();
    following.end();
  };
}

export default { render: pictured(render, ".of-depth-chart") };
