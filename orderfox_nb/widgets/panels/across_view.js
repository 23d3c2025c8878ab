// What a panel over several venues says of them: a legend, the venues that are left out, and a crossing between two.
import { make, setClass, write } from "../page/dom.js";
import { priceText, shortText } from "../page/format.js";

const COLOURS = 8;
const MAX_MEMBERS = 8; // of a view over all venues
const KINDS = {
  arbitrage: "arbitrage", basis: "basis of two kinds of contract", currency: "difference of two currencies, at par",
};

/** The colour of a venue by its place; the legend names it. */
export function venueColour(place) {
  return `var(--of-venue-${place % COLOURS})`;
}

/** A bar of one colour for each venue, as wide as its part. */
export function partsImage(sizes, total) {
  let from = 0;
  const stops = sizes.map((size, place) => {
    const start = from;
    from += (size / total) * 100;
    return `${venueColour(place)} ${start.toFixed(2)}% ${from.toFixed(2)}%`;
  });
  return `linear-gradient(to left, ${stops.filter((_, place) => sizes[place]).join(", ")})`;
}

/** The venue of a market, with its symbol where two markets are of one venue. */
export function memberName({ venue, market }, members) {
  return members.filter((one) => one.venue === venue).length > 1 ? market : venue;
}

/** What a crossing means, in a sentence; empty if no bid is above another venue's ask. */
export function crossingText({ crossing, members, tick_digits: digits, base_asset: base }) {
  if (!crossing) return "";
  const [buy, sell] = [crossing.buy, crossing.sell].map((place) => memberName(members[place], members));
  const [ask, bid, width] = ["ask", "bid", "width"].map((name) => Number(crossing[name]));
  const points = `${((width / ((ask + bid) / 2)) * 1e4).toFixed(2)} bp`;
  if (!crossing.opportunity) return `Crossed by ${priceText(width, digits)}, not confirmed: ${crossing.unconfirmed}`;
  const quote = members[crossing.sell].quote;
  const deal = `buy ${buy} ${priceText(ask, digits)}, sell ${sell} ${priceText(bid, digits)}`;
  const [size, gross] = [crossing.size, crossing.gross].map(Number);
  const gain = `${shortText(size, 3)} ${base}, ${shortText(gross)} ${quote} before fees`;
  return `${points} ${KINDS[crossing.kind]}: ${deal} · ${gain}`;
}

function addMember(legend) {
  const element = make("span", "of-member");
  const [swatch, name, bid, ask] = [
    make("i", "of-swatch"), make("span"), make("b", "of-bid", "bid"), make("b", "of-ask", "ask"),
  ];
  bid.title = "has the best bid";
  ask.title = "has the best ask";
  element.append(swatch, name, bid, ask);
  legend.append(element);
  return { element, swatch, name, bid, ask };
}

/** Mark a cell with its venue, by a line in the venue's colour and by name. */
export function writeVenue(cell, place, members) {
  if (place === undefined) return;
  write(cell, memberName(members[place], members));
  const colour = venueColour(place);
  if (cell.ofColour !== colour) cell.style.setProperty("--of-venue", (cell.ofColour = colour));
}

/** The lines above the rows; empty and hidden while a panel shows one market. */
export function makeAcross() {
  const element = make("div", "of-across");
  element.hidden = true;
  const legend = make("p", "of-venues");
  const dropped = make("p", "of-left-out");
  dropped.setAttribute("role", "status");
  const crossing = make("p", "of-crossing");
  element.append(legend, dropped, crossing);
  const shown = [];
  return {
    element,
    /** `venues` are the names of those that are meant, where a panel shows its market at all of them. */
    paint(frame, venues = []) {
      const { members } = frame;
      element.hidden = !members;
      if (!members) return;
      while (shown.length < members.length) shown.push(addMember(legend));
      while (shown.length > members.length) shown.pop().element.remove();
      members.forEach((member, place) => {
        const one = shown[place];
        one.swatch.style.background = venueColour(place);
        write(one.name, memberName(member, members));
        setClass(one.element, member.dropped ? "of-member of-out" : "of-member");
        const title = `${member.market}, ${member.kind} in ${member.quote}`;
        if (one.element.title !== title) one.element.title = title;
        one.bid.classList.toggle("of-best", Boolean(frame.best_bid_of?.includes(place)));
        one.ask.classList.toggle("of-best", Boolean(frame.best_ask_of?.includes(place)));
        one.bid.hidden = one.ask.hidden = !frame.best_bid_of;
      });
      const out = members.filter((member) => member.dropped);
      const absent = venues.filter((name) => members.every(({ venue }) => venue !== name));
      const why = members.length < MAX_MEMBERS ? "does not list it" : `at most ${MAX_MEMBERS} venues are shown`;
      write(dropped, [
        ...out.map((member) => `Without ${memberName(member, members)}: ${member.dropped}`),
        ...absent.map((name) => `Without ${name}: ${why}`),
      ].join(" · "));
      crossing.hidden = frame.crossing === undefined;
      write(crossing, crossingText(frame) || "No bid is above another venue's ask");
      setClass(crossing, frame.crossing?.opportunity ? "of-crossing of-opportunity" : "of-crossing");
      element.dataset.dropped = out.map((member) => member.market).join(" ");
      element.dataset.opportunity = String(Boolean(frame.crossing?.opportunity));
    },
    drop() {
      element.hidden = true;
    },
  };
}
