// What lies over the candles: the last price with its countdown, the crosshair, the legends, and what a bar or a gap
// says under the pointer.
import { TAG, makeRoom, placeTags } from "./axis_tags.js";
import { paintBot } from "./candle_bot.js";
import { lapseAt, lapseText } from "./candle_lapses.js";
import { overlayText } from "./candle_lines.js";
import { paintPriceLine, paintTag, visibleBars } from "./candle_paint.js";
import { inLiquidations } from "./candle_panes.js";
import { make, setClass, write } from "../page/dom.js";
import { moveClass } from "../page/last_price.js";
import { barTimeText, countdownText, percentText, priceText, shortText } from "../page/format.js";
import { priceAxis } from "./price_scale.js";

/** The bar that holds a time, within what is there. */
export function barAt(times, seconds) {
  const found = visibleBars(times, 0, seconds + 1e-9)[1];
  return Math.max(0, Math.min(times.length - 1, found));
}

/** What the liquidations of a bar were: a title and lines of [name, value, class]. */
export function liquidationText(liquidations, at) {
  const [shorts, longs, count] = [1, 2, 4].map((column) => liquidations[column]?.[at] ?? 0);
  const total = shorts + longs;
  if (!(total > 0)) return null;
  const of = (part) => `${shortText(part)} · ${percentText(part / total, 1, false)}`;
  const net = shorts - longs;
  const lines = [
    ["shorts", of(shorts), "of-bid"],
    ["longs", of(longs), "of-ask"],
    ["net", `${net > 0 ? "+" : ""}${shortText(net)}`, net >= 0 ? "of-bid" : "of-ask"],
  ];
  if (count > 0) lines.push(["orders", String(count), ""]);
  return [`Liquidated ${shortText(total)}`, lines];
}

function paintHair(context, colours, [x, y], [toX, toY]) {
  context.strokeStyle = colours.muted;
  context.lineWidth = 1;
  context.setLineDash([2, 3]);
  context.beginPath();
  context.moveTo(Math.round(x) + 0.5, Math.round(y) + 0.5);
  context.lineTo(Math.round(toX) + 0.5, Math.round(toY) + 0.5);
  context.stroke();
  context.setLineDash([]);
}

export class CandleOver {
  constructor() {
    this.legends = make("div", "of of-chart-legends");
    this.legend = make("div", "of-ohlc");
    this.list = make("div", "of-overlay-legend");
    this.legends.append(this.legend, this.list);
    this.tip = make("div", "of of-chart-tip");
    this.tip.setAttribute("role", "tooltip");
    this.tip.hidden = true;
    this.tipText = "";
  }

  attach(element) {
    element.append(this.legends, this.tip);
  }

  remove() {
    this.legends.remove();
    this.tip.remove();
  }

  /**
   * `cursor` is null or {time ms, price or null, point or null}: a point only where it is this chart's own. Gives the
   * last price as it was drawn, the class of its colour, and how many orders and fills of a bot are in the plot.
   */
  paint(context, scene) {
    const { frame, cursor, closes, now } = scene;
    const left = closes ? countdownText(closes - now) : "";
    const at = cursor ? barAt(frame.bars[0], cursor.time / 1000) : frame.bars[0].length - 1;
    const bot = paintBot(context, scene);
    const drawn = this.paintPrices(context, scene, left);
    this.paintTime(context, scene, at);
    this.writeLegend(scene, at, left);
    this.writeOverlays(scene, at);
    this.showTip(scene, at);
    return { ...drawn, ...bot };
  }

  /** The last price with what is left of its bar, and the crosshair's price: lines across the plot, tags beside it. */
  paintPrices(context, { plot, domain, frame, colours, cursor, panes, log, axes, last: shared }, left) {
    const { bars, price_digits: digits } = frame;
    const { yOf, priceAt } = priceAxis(plot, domain.y, log);
    const [top, bottom] = [plot.top, plot.top + plot.height * panes.end];
    const price = shared ? shared.units / 10 ** shared.digits : bars[4].at(-1);
    const words = shared?.text ?? priceText(price, digits);
    const move = moveClass(shared);
    const colour = { "of-bid": colours.bid, "of-ask": colours.ask }[move] ?? colours.muted;
    const last = yOf(price);
    const pointer = cursor?.point ? cursor.point.y : typeof cursor?.price === "number" ? yOf(cursor.price) : null;
    const across = pointer !== null && pointer >= top && pointer <= plot.top + plot.height;
    const priced = across && pointer <= bottom;
    const tags = placeTags({ last, countdown: left !== "", cursor: priced ? pointer : null, top, bottom });
    const inside = last >= top && last <= bottom;
    if (inside) paintPriceLine(context, { plot, y: last, colour });
    if (across) paintHair(context, colours, [plot.left, pointer], [plot.left + plot.width, pointer]);
    const x = plot.left + plot.width + 2;
    const { font } = colours;
    const beyond = inside ? "" : last < top ? "▴" : "▾";
    const text = `${beyond}${words}`;
    const { wide: width } = paintTag(context, { x, y: tags.last, text, colour, textColour: colours.tag, font });
    const raise = (y, content, textColour) => {
      if (y !== null) paintTag(context, { x, y, text: content, colour: colours.raised, textColour, font, width });
    };
    raise(tags.countdown, left, colours.muted);
    raise(tags.cursor, priced ? priceText(priceAt(pointer), digits) : "", colours.text);
    const boxes = Object.values(tags).filter((y) => y !== null).map((at) => ({ at, size: TAG }));
    makeRoom(axes.y, yOf, boxes, { vertical: true });
    return { price: words, move };
  }

  /** The crosshair's time, at the middle of its bar. */
  paintTime(context, { plot, domain, frame, lengthS, colours, cursor, axes }, at) {
    const [fromMs, toMs] = domain.x;
    const xOf = (ms) => plot.left + ((ms - fromMs) / (toMs - fromMs)) * plot.width;
    const start = frame.bars[0][at] * 1000;
    const x = xOf(start + lengthS * 500);
    const boxes = [];
    if (cursor && x >= plot.left && x <= plot.left + plot.width) {
      paintHair(context, colours, [x, plot.top], [x, plot.top + plot.height]);
      const { left, wide } = paintTag(context, {
        x, y: plot.top + plot.height + 14, text: barTimeText(start, lengthS * 1000), centred: true,
        within: [plot.left, plot.left + plot.width],
        colour: colours.raised, textColour: colours.text, font: colours.font,
      });
      boxes.push({ at: left + wide / 2, size: wide });
    }
    makeRoom(axes.x, xOf, boxes);
  }

  writeLegend({ frame, cursor }, at, left) {
    const { bars } = frame;
    const prices = [1, 2, 3, 4].map((column) => priceText(bars[column][at], frame.price_digits));
    const parts = ["O", "H", "L", "C"].map((letter, index) => `${letter} ${prices[index]}`);
    if (cursor) {
      const change = bars[1][at] ? bars[4][at] / bars[1][at] - 1 : 0;
      parts.push(percentText(change), `V ${shortText(bars[5][at])}`);
    } else if (left) parts.push(`· closes in ${left}`);
    write(this.legend, parts.join(" "));
    setClass(this.legend, cursor ? `of-ohlc ${bars[4][at] >= bars[1][at] ? "of-bid" : "of-ask"}` : "of-ohlc");
  }

  writeOverlays({ overlays, series, frame, colours }, at) {
    const rows = [
      ...overlays.map((one) => [overlayText(one, at, frame.price_digits), colours[one.ink]]),
      ...series.map(({ name, colour }) => [name, colour]),
    ];
    while (this.list.children.length > rows.length) this.list.lastChild.remove();
    rows.forEach(([text, colour], index) => {
      const row = this.list.children[index] ?? this.list.appendChild(make("span"));
      write(row, text);
      if (row.ofColour !== colour) row.style.setProperty("--of-ink", (row.ofColour = colour));
    });
  }

  showTip({ plot, frame, panes, cursor, lapses, liquidationLapses, width }, at) {
    const point = cursor?.point ?? null;
    const below = point && inLiquidations(panes, plot, point.y);
    const inside = point && point.x >= plot.left && point.x <= plot.left + plot.width && point.y >= plot.top;
    let content = null;
    if (inside) {
      const lapse = lapseAt(below ? liquidationLapses : lapses, point.x);
      if (below) content = liquidationText(frame.liquidations, at);
      if (lapse) {
        const [title, lines] = lapseText(lapse);
        const entries = lines.map((line) => ["", line, "of-warning"]);
        content = content ? [content[0], [...content[1], ["", title, "of-warning"], ...entries]] : [title, entries];
      }
    }
    this.tip.hidden = content === null;
    if (content === null) return;
    const text = JSON.stringify(content);
    if (text !== this.tipText) {
      this.tipText = text;
      const [title, lines] = content;
      this.tip.replaceChildren(make("strong", "", title), ...lines.map(([name, value, colour]) => {
        const row = make("div");
        row.append(make("span", "", name), make("span", colour, value));
        return row;
      }));
    }
    const beside = point.x + 14 + this.tip.offsetWidth > width ? point.x - 14 - this.tip.offsetWidth : point.x + 14;
    const above = Math.min(point.y + 12, plot.top + plot.height - this.tip.offsetHeight - 4);
    this.tip.style.transform = `translate(${Math.round(Math.max(0, beside))}px, ${Math.round(above)}px)`;
  }
}
