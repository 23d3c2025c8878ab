// The header of a candle chart, and the life of the canvases that it puts into a bqplot figure: every bar is redrawn at
// each frame, while axes, grid, pan, zoom and other marks stay bqplot's.
import { makeMenu } from "./candle_menu.js";
import { CandleView, LENGTH_S } from "./candle_view.js";
import { make, setClass } from "./dom.js";
import { linkedModel } from "./figure_canvas.js";
import { followLast } from "./follow_last.js";
import { followFrames, makePanel, setTrait } from "./panel.js";
import { pictured } from "./picture.js";
import { onTheme } from "./theme.js";

const TIMEFRAMES = ["1m", "5m", "15m", "30m", "1h", "4h", "1d"];
const DRAWN = ["show_volume", "show_liquidations", "show_liquidation_average", "show_lapses", "overlays"];

/** One button a timeframe, and one for the model's own where it is none of them. */
function makeTimeframes(model) {
  const group = make("div", "of-timeframes");
  group.setAttribute("role", "group");
  group.setAttribute("aria-label", "Timeframe");
  const show = () => {
    const chosen = model.get("timeframe");
    const wanted = TIMEFRAMES.includes(chosen) ? TIMEFRAMES : [...TIMEFRAMES, chosen];
    const names = Object.keys(LENGTH_S).filter((name) => wanted.includes(name));
    if (names.join() !== group.dataset.names) {
      group.dataset.names = names.join();
      group.replaceChildren(...names.map((name) => {
        const button = make("button", "of-timeframe", name);
        button.type = "button";
        button.addEventListener("click", () => setTrait(model, "timeframe", name));
        return button;
      }));
    }
    for (const button of group.children) {
      const pressed = button.textContent === chosen;
      setClass(button, pressed ? "of-timeframe of-chosen" : "of-timeframe");
      button.setAttribute("aria-pressed", String(pressed));
    }
  };
  show();
  return { group, show };
}

async function render({ model, el }) {
  const parts = makePanel(el, "chart", "Candles");
  const timeframes = makeTimeframes(model);
  const menu = makeMenu(model);
  parts.heading.after(timeframes.group, menu.root);
  const legend = make("span", "of-legend");
  parts.tools.append(legend);
  const progress = make("div", "of of-progress");
  progress.setAttribute("role", "status");
  progress.hidden = true;

  const names = ["figure", "x_scale", "y_scale", "x_axis", "y_axis"];
  const [figure, xScale, yScale, xAxis, yAxis] = await Promise.all(names.map((name) => linkedModel(model, name)));
  const chart = new CandleView({ model, parts, legend, progress, models: { figure, xScale, yScale, xAxis, yAxis } });

  const keyOf = () => {
    timeframes.show();
    return {
      symbol: model.get("symbol"), stream: "candles",
      parameters: { bars: model.get("bars"), interval: model.get("timeframe") },
    };
  };
  const onView = () => chart.viewed();
  const onChosen = () => chart.chosen();
  const onMarks = () => chart.findMarks();
  const onCrosshair = (at) => chart.linked(at);
  xScale.on("domain_changed", onView);
  yScale.on("domain_changed", onView);
  figure.on("change:marks", onMarks);
  for (const name of DRAWN) model.on(`change:${name}`, onChosen);
  chart.crosshair.charts.add(onCrosshair);
  const untheme = onTheme(() => chart.restyled());
  const traits = ["symbol", "timeframe", "bars"];
  const paint = (entry, link) => chart.take(entry, link);
  const following = await followFrames({ model, parts, traits, keyOf, paint });
  const unlisten = following.link.listen(({ state }) => {
    chart.lapses.connection(state === "open", following.link.now());
    chart.draw();
  });
  const price = await followLast({ model, place: parts.header, show: (last) => chart.priced(last) });
  chart.attach(el);
  const timer = setInterval(() => !document.hidden && chart.passTime(), 1000);
  return () => {
    clearInterval(timer);
    chart.crosshair.charts.delete(onCrosshair);
    untheme();
    unlisten();
    xScale.off("domain_changed", onView);
    yScale.off("domain_changed", onView);
    figure.off("change:marks", onMarks);
    for (const name of DRAWN) model.off(`change:${name}`, onChosen);
    chart.end();
    menu.end();
    price.end();
    following.end();
  };
}

export default { render: pictured(render, ".of-candle-chart") };
