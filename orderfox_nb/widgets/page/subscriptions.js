// What the page's views follow: one entry for each distinct subscription, with its newest frame and the views of it.
import { foldFrame } from "./fold.js";
import { PaintQueue } from "./paint_queue.js";
import { subscriptionText } from "./subscription.js";

const GONE_RETRY_MS = 5_000;

export class Subscriptions {
  /** `link` sends what is requested; it counts the frames, and knows the page's venues and its playhead. */
  constructor(link) {
    this.link = link;
    this.entries = new Map(); // subscription text → entry
    this.byKey = new Map(); // those that are open at the server or the kernel
    this.queue = new PaintQueue({
      before: () => link.last.commit(this.entries.values()),
      after: (count, ms) => {
        link.counters.paints += count;
        link.lag.drawn(ms);
      },
    });
  }

  /** Follow a request for `view`; returns the function that ends it. */
  add(request, view) {
    const text = subscriptionText(request);
    let entry = this.entries.get(text);
    if (!entry) {
      entry = { text, request, key: null, frame: null, sequence: null, resuming: false, views: new Set(), gone: "" };
      entry.painted = false; // whether a frame of it was
      this.entries.set(text, entry);
      this.open(entry);
    } else if (entry.frame) this.queue.add(entry);
    entry.views.add(view);
    if (entry.gone) view.gone?.(entry.gone);
    return () => {
      entry.views.delete(view);
      if (entry.views.size === 0 && this.entries.get(text) === entry) {
        this.shut(entry);
        this.entries.delete(text);
      }
    };
  }

  // ---- open and shut --------------------------------------------------------------------------------------------

  open(entry) {
    const { hello, transport, paused } = this.link;
    if (!hello || !transport || paused) return;
    entry.key = entry.request.venue ? entry.text : `${hello.venue}/${entry.text}`;
    entry.sequence = null;
    entry.resuming = false;
    this.byKey.set(entry.key, entry);
    this.link.post({ type: "subscribe", key: entry.key });
  }

  shut(entry) {
    if (entry.key === null) return;
    this.byKey.delete(entry.key);
    this.link.post({ type: "unsubscribe", key: entry.key });
    entry.key = entry.sequence = null;
  }

  /** Open what is not open yet: a view may have found meanwhile that it names the first venue. */
  openAll() {
    for (const entry of this.entries.values()) if (this.byKey.get(entry.key) !== entry) this.open(entry);
  }

  shutAll() {
    for (const entry of this.entries.values()) this.shut(entry);
  }

  /** A new connection has no keys. */
  forgetKeys() {
    this.byKey.clear();
  }

  // ---- messages of one key --------------------------------------------------------------------------------------

  /** Every frame is folded at once, only the paint waits for the animation frame. */
  receive(entry, message) {
    if (!entry) return; // unsubscribed while it was on its way
    const { counters, playhead, venues } = this.link;
    counters.frames++;
    if (typeof message.base !== "number") entry.frame = message;
    else if (message.base === entry.sequence && entry.frame && !entry.resuming) {
      counters.deltas++;
      entry.frame = foldFrame(entry.request.stream, entry.request.parameters, entry.frame, message);
    } else entry.frame = null;
    if (entry.frame === null) {
      this.resume(entry);
      return;
    }
    entry.resuming = false;
    entry.gone = "";
    entry.sequence = message.sequence;
    entry.received = performance.now();
    const { venue = "" } = entry.request;
    if (!playhead.covers(venue)) venues.lagOf(venue).frame(Date.now() - message.time);
    this.queue.add(entry);
  }

  /** Ask for a whole frame. */
  resume(entry) {
    entry.sequence = null;
    if (entry.resuming) return;
    entry.resuming = true;
    this.link.counters.resumes++;
    this.link.post({ type: "resume", key: entry.key });
  }

  /** Nothing comes of a key any more, for the reason that the views show. */
  end(entry, reason) {
    if (!entry) return;
    entry.gone = reason || "No longer sent";
    entry.frame = entry.sequence = null;
    // What cannot be sent now may be later: a venue that was out of reach, a symbol that is listed today.
    setTimeout(() => {
      if (entry.gone && entry.key !== null && this.byKey.get(entry.key) === entry) this.open(entry);
    }, GONE_RETRY_MS);
    for (const view of entry.views) view.gone?.(entry.gone);
  }

  // ---- a move of the playhead -----------------------------------------------------------------------------------

  *of(venues) {
    for (const entry of this.entries.values()) if (venues.includes(entry.request.venue ?? "")) yield entry;
  }

  forgetFrames(venues) {
    for (const entry of this.of(venues)) {
      entry.frame = entry.sequence = null;
      entry.resuming = false;
    }
  }

  resumeAll(venues) {
    for (const entry of this.of(venues)) if (entry.key !== null) this.resume(entry);
  }
}
