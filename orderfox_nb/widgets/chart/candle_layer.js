// The header of a candle chart, and the life of the canvases that it puts into a bqplot figure: every bar is redrawn at
// each frame, while axes, grid, pan, zoom and other marks stay bqplot's.
import { makeMenu } from "./candle_menu.js";
import { CandleView, LENGTH_S } from "./candle_view.js";
import { make, makeSelect, setClass } from "../page/dom.js";
import { linkedModel } from "./figure_canvas.js";
import { followLast } from "../page/follow_last.js";
import { followFrames, makePanel, marketShown, setTrait } from "../page/panel.js";
import { pictured } from "../page/picture.js";
import { shownBot } from "../page/shown_bot.js";
import { onTheme } from "../page/theme.js";

const OFTEN = ["1m", "5m", "15m", "30m", "1h", "4h", "1d"]; // those that have keys
const DRAWN = [
  "show_volume", "show_liquidations", "show_liquidation_average", "show_lapses", "overlays", "log_scale", "fixed_scale",
];

/** A button for each timeframe where there is room; those that are seldom wanted are in a list where there is less. */
function makeTimeframes(model) {
  const group = make("div", "of-timeframes");
  group.setAttribute("role", "group");
  group.setAttribute("aria-label", "Timeframe");
  const names = Object.keys(LENGTH_S);
  const buttons = names.map((name) => {
    const button = make("button", "of-timeframe", name);
    button.type = "button";
    button.addEventListener("click", () => setTrait(model, "timeframe", name));
    return button;
  });
  const list = makeSelect("All timeframes", (name) => setTrait(model, "timeframe", name));
  list.classList.add("of-timeframe-list");
  group.append(...buttons, list);
  const show = () => {
    const chosen = model.get("timeframe");
    for (const button of buttons) {
      const [name, isChosen] = [button.textContent, button.textContent === chosen];
      const seldom = isChosen || OFTEN.includes(name) ? "" : " of-seldom";
      setClass(button, `of-timeframe${seldom}${isChosen ? " of-chosen" : ""}`);
      button.setAttribute("aria-pressed", String(isChosen));
    }
    list.show(names.map((name) => [name, name]), chosen);
  };
  show();
  return { group, show };
}

async function render({ model, el }) {
  const parts = makePanel(el, "chart", "Candles");
  const timeframes = makeTimeframes(model);
  const menu = makeMenu(model, {
    isAbsent: (channel) => chart.link?.venues.isAbsent(channel, chart.venue), rewind: () => chart.rewind(),
  });
  parts.past.after(timeframes.group, menu.root);
  const progress = make("div", "of of-progress");
  progress.setAttribute("role", "status");
  progress.hidden = true;

  const traits = {
    figure: "figure", xScale: "x_scale", yScale: "y_scale", logScale: "log_y_scale", xAxis: "x_axis", yAxis: "y_axis",
    logAxis: "log_y_axis",
  };
  const linked = Object.entries(traits).map(async ([name, trait]) => [name, await linkedModel(model, trait)]);
  const models = Object.fromEntries(await Promise.all(linked));
  const { figure, xScale, yScale, logScale } = models;
  const chart = new CandleView({ model, parts, progress, models });

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
  const scales = [xScale, yScale, logScale];
  for (const scale of scales) scale.on("domain_changed", onView);
  figure.on("change:marks", onMarks);
  for (const name of DRAWN) model.on(`change:${name}`, onChosen);
  chart.crosshair.charts.add(onCrosshair);
  const unlistenBot = shownBot().listen(() => chart.drawOver());
  const untheme = onTheme(() => chart.restyled());
  const paint = (entry, link) => chart.apply(entry, link);
  const following = await followFrames({ model, parts, traits: ["symbol", "timeframe", "bars"], keyOf, paint });
  const venue = () => marketShown(model, following.link).venue;
  const isAbsent = () => following.link.venues.isAbsent("liquidations", venue());
  let absent = isAbsent();
  const unlisten = following.link.listen(({ state }) => {
    // Another server, or one that learns its own source only now, may have a market with other panes.
    if (isAbsent() !== absent) {
      absent = !absent;
      chart.chosen();
    }
    chart.lapses.connection(state === "open", following.link.liveNow(venue()));
    chart.draw();
  });
  const price = await followLast({ model, place: parts.header, show: (last) => chart.priced(last) });
  chart.attach(el);
  const timer = setInterval(() => !document.hidden && chart.updateClock(), 1000);
  return () => {
    clearInterval(timer);
    chart.crosshair.charts.delete(onCrosshair);
    untheme();
    unlistenBot();
    unlisten();
    for (const scale of scales) scale.off("domain_changed", onView);
    figure.off("change:marks", onMarks);
    for (const name of DRAWN) model.off(`change:${name}`, onChosen);
    chart.end();
    menu.end();
    price.end();
    following.end();
  };
}

export default { render: pictured(render, ".of-candle-chart") };
