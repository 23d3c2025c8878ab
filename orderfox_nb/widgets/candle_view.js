// A candle chart in its bqplot figure: what it knows, what it draws, what the viewer does to it.
import { Lapses, lapseBoxes } from "./candle_lapses.js";
import { overlayLines, vwapAnchor } from "./candle_lines.js";
import { CandleOver } from "./candle_over.js";
import { paintCandles, panesOf } from "./candle_paint.js";
import { followTouch } from "./candle_touch.js";
import { CandleWindow } from "./candle_window.js";
import { shareWheel } from "./chart_wheel.js";
import { pageCrosshair } from "./crosshair.js";
import { write } from "./dom.js";
import { findFigureView, makeCanvas, modelOf } from "./figure_canvas.js";
import { Older } from "./older_bars.js";
import { tokens } from "./theme.js";

export const LENGTH_S = {
  "1m": 60, "3m": 180, "5m": 300, "15m": 900, "30m": 1800, "1h": 3600, "2h": 7200, "4h": 14_400, "6h": 21_600,
  "8h": 28_800, "12h": 43_200, "1d": 86_400, "3d": 259_200, "1w": 604_800, "1M": 2_592_000,
};
const EARLY_BARS = 20; // so many before the first one is on the screen, older bars are asked for
const INKS = ["overlay1", "overlay2", "overlay3", "overlay4"];

function chartColours(element) {
  const style = getComputedStyle(element);
  const inks = INKS.map((name) => [name, style.getPropertyValue(`--of-${name}`).trim()]);
  return { ...tokens(element), ...Object.fromEntries(inks) };
}

export class CandleView {
  constructor({ model, parts, legend, progress, models }) {
    Object.assign(this, { model, parts, progress });
    this.window = new CandleWindow(models);
    this.figure = models.figure;
    this.under = makeCanvas("of-canvas of-canvas-under");
    this.above = makeCanvas("of-canvas of-canvas-over");
    this.over = new CandleOver({ legend });
    this.older = new Older(() => this.showProgress());
    this.lapses = new Lapses();
    this.liquidationLapses = new Lapses();
    this.crosshair = pageCrosshair();
    this.view = null;
    this.link = null;
    this.last = null; // the page's last price
    this.live = null; // the newest frame of the link
    this.shown = null; // that frame with older bars before it
    this.overlays = [];
    this.cursor = null;
    this.colours = null;
    this.waiting = 0;
    this.lengthS = 60;
  }

  // ---- data -----------------------------------------------------------------------------------------------------

  take(entry, link) {
    const { frame } = entry;
    this.link = link;
    this.lengthS = LENGTH_S[frame.interval] ?? 60;
    for (const one of [this.older, this.lapses, this.liquidationLapses]) {
      if (one.key !== entry.key) one.reset(entry.key);
    }
    this.lapses.note(frame.quality, frame.time, frame.lapses);
    this.liquidationLapses.note(frame.liquidation_quality, frame.time, frame.liquidation_lapses);
    this.live = frame;
    this.shown = this.older.joined(frame, this.lengthS);
    const { dataset } = this.parts.panel;
    dataset.symbol = frame.symbol;
    dataset.interval = frame.interval;
    dataset.bars = String(this.shown.bars[0].length);
    dataset.first = String(this.shown.bars[0][0] ?? "");
    dataset.close = String(frame.bars[4].at(-1) ?? "");
    if (!this.ready) return;
    this.follow();
    this.draw();
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
    const name = `${symbol} ${interval}`;
    if (this.window.name !== name) {
      this.view.el.classList.add("of-ready");
      this.view.el.setAttribute("aria-label", `Candles of ${symbol}, ${interval}. Arrow keys move, + and − zoom, `
        + "Home goes to the oldest bar that is loaded, End to the newest, Shift with an arrow moves the crosshair.");
    }
    const isNew = this.window.name !== name;
    this.window.follow({ name, bars: this.shown.bars, lengthS: this.lengthS, digits });
    if (isNew) this.viewed(); // bars may be missing where the window begins
    this.wantVwap();
  }

  /** A day's average needs the day from its start: what is missing of it is loaded. */
  wantVwap() {
    if (!this.model.get("overlays").includes("vwap")) return;
    const [times] = this.shown.bars;
    if (times[0] > vwapAnchor(times.at(-1), this.lengthS)) this.loadOlder();
  }

  async loadOlder() {
    const { older, link, live } = this;
    if (!link || !(await older.load(link, live, live)) || this.ended) return;
    this.shown = older.joined(this.live, this.lengthS);
    this.parts.panel.dataset.bars = String(this.shown.bars[0].length);
    this.parts.panel.dataset.first = String(this.shown.bars[0][0]);
    this.wantVwap();
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

  scene() {
    const { model, window, shown, lengthS } = this;
    this.colours ??= chartColours(this.parts.panel);
    const show = {
      volume: model.get("show_volume"), liquidations: model.get("show_liquidations"),
      average: model.get("show_liquidation_average"),
    };
    window.panes = panesOf(show);
    const [plot, domain] = [window.plot, window.domain];
    const now = this.link.now();
    const boxes = (lapses) => (model.get("show_lapses") ? lapseBoxes(lapses.all(now), { plot, x: domain.x }) : []);
    return {
      plot, domain, show, lengthS, now, frame: shown, colours: this.colours, panes: window.panes,
      overlays: this.overlays, series: this.series(), cursor: this.cursor, closes: this.live.closes, last: this.last,
      lapses: boxes(this.lapses), liquidationLapses: boxes(this.liquidationLapses), width: this.view.el.clientWidth,
    };
  }

  /** Marks of the user that have a name: the legend tells them with the overlays. */
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
    paintCandles(this.under.fit(this.view.el.clientWidth, this.view.el.clientHeight), scene);
    this.drawOver(scene);
    const { dataset } = this.parts.panel;
    const [from, to] = scene.domain.x.map((time) => String(Math.round(time)));
    const told = { from, to, lapses: String(scene.lapses.length) };
    for (const [name, text] of Object.entries(told)) if (dataset[name] !== text) dataset[name] = text;
  }

  drawOver(scene = this.ready ? this.scene() : null) {
    if (!scene) return;
    const { price, move } = this.over.paint(this.above.fit(this.view.el.clientWidth, this.view.el.clientHeight), scene);
    const { dataset } = this.parts.panel;
    if (dataset.last !== price) dataset.last = price;
    if (dataset.move !== move) dataset.move = move;
  }

  /** A second went by: the countdown goes on, and so does what lasts. */
  passTime() {
    if (this.lapses.open) this.draw();
    else this.drawOver();
  }

  /** The viewer moved the window: drawn once, however often the scales say so before the next animation frame. */
  viewed() {
    if (this.window.setting || !this.ready || this.waiting) return;
    this.waiting = requestAnimationFrame(() => {
      this.waiting = 0;
      if (!this.ready || this.ended) return;
      const { bars } = this.shown;
      this.window.clamp(bars, this.lengthS);
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
    this.window.panes = panesOf({ liquidations: this.model.get("show_liquidations") });
    this.window.fitPrice(this.shown.bars, this.lengthS, true);
    this.window.setTicks(this.live.price_digits);
    this.wantVwap();
    this.draw();
  }

  // ---- pointer and keys -----------------------------------------------------------------------------------------

  point(event) {
    if (!this.ready) return;
    const box = this.view.el.getBoundingClientRect();
    const point = { x: event.clientX - box.left, y: event.clientY - box.top };
    const { plot, domain: { x, y }, panes } = this.window;
    if (event.type === "pointerleave" || point.x < plot.left || point.x > plot.left + plot.width) {
      this.setCursor(null);
      return;
    }
    const time = x[0] + ((point.x - plot.left) / plot.width) * (x[1] - x[0]);
    const priced = point.y >= plot.top && point.y <= plot.top + plot.height * panes.floor;
    const price = priced ? y[1] - ((point.y - plot.top) / plot.height) * (y[1] - y[0]) : null;
    this.setCursor({ time, price, point });
  }

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

  key(event) {
    if (!this.ready || event.ctrlKey || event.metaKey || event.altKey) return;
    const { window, shown, lengthS } = this;
    const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (step && event.shiftKey) {
      const [times] = shown.bars;
      const now = this.cursor ? this.cursor.time : times.at(-1) * 1000 - step * lengthS * 1000;
      const time = Math.min(times.at(-1), Math.max(times[0], now / 1000 + step * lengthS)) * 1000;
      this.setCursor({ time, price: null, point: null });
    } else if (step) window.pan(step * 0.1);
    else if (event.key === "+" || event.key === "=") window.zoom(1 / 1.25);
    else if (event.key === "-" || event.key === "_") window.zoom(1.25);
    else if (event.key === "End") this.home();
    else if (event.key === "Home") {
      const { x } = window.domain;
      const from = shown.bars[0][0] * 1000;
      window.moveTo([from, from + x[1] - x[0]]);
    } else if (event.key === "Escape" && this.cursor) this.setCursor(null);
    else return;
    event.preventDefault();
    event.stopPropagation();
  }

  // ---- lifetime -------------------------------------------------------------------------------------------------

  async attach(el) {
    const found = await findFigureView(this.figure, el, () => this.ended);
    if (!found) return;
    this.view = this.window.view = found;
    const { el: place } = found;
    place.insertBefore(this.under.canvas, found.svg.node());
    place.append(this.above.canvas, this.progress);
    this.over.attach(place);
    place.tabIndex = 0;
    place.setAttribute("role", "application");
    place.setAttribute("aria-label", "Candles");
    this.removal = new AbortController();
    const { signal } = this.removal;
    const on = (target, name, act) => target.addEventListener(name, act, { signal });
    on(place, "pointermove", (event) => this.point(event));
    on(place, "pointerleave", (event) => this.point(event));
    on(place, "dblclick", () => this.home());
    on(place, "keydown", (event) => this.key(event));
    on(place, "pointerdown", () => (this.window.held = true));
    for (const name of ["pointerup", "pointercancel", "blur"]) on(globalThis, name, () => (this.window.held = false));
    shareWheel(place, { signal });
    followTouch(place, {
      signal, domain: () => this.window.domain.x, moveTo: (x) => this.window.moveTo(x), pixels: () => this.window.plot,
    });
    this.onRelayout = () => this.resized();
    found.on("margin_updated", this.onRelayout);
    await this.findMarks();
    this.home();
  }

  async findMarks() {
    this.markModels = await Promise.all(
      (this.figure.get("marks") ?? []).map((mark) => (typeof mark === "string" ? modelOf(this.figure, mark) : mark)),
    );
    this.drawOver();
  }

  end() {
    this.ended = true;
    if (this.waiting) cancelAnimationFrame(this.waiting);
    if (this.cursor?.point) this.crosshair.move(null);
    this.removal?.abort();
    this.view?.off("margin_updated", this.onRelayout);
    this.under.canvas.remove();
    this.above.canvas.remove();
    this.progress.remove();
    this.over.remove();
  }
}
