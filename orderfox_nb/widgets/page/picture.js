// A widget as a PNG, at the screen's resolution: boxes, texts, canvases and SVGs are painted at their places on the
// page, below a line with the title, the time, and whether the data is simulated.
import { sendMessage } from "./kernel.js";
import { linkOf } from "./page_link.js";
import { tokens } from "./theme.js";
import { severalOf, showsAll } from "./venues.js";

const SVG_STYLE = [
  "fill", "fill-opacity", "stroke", "stroke-width", "stroke-opacity", "stroke-dasharray", "opacity", "visibility",
  "display", "font-family", "font-size", "font-weight", "text-anchor", "dominant-baseline",
];
const SIDES = ["Top", "Right", "Bottom", "Left"];
const HEADLINE = 30;

/** An SVG that looks the same without the page's style sheets. */
function standingAlone(svg) {
  const copy = svg.cloneNode(true);
  const [from, to] = [svg, copy].map((one) => [one, ...one.querySelectorAll("*")]);
  from.forEach((element, at) => {
    const style = getComputedStyle(element);
    for (const name of SVG_STYLE) to[at].style.setProperty(name, style.getPropertyValue(name));
  });
  const { width, height } = svg.getBoundingClientRect();
  copy.setAttribute("width", width);
  copy.setAttribute("height", height);
  return new XMLSerializer().serializeToString(copy);
}

async function imageOf(svg) {
  const image = new Image();
  image.src = `data:image/svg+xml;charset=utf-8,${encodeURIComponent(standingAlone(svg))}`;
  await image.decode();
  return image;
}

function paintBox(context, style, { left, top, right, bottom, width, height }) {
  const radius = Math.min(parseFloat(style.borderTopLeftRadius) || 0, width / 2, height / 2);
  context.beginPath();
  context.roundRect(left, top, width, height, radius);
  context.fillStyle = style.backgroundColor;
  context.fill();
  const edges = SIDES.map((side) => ({
    wide: style[`border${side}Style`] === "none" ? 0 : parseFloat(style[`border${side}Width`]) || 0,
    colour: style[`border${side}Color`],
  }));
  if (edges.every(({ wide, colour }) => wide > 0 && wide === edges[0].wide && colour === edges[0].colour)) {
    const { wide, colour } = edges[0];
    context.beginPath();
    context.roundRect(left + wide / 2, top + wide / 2, width - wide, height - wide, radius);
    context.strokeStyle = colour;
    context.lineWidth = wide;
    context.stroke();
    return;
  }
  const places = [
    [left, top, width, edges[0].wide], [right - edges[1].wide, top, edges[1].wide, height],
    [left, bottom - edges[2].wide, width, edges[2].wide], [left, top, edges[3].wide, height],
  ];
  places.forEach((place, at) => {
    context.fillStyle = edges[at].colour;
    context.fillRect(...place);
  });
}

function paintWord(context, style, text, { left, top, height }) {
  context.font = `${style.fontStyle} ${style.fontWeight} ${style.fontSize} ${style.fontFamily}`;
  context.fillStyle = style.color;
  context.textBaseline = "alphabetic";
  const { fontBoundingBoxAscent: above, fontBoundingBoxDescent: below } = context.measureText("x");
  context.fillText(text, left, top + (height - above - below) / 2 + above);
}

/** Word by word, where the browser has put each: so lines break and columns stand as on the screen. */
function paintText(context, style, node) {
  const range = document.createRange();
  for (const { 0: word, index } of node.data.matchAll(/\S+/g)) {
    range.setStart(node, index);
    range.setEnd(node, index + word.length);
    const place = range.getBoundingClientRect();
    if (place.width > 0) paintWord(context, style, word, place);
  }
}

/** Paint the text of a control, which is not part of the document's text. */
function paintControl(context, style, control, box) {
  const text = control.tagName === "SELECT" ? (control.selectedOptions[0]?.text ?? "") : control.value;
  const left = box.left + parseFloat(style.borderLeftWidth) + parseFloat(style.paddingLeft);
  paintWord(context, style, text || (control.placeholder ?? ""), { left, top: box.top, height: box.height });
}

function paintElement(context, element, images) {
  const style = getComputedStyle(element);
  if (style.display === "none" || element.popover) return; // a tip or a menu over it does not belong to it
  const box = element.getBoundingClientRect();
  context.save();
  context.globalAlpha *= Number(style.opacity);
  const seen = style.visibility === "visible" && box.width > 0 && box.height > 0;
  const image = element.tagName === "CANVAS" ? element : images.get(element);
  if (image && seen) context.drawImage(image, box.left, box.top, box.width, box.height);
  if (!image) {
    if (seen) paintBox(context, style, box);
    if (style.overflowX !== "visible" || style.overflowY !== "visible") {
      context.beginPath();
      context.rect(box.left, box.top, box.width, box.height);
      context.clip();
    }
    if (seen && element.matches("input, select, textarea")) paintControl(context, style, element, box);
    else {
      for (const node of element.childNodes) {
        if (node.nodeType === Node.ELEMENT_NODE) paintElement(context, node, images);
        else if (node.nodeType === Node.TEXT_NODE && seen) paintText(context, style, node);
      }
    }
  }
  context.restore();
}

/** The bytes of a PNG of an element of the page, with a line of text above it and a note to its right. */
async function pngOf(root, { text, note }) {
  const drawings = [...root.querySelectorAll("svg")].filter((one) => {
    const { width, height } = one.getBoundingClientRect();
    return width >= 1 && height >= 1 && !one.parentElement.closest("svg");
  });
  const images = new Map(await Promise.all(drawings.map(async (svg) => [svg, await imageOf(svg)])));
  const box = root.getBoundingClientRect();
  const ratio = globalThis.devicePixelRatio || 1;
  const canvas = document.createElement("canvas");
  canvas.width = Math.round(box.width * ratio);
  canvas.height = Math.round((box.height + HEADLINE) * ratio);
  const context = canvas.getContext("2d");
  const colours = tokens(root);
  context.scale(ratio, ratio);
  context.fillStyle = colours.background;
  context.fillRect(0, 0, box.width, box.height + HEADLINE);
  context.font = colours.font;
  context.textBaseline = "middle";
  context.fillStyle = colours.text;
  context.fillText(text, 12, HEADLINE / 2);
  context.fillStyle = colours.warning;
  context.textAlign = "right";
  context.fillText(note, box.width - 12, HEADLINE / 2);
  context.textAlign = "left";
  context.translate(-box.left, HEADLINE - box.top);
  paintElement(context, root, images);
  const blob = await new Promise((done) => canvas.toBlob(done, "image/png"));
  if (!blob) throw new Error("The browser returned no picture");
  return blob.arrayBuffer();
}

function headline(model, title) {
  const link = linkOf(model);
  // A dashboard has a venue for each of its symbols, a panel over several venues has markets with theirs.
  const columns = model.get("venues");
  const markets = columns ? [] : severalOf(model, link);
  const venues = columns ?? [markets.length ? markets[0].split(":")[0] : model.get("venue")];
  const everywhere = model.get("all_venues_each") ?? [markets.length === 1];
  const venue = link.venues.idOf(venues[0]);
  const origin = link.venues.originOf(venue);
  const kinds = [origin?.simulated && "SIMULATED", origin?.recorded && "RECORDED"].filter(Boolean).join(", ");
  const note = kinds || (origin?.venue ?? "").toUpperCase();
  const named = (columns ? model.get("symbols") : [model.get("symbol")]).map((symbol, at) =>
    [symbol, everywhere[at] && showsAll(link) ? "all venues" : link.venues.labelOf(link.venues.idOf(venues[at]))]
      .filter(Boolean).join(" · "));
  const symbols = markets.length > 1 ? markets : named;
  const time = new Date(link.now(venue)).toISOString().slice(0, 19).replace("T", " ");
  return { text: `${title || symbols.join(", ")}  ${time} UTC`, note };
}

/**
 * A widget's `render` that also answers the kernel when it asks for a picture: of what stands inside the widget's
 * element, or of the whole that it is a part of, by its selector. A view that is not displayed leaves the answer to
 * others. `title` is what a widget of no symbol shows.
 */
export function pictured(render, whole = null, title = "") {
  return async (context) => {
    const { model, el } = context;
    const onMessage = async (content) => {
      const root = whole ? el.closest(whole) : el;
      if (content?.type !== "save_png" || !root?.getClientRects().length) return;
      try {
        const bytes = await pngOf(root, headline(model, title));
        sendMessage(model, { type: "png", id: content.id }, [new DataView(bytes)]);
      } catch (error) {
        sendMessage(model, { type: "png_failed", id: content.id, message: String(error?.message ?? error) });
      }
    };
    model.on("msg:custom", onMessage);
    const end = await render(context);
    return () => {
      model.off("msg:custom", onMessage);
      end?.();
    };
  };
}
