// Current market figures: last price, change, mark, funding, open interest, volume.
import { make, setClass, write } from "../page/dom.js";
import { countdownText, percentText, priceText, shortText } from "../page/format.js";
import { followLast } from "../page/follow_last.js";
import { moveClass } from "../page/last_price.js";
import { followFrames, makePastBadge } from "../page/panel.js";
import { pictured } from "../page/picture.js";
import { applyTheme } from "../page/theme.js";

async function render({ model, el }) {
  applyTheme();
  el.classList.add("of-widget");
  const panel = make("div", "of of-market");
  const name = make("strong", "of-symbol"); // hidden in a dashboard, where the picker stands beside it
  const last = make("strong", "of-last");
  panel.append(name, last);
  const figure = (name, label) => {
    const box = make("div", `of-figure of-figure-${name}`);
    const value = make("b");
    const title = make("span", "", label);
    box.append(value, title);
    panel.append(box);
    return { box, value, title };
  };
  const change = figure("change", "24 h");
  const mark = figure("mark", "Mark");
  const funding = figure("funding", "Funding");
  const rate = make("span");
  const countdown = make("small");
  funding.value.append(rate, countdown);
  const interest = figure("interest", "Open interest");
  const volume = figure("volume", "Volume");
  const note = make("span", "of-state");
  const past = makePastBadge(); // in a dashboard the quality badge beside it has one
  panel.append(past, note);
  el.append(panel);
  const parts = { panel, name, past, note, gone: "" };

  let next = 0;
  let link = null;
  let venue = "";
  const tick = () => write(countdown, next > 0 && link ? ` in ${countdownText(next - link.now(venue))}` : "");
  const paint = ({ frame, request }, from) => {
    link = from;
    venue = request.venue;
    const digits = frame.price_digits;
    // A value that the market does not have must not look like one that is not known yet.
    for (const { box } of [mark, funding]) box.hidden = from.venues.isAbsent("mark", venue);
    interest.box.hidden = from.venues.isAbsent("open_interest", venue);
    write(change.value, percentText(frame.change));
    setClass(change.value, frame.change > 0 ? "of-bid" : frame.change < 0 ? "of-ask" : "");
    write(mark.value, priceText(frame.mark, digits));
    write(rate, percentText(frame.funding, 4, false));
    next = frame.next_funding ?? 0;
    const asset = frame.base_asset ?? frame.base ?? "";
    write(interest.value, frame.open_interest === null ? "–" : `${shortText(frame.open_interest, 1)} ${asset}`);
    write(volume.value, shortText(frame.volume_quote));
    write(volume.title, `Volume, ${frame.quote ?? ""}`);
    panel.dataset.symbol = frame.symbol;
    tick();
  };
  // After a change of symbol no number of the previous one may remain.
  parts.symbolChanged = () => {
    next = 0;
    for (const element of [change.value, mark.value, rate, interest.value, volume.value]) write(element, "–");
    setClass(change.value, "");
    tick();
  };
  const keyOf = () => ({ symbol: model.get("symbol"), stream: "ticker", parameters: {} });
  const following = await followFrames({ model, parts, traits: ["symbol"], keyOf, paint });
  const showLast = (one) => {
    write(last, one?.text ?? "–");
    setClass(last, `of-last ${moveClass(one)}`.trim());
  };
  const price = await followLast({ model, place: last, show: showLast });
  const timer = setInterval(tick, 1000);
  return () => {
    clearInterval(timer);
    price.end();
    following.end();
  };
}

export default { render: pictured(render) };
