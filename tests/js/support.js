// What the widgets' modules use of a page, as far as tests of single modules need it.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { ViewSettings } from "../../orderfox_nb/widgets/page/page_settings.js";

/** Stand in for a page at an address; `store` is what its local storage holds. */
export function usePage({ address = "http://127.0.0.1/", store = new Map() } = {}) {
  globalThis.document = { getElementById: () => null, documentElement: { dataset: {} }, body: { dataset: {} } };
  globalThis.localStorage = {
    getItem: (name) => store.get(name) ?? null,
    setItem: (name, text) => store.set(name, text),
  };
  globalThis.addEventListener = () => {};
  globalThis.matchMedia = () => ({ matches: false, addEventListener() {} });
  globalThis.MutationObserver = class {
    observe() {}
    disconnect() {}
  };
  globalThis.location = new URL(address);
  globalThis.history = { replaceState: (state, title, url) => (globalThis.location = new URL(url)) };
  return store;
}

/** Python's table as the page receives it; tests/widgets/test_view_settings.py keeps the file equal to it. */
export const rows = JSON.parse(readFileSync(new URL("./view_settings.json", import.meta.url), "utf8"));
export const settings = new ViewSettings(rows);

/** A view with everything as it is by itself, but for the changes. */
export function view(changes = {}) {
  const values = settings.rows.map(({ name, each, default: fresh }) => [name, each ? [fresh] : fresh]);
  return { ...Object.fromEntries(values), rows: 20, ...changes };
}

/** The language in which the page's reader has dates, whatever that of this machine is. */
export function useLanguage(tag) {
  globalThis.Intl.DateTimeFormat = class extends Intl.DateTimeFormat {
    constructor(language = tag, options = {}) {
      super(language, options);
    }
  };
}

/** Whether a value is the wanted one but for a share of it, or for `by` at most. */
export function close(value, wanted, { share = 1e-6, by = 0 } = {}, message = "") {
  const off = Math.abs(value - wanted);
  assert.ok(off <= Math.max(share * Math.abs(wanted), by), `${message} ${value} is not ${wanted}`);
}

/** The same of each value of a list. */
export function allClose(values, wanted, limits, message = "") {
  assert.equal(values.length, wanted.length, message);
  values.forEach((value, at) => close(value, wanted[at], limits, message));
}

/** Numbers from 0 to 1, the same on every run. */
export function random(seed) {
  let state = seed;
  return () => (state = (state * 48_271) % 2_147_483_647) / 2_147_483_647;
}
