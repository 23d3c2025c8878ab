// A candle chart in its bqplot figure: its data, its drawing and the viewer's input.
import { CandleHands } from "./candle_hands.js";
import { Lapses, lapseBoxes } from "./candle_lapses.js";
import { overlayLines, vwapAnchor } from "./candle_lines.js";
import { CandleOver } from "./candle_over.js";
import { paintCandles } from "./candle_paint.js";
import { panesOf } from "./candle_panes.js";
import { pickTime } from "./candle_pick.js";
import { CandleWindow } from "./candle_window.js";
import { pageCrosshair } from "./crosshair.js";
import { write } from "../page/dom.js";
import { axisElements, FigureCanvas, modelOf, setMargins } from "./figure_canvas.js";
import { priceText } from "../page/format.js";
import { Older } from "./older_bars.js";
import { setTrait } from "../page/panel.js";
import { shownBot } from "../page/shown_bot.js";
import { paneRange } from "./price_scale.js";
import { tokens } from "../page/theme.js";
import { marketOf } from "../page/venues.js";

export const LENGTH_S = {
  "1m": 60, "3m": 180, "5m": 300, "15m": 900, "30m": 1800, "1h": 3600, "2h": 7200, "4h": 14_400, "6h": 21_600,
  "8h": 28_800, "12h": 43_200, "1d": 86_400, "3d": 259_200, "1w": 604_800, "1M": 2_592_000,
};
const EARLY_BARS = 20; // so many before the first one is on the screen, older bars are requested
const MARGINS = { top: 8, bottom: 26, left: 0, right: 70 };
const BESIDE_PRICE = 20; // of the right margin, beside the widest price
const INKS = ["overlay1", "overlay2", "overlay3", "overlay4"];

function chartColours(element) {
  const style = getComputedStyle(element);
  const inks = INKS.map((name) => [name, style.getPropertyValue(`--of-${name}`).trim()]);
  return { ...tokens(element), ...Object.fromEntries(inks) };
}

export class CandleView {
  constructor({ model, parts, progress, models }) {
    Object.assign(this, { model, parts, progress, models });
    this.window = new CandleWindow(models);
    this.figure = models.figure;
    this.canvas = new FigureCanvas(this.figure);
    this.over = new CandleOver();
    this.axes = { x: null, y: null };
    this.older = new Older(() => this.showProgress());
    this.lapses = new Lapses();
    this.liquidationLapses = new Lapses();
    this.crosshair = pageCrosshair();
    this.view = null;
    this.link = null;
    this.last = null; // the page's last price
    this.live = null; // the newest frame of the link
    this.shown = null; // that frame with older bars before it
    this.venue = "";
    this.overlays = [];
    this.cursor = null;
    this.unpick = null; // ends the choice of where a rewind starts
    this.colours = null;
    this.waiting = 0;
    this.lengthS = 60;
  }

  // ---- data -----------------------------------------------------------------------------------------------------

  apply(entry, link) {
    const { frame } = entry;
    this.link = link;
    this.venue = entry.request.venue;
    this.lengthS = LENGTH_S[frame.interval] ?? 60;
    const isPast = link.playhead.covers(this.venue);
    // Of lapses: in the past only those that were recorded count.
    const run = `${entry.key} ${link.playhead.movesOf(this.venue)}`;
    for (const [one, key] of [[this.older, entry.key], [this.lapses, run], [this.liquidationLapses, run]]) {
      if (one.key !== key) one.reset(key);
    }
    this.lapses.note(isPast ? null : frame.quality, frame.time, frame.lapses);
    this.liquidationLapses.note(isPast ? null : frame.liquidation_quality, frame.time, frame.liquidation_lapses);
    this.live = frame;
    this.shown = this.older.joined(frame, this.lengthS);
    const { dataset } = this.parts.panel;
    dataset.symbol = frame.symbol;
    dataset.interval = frame.interval;
    dataset.bars = String(this.shown.bars[0].length);
    dataset.first = String(this.shown.bars[0][0] ?? "");
    dataset.close = String(frame.bars[4].at(-1) ?? "");
    this.showEmpty();
    if (!this.ready) return;
    this.follow();
    this.draw();
  }

  /** A class, and no rule about an attribute of the panel: each frame would restyle the whole figure. */
  showEmpty() {
    this.view?.el.classList.toggle("of-no-bars", this.shown?.bars[0].length === 0);
  }

  priced(last) {
    this.last = last;
    this.drawOver();
  }

  get ready() {
    return this.view !== null && this.shown !== null && this.shown.bars[0].length > 0 && this.view.plotareaWidth >= 20;
  }

  follow() {
    const { symbol, interval, price_digits: digits } = this.live;
    const name = `${marketOf({ venue: this.venue, symbol })} ${interval}`;
    if (this.window.name !== name) {
      this.view.el.classList.add("of-ready");
      this.view.el.setAttribute("aria-label", `Candles of ${symbol}, ${interval}. Arrow keys move, + and − zoom, `
        + "Home goes to the oldest bar that is loaded, End to the newest, Shift with left and right moves the "
        + "crosshair, Shift with up and down scales the price.");
    }
    const isNew = this.window.name !== name;
    if (isNew) {
      this.window.usePanes(panesOf(this.shows));
      this.useScale();
    }
    this.window.follow({ name, bars: this.shown.bars, lengthS: this.lengthS, digits });
    if (isNew) this.viewed(); // bars may be missing where the window begins
    this.fitMargin();
    this.requestVwap();
  }

  /** A day's average needs the day from its start: what is missing of it is loaded. */
  requestVwap() {
    if (!this.model.get("overlays").includes("vwap")) return;
    const [times] = this.shown.bars;
    if (times[0] > vwapAnchor(times.at(-1), this.lengthS)) this.loadOlder();
  }

  async loadOlder() {
    const { older, link, live } = this;
    if (!link || !(await older.load(link, live, { ...live, venue: this.venue })) || this.ended) return;
    this.shown = older.joined(this.live, this.lengthS);
    this.parts.panel.dataset.bars = String(this.shown.bars[0].length);
    this.parts.panel.dataset.first = String(this.shown.bars[0][0]);
    this.requestVwap();
    this.viewed();
  }

  showProgress() {
    const { loading, end, error } = this.older;
    const atStart = this.ready && this.window.domain.x[0] <= this.shown.bars[0][0] * 1000;
    const why = end || (error && `older candles: ${error}`);
    write(this.progress, loading ? "loading older candles…" : atStart ? why : "");
    this.progress.hidden = this.progress.textContent === "";
  }

  // ---- drawing --------------------------------------------------------------------------------------------------

  get shows() {
    const [volume, liquidations, average] = ["volume", "liquidations", "liquidation_average"].map(
      (name) => this.model.get(`show_${name}`),
    );
    const absent = this.link?.venues.isAbsent("liquidations", this.venue) ?? false;
    return { volume, liquidations: liquidations && !absent, average: average && !absent };
  }

  /** The price scale is as the model says. */
  useScale() {
    const [log, fixed] = ["log_scale", "fixed_scale"].map((name) => this.model.get(name));
    if (log === this.window.log && fixed === this.window.fixed) return;
    this.window.useScale({ log, fixed });
    this.findMarks();
    this.findAxes();
  }

  /** Room for the widest price beside the plot. */
  fitMargin() {
    const { price_digits: digits, bars } = this.live;
    const text = priceText(bars[2].at(-1), digits).replace(/\d/g, "0");
    if (text === this.widest) return;
    this.widest = text;
    this.colours ??= chartColours(this.parts.panel);
    const wide = Math.ceil(this.canvas.over.widthOf(text, this.colours.font)) + BESIDE_PRICE;
    const margins = { ...MARGINS, right: Math.max(MARGINS.right, wide) };
    setMargins(this.figure, this.view, margins);
    this.hands.fit(margins.right);
    this.over.legends.style.right = `${margins.right + 8}px`;
  }

  scene() {
    const { model, window, shown, lengthS } = this;
    this.colours ??= chartColours(this.parts.panel);
    const show = this.shows;
    const [plot, domain] = [window.plot, window.domain];
    const now = this.link.now(this.venue);
    const boxes = (lapses) => (model.get("show_lapses") ? lapseBoxes(lapses.all(now), { plot, x: domain.x }) : []);
    return {
      plot, domain, show, lengthS, now, frame: shown, colours: this.colours, panes: window.panes, log: window.log,
      axes: this.axes, overlays: this.overlays, series: this.series(), cursor: this.cursor,
      closes: this.live.closes, last: this.last,
      bot: shownBot().of({ venue: this.venue, symbol: this.live.symbol }, this.link.playhead),
      lapses: boxes(this.lapses), liquidationLapses: boxes(this.liquidationLapses), width: this.view.el.clientWidth,
    };
  }

  /** The user's named marks: the legend lists them with the overlays. */
  series() {
    return (this.markModels ?? []).flatMap((mark) => {
      const [name] = mark.get("labels") ?? [];
      return name ? [{ name: String(name), colour: mark.get("colors")?.[0] ?? this.colours.text }] : [];
    });
  }

  draw() {
    if (!this.ready) return;
    this.overlays = overlayLines(this.model.get("overlays"), this.shown.bars, this.lengthS);
    const scene = this.scene();
    paintCandles(this.canvas.fit(this.canvas.under), scene);
    this.drawOver(scene);
    const { dataset } = this.parts.panel;
    const [from, to] = scene.domain.x.map((time) => String(Math.round(time)));
    const [low, high] = paneRange(scene.domain.y, scene.panes, scene.log).map(String);
    const panes = ["volume", "liquidations"].filter((name) => scene.panes[name]).join(" ");
    const [lapses, lapse] = [String(scene.lapses.length), this.lapses.open?.state ?? ""];
    const values = { from, to, low, high, panes, lapses, lapse };
    for (const [name, text] of Object.entries(values)) if (dataset[name] !== text) dataset[name] = text;
    this.hands.showWay(this.window.isAway);
  }

  drawOver(scene = this.ready ? this.scene() : null) {
    if (!scene) return;
    const { price, move, orders, fills } = this.over.paint(this.canvas.fit(this.canvas.over), scene);
    const { dataset } = this.parts.panel;
    const values = { last: price, move, orders: String(orders), fills: String(fills) };
    for (const [name, text] of Object.entries(values)) if (dataset[name] !== text) dataset[name] = text;
  }

  /** Called each second: updates the countdown and ongoing lapses. */
  updateClock() {
    if (this.lapses.open) this.draw();
    else this.drawOver();
  }

  /** The viewer moved the window: drawn once, however many scale changes come before the next animation frame. */
  viewed() {
    if (this.window.setting || !this.ready || this.waiting) return;
    this.waiting = requestAnimationFrame(() => {
      this.waiting = 0;
      if (!this.ready || this.ended) return;
      const { bars } = this.shown;
      if (this.window.isLost) {
        this.home();
        return;
      }
      this.window.clamp(bars, this.lengthS, this.older.end !== "");
      this.window.fitPrice(bars, this.lengthS);
      this.window.setTicks(this.live.price_digits);
      this.draw();
      const { x } = this.window.domain;
      if (x[0] < (bars[0][0] + EARLY_BARS * this.lengthS) * 1000) this.loadOlder();
      this.showProgress();
    });
  }

  /** Back to the newest bar at the usual width. */
  home() {
    this.window.name = "";
    if (this.ready) this.follow();
  }

  resized() {
    if (!this.ready) return;
    if (this.window.name === "") this.home(); // there was no room for anything until now
    else {
      this.window.resize({ bars: this.shown.bars, lengthS: this.lengthS, digits: this.live.price_digits });
      this.draw();
      this.viewed(); // it may be wider than what is loaded
    }
  }

  restyled() {
    this.colours = null;
    if (!this.ready) return;
    this.window.setTicks(this.live.price_digits);
    this.draw();
  }

  chosen() {
    if (!this.ready) return;
    this.window.usePanes(panesOf(this.shows));
    this.useScale();
    this.window.fitPrice(this.shown.bars, this.lengthS);
    this.window.setTicks(this.live.price_digits);
    this.requestVwap();
    this.draw();
  }

  // ---- the past -------------------------------------------------------------------------------------------------

  /** Rewind to the crosshair where there is one, otherwise to where the chart is pressed next. */
  rewind() {
    const choose = (time) => this.link.playhead.enter(this.venue, time, { playing: true });
    this.unpick?.();
    if (!this.ready) return;
    if (this.cursor) choose(this.cursor.time);
    else this.unpick = pickTime({ place: this.view.el, timeOf: (event) => this.hands.timeOf(event), choose });
  }

  // ---- pointer and keys -----------------------------------------------------------------------------------------

  setCursor(cursor) {
    this.cursor = cursor;
    const { symbol } = this.live ?? {};
    this.crosshair.move(cursor && { time: cursor.time, price: cursor.price, symbol, source: this });
    this.drawOver();
  }

  /** Another chart's pointer. */
  linked(at) {
    if (at?.source === this || (at === null && this.cursor === null)) return;
    this.cursor = at && { time: at.time, price: at.symbol === this.live?.symbol ? at.price : null, point: null };
    this.drawOver();
  }

  // ---- lifetime -------------------------------------------------------------------------------------------------

  async attach(el) {
    const found = await this.canvas.attach(el, {
      above: this.progress, margins: MARGINS, role: "application", label: "Candles", resized: () => this.resized(),
    });
    if (!found) return;
    this.view = this.window.view = found;
    this.over.attach(found.el);
    this.showEmpty();
    this.hands = new CandleHands(this, found.el);
    await this.findMarks();
    await this.findAxes();
    this.home();
  }

  stretchPrice(domain, factor) {
    this.window.stretchPrice(domain, factor, this.live.price_digits);
    setTrait(this.model, "fixed_scale", true);
  }

  async findAxes() {
    if (!this.view) return;
    const [x, y] = await axisElements(this.view, [this.models.xAxis, this.window.yAxis]);
    this.axes = { x, y };
  }

  /** The user's marks: those on our price scale stand on the one that is seen. */
  async findMarks() {
    this.markModels = await Promise.all(
      (this.figure.get("marks") ?? []).map((mark) => (typeof mark === "string" ? modelOf(this.figure, mark) : mark)),
    );
    const ours = [this.models.yScale, this.models.logScale];
    const { yScale } = this.window;
    for (const mark of this.markModels) {
      const scales = mark.get("scales");
      if (ours.includes(scales?.y) && scales.y !== yScale) mark.set("scales", { ...scales, y: yScale });
    }
    this.drawOver();
  }

  end() {
    this.ended = true;
    if (this.waiting) cancelAnimationFrame(this.waiting);
    if (this.cursor?.point) this.crosshair.move(null);
    this.unpick?.();
    this.hands?.end();
    this.canvas.end();
    this.progress.remove();
    this.over.remove();
  }
}
