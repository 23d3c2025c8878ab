// Choose the venue of a market: a select beside the symbol, where the server has several venues.
import { make, write } from "../page/dom.js";
import { ACROSS, marketOf } from "../page/venues.js";

const SEARCH_MS = 4_000;
const NOTE_MS = 8_000;
const ALL = "All venues";

/** The names under which a market is looked for at another venue, the closest first: `BTC/USDT`, then `BTC`. */
export function namesElsewhere(name) {
  const [base, quote] = name.split("/");
  return quote ? [name, base] : [name];
}

/** The market to show at a venue, by the server's answers about the names; `missing` where it has none of them. */
export function marketThere(venue, rows, symbol) {
  const found = rows.find((row) => row.symbol);
  const largest = rows.find((row) => row.largest)?.largest;
  return { market: { venue, symbol: found?.symbol ?? largest ?? symbol }, missing: !found && Boolean(largest) };
}

/** How a venue stands in the list. */
export function venueText(name, origin) {
  return origin?.problem ? `${name} – down` : name;
}

/**
 * The select with its note. `shown()` is the market on the screen, `nameOf(market)` its name as all venues write it,
 * `choose(market)` shows another one; `isAll()` is whether it is shown over all venues, `chooseAll(all)` changes that.
 */
export function makeVenuePicker({ link, shown, nameOf, choose, isAll, chooseAll }) {
  const select = make("select", "of-select of-venue");
  select.setAttribute("aria-label", "Venue");
  const note = make("p", "of-venue-note");
  note.setAttribute("role", "status");
  note.popover = "manual";
  let pending = null; // the venue whose market is being looked for
  let timer = 0;

  const show = () => {
    const { venues } = link;
    select.hidden = !venues.areSeveral;
    const ids = [...venues.names.map((name) => venues.idOf(name)), ACROSS];
    if (ids.length !== select.length) {
      select.replaceChildren(...ids.map((id) => Object.assign(document.createElement("option"), { value: id })));
    }
    // Options keep their place: a list that is open is not closed by a venue that goes down.
    ids.forEach((id, at) => {
      const option = select.options[at];
      if (option.value !== id) option.value = id;
      write(option, id === ACROSS ? ALL : venueText(venues.nameOf(id), venues.originOf(id)));
    });
    const own = shown().venue;
    const { problem } = link.venues.originOf(own) ?? {};
    const title = isAll() ? `Chart, depth and header are those of ${venues.nameOf(own)}` : "Venue";
    select.title = problem || title;
    select.classList.toggle("of-venue-down", Boolean(problem));
    select.value = pending ?? (isAll() ? ACROSS : own);
  };
  const hideNote = () => {
    clearTimeout(timer);
    if (note.matches(":popover-open")) note.hidePopover();
  };
  const showNote = (text) => {
    write(note, text);
    note.showPopover();
    const place = select.getBoundingClientRect();
    note.style.left = `${Math.max(8, Math.min(place.left, innerWidth - note.offsetWidth - 8))}px`;
    note.style.top = `${place.bottom + 6}px`;
    timer = setTimeout(hideNote, NOTE_MS);
  };
  const lookFor = async (venue, { symbol, name }) => {
    const late = new Promise((done) => setTimeout(done, SEARCH_MS, []));
    try {
      const rows = await Promise.race([link.request("symbols", { symbols: namesElsewhere(name) }, venue), late]);
      return marketThere(venue, rows, symbol);
    } catch {
      // A venue that is down has no list: its panels say why.
      return { market: { venue, symbol }, missing: false };
    }
  };
  select.addEventListener("change", async () => {
    hideNote();
    const before = shown();
    const name = nameOf(before);
    if (select.value === ACROSS) {
      pending = null;
      return chooseAll(true);
    }
    const venue = (pending = select.value);
    const { market, missing } = await lookFor(venue, { symbol: before.symbol, name });
    if (pending !== venue) return; // another one was chosen meanwhile
    pending = null;
    if (marketOf(shown()) !== marketOf(before)) return show();
    chooseAll(false);
    choose(market);
    show(); // also where it is the market whose chart was shown already
    if (missing) showNote(`${link.venues.nameOf(venue)} does not list ${name}: ${market.symbol} is shown.`);
  });
  note.addEventListener("click", hideNote);
  return {
    select,
    note,
    show,
    end() {
      pending = undefined;
      hideNote();
    },
  };
}
