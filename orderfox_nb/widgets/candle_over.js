// What lies over the candles: the last price with its countdown, the crosshair, the legends, and what a bar or a gap
// says under the pointer.
import { lapseAt, lapseText } from "./candle_lapses.js";
import { overlayText } from "./candle_lines.js";
import { inLiquidations, paintPriceLine, paintTag, paneRange, visibleBars } from "./candle_paint.js";
import { make, setClass, write } from "./dom.js";
import { moveClass } from "./last_price.js";
import { barTimeText, countdownText, percentText, priceText, shortText } from "./format.js";

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

export class CandleOver {
  constructor({ legend }) {
    this.legend = legend;
    this.list = make("div", "of of-overlay-legend");
    this.tip = make("div", "of of-chart-tip");
    this.tip.setAttribute("role", "tooltip");
    this.tip.hidden = true;
    this.tipText = "";
  }

  attach(element) {
    element.append(this.list, this.tip);
  }

  remove() {
    this.list.remove();
    this.tip.remove();
  }

  /**
   * `cursor` is null or {time ms, price or null, point or null}: a point only where it is this chart's own. Gives the
   * last price as it was drawn, and the class of its colour.
   */
  paint(context, scene) {
    const { plot, domain, frame, colours, cursor, closes, now, last } = scene;
    const { bars } = frame;
    const digits = frame.price_digits;
    const price = last ? last.units / 10 ** last.digits : bars[4].at(-1);
    const text = last?.text ?? priceText(price, digits);
    const move = moveClass(last);
    const yOf = (value) => plot.top + ((domain.y[1] - value) / (domain.y[1] - domain.y[0])) * plot.height;
    const left = closes ? countdownText(closes - now) : "";
    const colour = { "of-bid": colours.bid, "of-ask": colours.ask }[move] ?? colours.muted;
    paintPriceLine(context, { plot, y: yOf(price), text, left, colours, colour });
    let at = bars[0].length - 1;
    if (cursor) {
      at = barAt(bars[0], cursor.time / 1000);
      this.paintCrosshair(context, scene, at, yOf);
    }
    this.writeLegend(scene, at, left);
    this.writeOverlays(scene, at);
    this.showTip(scene, at);
    return { price: text, move };
  }

  paintCrosshair(context, { plot, domain, frame, lengthS, colours, cursor, panes }, at, yOf) {
    const [fromMs, toMs] = domain.x;
    const start = frame.bars[0][at] * 1000;
    const centre = plot.left + ((start + lengthS * 500 - fromMs) / (toMs - fromMs)) * plot.width;
    const tag = { colour: colours.raised, textColour: colours.text, font: colours.font };
    context.strokeStyle = colours.muted;
    context.lineWidth = 1;
    context.setLineDash([2, 3]);
    context.beginPath();
    const onScreen = centre >= plot.left && centre <= plot.left + plot.width;
    if (onScreen) {
      context.moveTo(Math.round(centre) + 0.5, plot.top);
      context.lineTo(Math.round(centre) + 0.5, plot.top + plot.height);
    }
    const y = cursor.point ? cursor.point.y : cursor.price === null ? null : yOf(cursor.price);
    const inside = y !== null && y >= plot.top && y <= plot.top + plot.height;
    if (inside) {
      context.moveTo(plot.left, Math.round(y) + 0.5);
      context.lineTo(plot.left + plot.width, Math.round(y) + 0.5);
    }
    context.stroke();
    context.setLineDash([]);
    const price = domain.y[1] - ((y - plot.top) / plot.height) * (domain.y[1] - domain.y[0]);
    if (inside && price >= paneRange(domain.y, panes)[0]) {
      paintTag(context, { x: plot.left + plot.width + 2, y, text: priceText(price, frame.price_digits), ...tag });
    }
    if (!onScreen) return;
    const text = barTimeText(start, lengthS * 1000);
    const half = 44; // of the widest text: it stays inside
    const x = Math.max(plot.left + half, Math.min(plot.left + plot.width - half, centre));
    paintTag(context, { x, y: plot.top + plot.height + 12, text, centred: true, ...tag });
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
    setClass(this.legend, cursor ? `of-legend ${bars[4][at] >= bars[1][at] ? "of-bid" : "of-ask"}` : "of-legend");
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
        const told = lines.map((line) => ["", line, "of-warning"]);
        content = content ? [content[0], [...content[1], ["", title, "of-warning"], ...told]] : [title, told];
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
