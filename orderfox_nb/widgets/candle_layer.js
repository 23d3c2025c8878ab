// A canvas inside a bqplot figure: every bar is redrawn at each frame, axes, grid, pan, zoom and other marks stay
// bqplot's. One canvas lies under the figure's marks, one over them for the last price and the crosshair.
import {
  niceTicks, paintCandles, paintPriceLine, paintTag, paneRange, plotDomain, priceRange, timeTicks, visibleBars,
} from "./candle_paint.js";
import { make, setClass, write } from "./dom.js";
import { barTimeText, countdownText, priceText, shortText } from "./format.js";
import { findFigureView, linkedModel, makeCanvas } from "./figure_canvas.js";
import { Older } from "./older_bars.js";
import { followFrames, makePanel, setTrait } from "./panel.js";
import { onTheme, tokens } from "./theme.js";

const TIMEFRAMES = ["1m", "5m", "15m", "30m", "1h", "4h", "1d"];
const LENGTH_S = {
  "1m": 60, "3m": 180, "5m": 300, "15m": 900, "30m": 1800, "1h": 3600, "2h": 7200, "4h": 14_400, "6h": 21_600,
  "8h": 28_800, "12h": 43_200, "1d": 86_400, "3d": 259_200, "1w": 604_800, "1M": 2_592_000,
};
const PIXELS_A_BAR = 6;
const RIGHT_BARS = 2; // room between the last bar and the price axis

async function render({ model, el }) {
  const parts = makePanel(el, "chart", "Candles");
  let ended = false;
  const buttons = new Map();
  const group = make("div", "of-timeframes");
  group.setAttribute("role", "group");
  group.setAttribute("aria-label", "Timeframe");
  for (const timeframe of TIMEFRAMES) {
    const button = make("button", "of-timeframe", timeframe);
    button.type = "button";
    button.addEventListener("click", () => setTrait(model, "timeframe", timeframe));
    buttons.set(timeframe, button);
    group.append(button);
  }
  parts.heading.after(group);
  const legend = make("span", "of-legend");
  parts.tools.append(legend);

  const [figure, xScale, yScale, xAxis, yAxis] = await Promise.all(
    ["figure", "x_scale", "y_scale", "x_axis", "y_axis"].map((name) => linkedModel(model, name)),
  );
  const under = makeCanvas("of-canvas of-canvas-under");
  const over = makeCanvas("of-canvas of-canvas-over");
  const older = new Older();
  let view = null;
  let live = null; // the newest frame of the link
  let shown = null; // that frame with older bars before it
  let drawn = ""; // symbol and timeframe that the window belongs to
  let settingScales = false;
  let lastTime = 0;
  let pointer = null;
  let colours = null;
  let link = null;
  let fittedPrice = null;

  const lengthS = () => LENGTH_S[model.get("timeframe")] ?? 60;
  const plotOf = () => ({
    left: view.margin.left, top: view.margin.top, width: view.plotareaWidth, height: view.plotareaHeight,
  });
  const domainOf = () => ({ x: xScale.domain.map(Number), y: yScale.domain.map(Number) });
  const setScales = (x, y) => {
    settingScales = true;
    if (x) xScale.set({ min: new Date(x[0]), max: new Date(x[1]) });
    if (y) yScale.set({ min: y[0], max: y[1] });
    settingScales = false;
  };

  /** The window at the live edge: as many bars as fit at their usual width. */
  const liveWindow = () => {
    const bars = Math.max(20, Math.floor(plotOf().width / PIXELS_A_BAR));
    const end = (shown.bars[0].at(-1) + (1 + RIGHT_BARS) * lengthS()) * 1000;
    return [end - bars * lengthS() * 1000, end];
  };
  const setTicks = () => {
    const plot = plotOf();
    const { x, y } = domainOf();
    const { ticks, text } = timeTicks(x[0], x[1], plot.width / 95);
    // bqplot writes times in UTC; labels of our own are in the viewer's zone. Labels and format go first, since the
    // axis writes them when its values change.
    xAxis.set({ tick_labels: Object.fromEntries(ticks.map((tick) => [String(tick), text(tick)])) });
    xAxis.set({ tick_values: ticks });
    const prices = niceTicks(paneRange(y), plot.height / 72);
    const digits = Math.max(0, Math.min(live.price_digits, Math.ceil(-Math.log10(prices.step) + 1e-9)));
    yAxis.set({ tick_format: `,.${digits}f` });
    yAxis.set({ tick_values: Float64Array.from(prices.ticks) });
  };
  /** Fit the price with headroom; leave it alone as long as the bars are inside and fill enough of it. */
  const fitPrice = (force) => {
    const { x } = domainOf();
    const [first, last] = visibleBars(shown.bars[0], x[0] / 1000 - lengthS(), x[1] / 1000);
    const range = priceRange(shown.bars, first, last);
    if (!range) return false;
    const span = range[1] - range[0] || range[1] * 1e-4 || 1;
    const [low, high] = fittedPrice ?? [1, 0];
    const inside = range[0] >= low && range[1] <= high && span > (high - low) * 0.6;
    if (inside && !force) return false;
    fittedPrice = [range[0] - span * 0.06, range[1] + span * 0.04];
    setScales(null, plotDomain(fittedPrice));
    return true;
  };

  const draw = () => {
    if (!view || !shown?.bars[0].length || view.plotareaWidth < 20) return;
    colours ??= tokens(parts.panel);
    const [width, height] = [view.el.clientWidth, view.el.clientHeight];
    const show = { volume: model.get("show_volume"), liquidations: model.get("show_liquidations") };
    const plot = plotOf();
    const domain = domainOf();
    paintCandles(under.fit(width, height), { plot, domain, frame: shown, lengthS: lengthS(), colours, show });
    drawOver();
  };
  const drawOver = () => {
    if (!view || !shown?.bars[0].length || !colours) return;
    const context = over.fit(view.el.clientWidth, view.el.clientHeight);
    const plot = plotOf();
    const { x, y } = domainOf();
    const { bars } = shown;
    const price = bars[4].at(-1);
    const yOf = (value) => plot.top + ((y[1] - value) / (y[1] - y[0])) * plot.height;
    const digits = live.price_digits;
    const { font } = colours;
    paintPriceLine(context, {
      plot, y: yOf(price), text: priceText(price, digits), font,
      colour: price >= bars[1].at(-1) ? colours.bid : colours.ask, textColour: colours.tag,
    });
    const held = pointer && pointer.x >= plot.left && pointer.x <= plot.left + plot.width;
    let at = bars[0].length - 1;
    if (held) {
      const seconds = (x[0] + ((pointer.x - plot.left) / plot.width) * (x[1] - x[0])) / 1000;
      const found = visibleBars(bars[0], 0, seconds + 1e-9)[1];
      at = Math.max(0, Math.min(bars[0].length - 1, found));
      paintCrosshair(context, { plot, at, x, y });
    }
    writeLegend(at, held);
  };
  const paintCrosshair = (context, { plot, at, x, y }) => {
    const centre = plot.left + (((shown.bars[0][at] + lengthS() / 2) * 1000 - x[0]) / (x[1] - x[0])) * plot.width;
    context.strokeStyle = colours.muted;
    context.setLineDash([2, 3]);
    context.beginPath();
    context.moveTo(Math.round(centre) + 0.5, plot.top);
    context.lineTo(Math.round(centre) + 0.5, plot.top + plot.height);
    const inside = pointer.y >= plot.top && pointer.y <= plot.top + plot.height;
    if (inside) {
      context.moveTo(plot.left, Math.round(pointer.y) + 0.5);
      context.lineTo(plot.left + plot.width, Math.round(pointer.y) + 0.5);
    }
    context.stroke();
    context.setLineDash([]);
    const tag = { colour: colours.raised, textColour: colours.text, font: colours.font };
    const price = y[1] - ((pointer.y - plot.top) / plot.height) * (y[1] - y[0]);
    if (inside && price >= paneRange(y)[0]) {
      const text = priceText(price, live.price_digits);
      paintTag(context, { x: plot.left + plot.width + 2, y: pointer.y, text, ...tag });
    }
    const text = barTimeText(shown.bars[0][at] * 1000, lengthS() * 1000);
    paintTag(context, { x: centre, y: plot.top + plot.height + 12, text, centred: true, ...tag });
  };
  const writeLegend = (at, held) => {
    const { bars, liquidations } = shown;
    const digits = live.price_digits;
    const names = ["O", "H", "L", "C"].map((letter, column) => `${letter} ${priceText(bars[column + 1][at], digits)}`);
    let text = names.join(" ");
    if (held) {
      const [shorts, longs] = [liquidations[1][at] ?? 0, liquidations[2][at] ?? 0];
      text += ` V ${shortText(bars[5][at])}`;
      if (shorts + longs > 0) text += ` · liq. shorts ${shortText(shorts)} longs ${shortText(longs)}`;
    } else if (live.closes && link) text += ` · closes in ${countdownText(live.closes - link.now())}`;
    write(legend, text);
  };

  const paint = (entry, from) => {
    link = from;
    const { frame } = entry;
    if (older.key !== entry.key) older.reset(entry.key);
    shown = older.joined(frame, lengthS());
    live = frame;
    parts.panel.dataset.symbol = frame.symbol;
    parts.panel.dataset.interval = frame.interval;
    parts.panel.dataset.bars = String(shown.bars[0].length);
    parts.panel.dataset.close = String(frame.bars[4].at(-1) ?? "");
    if (!view) return;
    place();
    draw();
  };
  /** Keep the window where the viewer left it; at the live edge it moves on with each new bar. */
  const place = () => {
    // A key's first frame may have no bars yet: a window made of nothing would stay broken.
    if (!live.bars[0].length) return;
    const name = `${live.symbol} ${live.interval}`;
    const newest = live.bars[0].at(-1);
    if (drawn !== name) {
      drawn = name;
      fittedPrice = null;
      setScales(liveWindow(), null);
      fitPrice(true);
      setTicks();
      view.el.classList.add("of-ready");
    } else {
      const { x } = domainOf();
      const moved = (newest - lastTime) * 1000;
      const following = x[1] >= lastTime * 1000;
      if (moved > 0 && following) setScales([x[0] + moved, x[1] + moved], null);
      if (fitPrice(false) || (moved > 0 && following)) setTicks();
    }
    lastTime = newest;
  };
  const domainChanged = () => {
    if (settingScales || !view || !shown) return;
    const { x } = domainOf();
    if (!(x[1] > x[0])) return;
    fitPrice(false);
    setTicks();
    draw();
    if (x[0] < shown.bars[0][0] * 1000 && link) {
      older.load(link, live, { symbol: live.symbol, interval: live.interval }).then((more) => {
        if (!more || ended) return;
        shown = older.joined(live, lengthS());
        fitPrice(false);
        draw();
      });
    }
  };
  const showTimeframe = () => {
    for (const [timeframe, button] of buttons) {
      const chosen = timeframe === model.get("timeframe");
      setClass(button, chosen ? "of-timeframe of-chosen" : "of-timeframe");
      button.setAttribute("aria-pressed", String(chosen));
    }
  };
  const keyOf = () => {
    showTimeframe();
    return {
      symbol: model.get("symbol"), stream: "candles",
      parameters: { bars: model.get("bars"), interval: model.get("timeframe") },
    };
  };

  const onPointer = (event) => {
    const box = view.el.getBoundingClientRect();
    pointer = event.type === "pointerleave" ? null : { x: event.clientX - box.left, y: event.clientY - box.top };
    drawOver();
  };
  const onDouble = () => {
    setScales(liveWindow(), null);
    fitPrice(true);
    setTicks();
    draw();
  };
  const onRelayout = () => {
    if (!shown) return;
    drawn = ""; // as many bars as fit the new width
    place();
    draw();
  };
  const attach = async () => {
    const found = await findFigureView(figure, el, () => ended);
    if (!found) return;
    view = found;
    view.el.insertBefore(under.canvas, view.svg.node());
    view.el.append(over.canvas);
    view.el.addEventListener("pointermove", onPointer);
    view.el.addEventListener("pointerleave", onPointer);
    view.el.addEventListener("dblclick", onDouble);
    view.on("margin_updated", onRelayout);
    if (shown) onRelayout();
  };

  xScale.on("domain_changed", domainChanged);
  yScale.on("domain_changed", domainChanged);
  model.on("change:show_volume", draw);
  model.on("change:show_liquidations", draw);
  const untheme = onTheme(() => {
    colours = null;
    draw();
  });
  const traits = ["symbol", "timeframe", "bars"];
  const following = await followFrames({ model, parts, traits, keyOf, paint });
  attach();
  const timer = setInterval(() => shown && view && !pointer && writeLegend(shown.bars[0].length - 1, false), 1000);
  return () => {
    ended = true;
    clearInterval(timer);
    untheme();
    xScale.off("domain_changed", domainChanged);
    yScale.off("domain_changed", domainChanged);
    model.off("change:show_volume", draw);
    model.off("change:show_liquidations", draw);
    if (view) {
      view.el.removeEventListener("pointermove", onPointer);
      view.el.removeEventListener("pointerleave", onPointer);
      view.el.removeEventListener("dblclick", onDouble);
      view.off("margin_updated", onRelayout);
    }
    under.canvas.remove();
    over.canvas.remove();
    following.end();
  };
}

export default { render };
