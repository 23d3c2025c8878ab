// The chart as a picture: both canvases and everything that bqplot drew between them, at the screen's resolution.

const COPIED = [
  "fill", "fill-opacity", "stroke", "stroke-width", "stroke-opacity", "stroke-dasharray", "opacity", "visibility",
  "display", "font-family", "font-size", "font-weight", "text-anchor", "dominant-baseline",
];
const HEADER = 30;

/** An SVG that looks the same without the page's style sheets. */
function standingAlone(svg) {
  const copy = svg.cloneNode(true);
  const [from, to] = [svg, copy].map((one) => [one, ...one.querySelectorAll("*")]);
  from.forEach((element, at) => {
    const style = getComputedStyle(element);
    for (const name of COPIED) to[at].style.setProperty(name, style.getPropertyValue(name));
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

/** The bytes of a PNG of a figure's view, under a line of text that says what it shows. */
export async function pngOf({ view, colours, text, note }) {
  const box = view.el.getBoundingClientRect();
  // bqplot has one SVG for axes and one for marks, and our canvases stand between and above them.
  const layers = [...view.el.children].filter((one) => /^(svg|canvas)$/i.test(one.tagName));
  const drawn = await Promise.all(layers.map(async (layer) => {
    const place = layer.getBoundingClientRect();
    if (place.width < 1 || place.height < 1) return null;
    return { image: layer.tagName.toLowerCase() === "svg" ? await imageOf(layer) : layer, place };
  }));
  const ratio = globalThis.devicePixelRatio || 1;
  const canvas = document.createElement("canvas");
  canvas.width = Math.round(box.width * ratio);
  canvas.height = Math.round((box.height + HEADER) * ratio);
  const context = canvas.getContext("2d");
  context.scale(ratio, ratio);
  context.fillStyle = colours.background;
  context.fillRect(0, 0, box.width, box.height + HEADER);
  context.font = colours.font;
  context.textBaseline = "middle";
  context.fillStyle = colours.text;
  context.fillText(text, 12, HEADER / 2);
  context.fillStyle = colours.warning;
  context.textAlign = "right";
  context.fillText(note, box.width - 12, HEADER / 2);
  context.translate(0, HEADER);
  for (const layer of drawn) {
    if (layer === null) continue;
    const { image, place } = layer;
    context.drawImage(image, place.left - box.left, place.top - box.top, place.width, place.height);
  }
  const blob = await new Promise((done) => canvas.toBlob(done, "image/png"));
  if (!blob) throw new Error("The browser made no picture");
  return blob.arrayBuffer();
}

/** Answer the kernel when it asks for a picture; gives what ends it. */
export function answerPictures(model, take) {
  const onMessage = async (content) => {
    if (content?.type !== "save_png") return;
    try {
      const bytes = await take();
      model.send({ type: "png", id: content.id }, undefined, [new DataView(bytes)]);
    } catch (error) {
      model.send({ type: "png_failed", id: content.id, message: String(error?.message ?? error) });
    }
  };
  model.on("msg:custom", onMessage);
  return () => model.off("msg:custom", onMessage);
}
