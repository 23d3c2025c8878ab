import assert from "node:assert/strict";
import test, { beforeEach } from "node:test";
import { usePage } from "../support.js";

const heard = {};
let store;
beforeEach(() => {
  store = usePage();
  delete globalThis[Symbol.for("orderfox.theme.v3")];
  globalThis.addEventListener = (name, handle) => (heard[name] = handle);
});
usePage();
const { applyTheme, choose, chosen } = await import("../../../orderfox_nb/widgets/page/theme.js");

const DEFAULTS = { theme: "auto", palette: "standard", zone: "local" };
const stored = (name, newValue) => heard.storage({ key: `orderfox.${name}.v1`, newValue });

test("what another tab chose holds here at once and is not stored again", () => {
  applyTheme();
  assert.deepEqual(chosen(), DEFAULTS);
  stored("theme", "light");
  assert.equal(document.documentElement.dataset.ofTheme, "light");
  stored("palette", "safe");
  stored("zone", "utc");
  const wanted = { theme: "light", palette: "safe", zone: "utc" };
  assert.deepEqual(chosen(), wanted);
  stored("view", "dark");
  stored("zone", "mars");
  assert.deepEqual(chosen(), wanted);
  stored("theme", null); // removed
  assert.deepEqual(chosen(), { ...wanted, theme: "auto" });
  heard.storage({ key: null, newValue: null }); // everything was
  assert.deepEqual(chosen(), DEFAULTS);
  assert.equal(store.size, 0);
});

test("a page without storage has a theme, and can be given another one", () => {
  const refuse = () => {
    throw new Error("denied");
  };
  globalThis.localStorage = { getItem: refuse, setItem: refuse };
  applyTheme();
  assert.equal(document.documentElement.dataset.ofTheme, "dark");
  choose("theme", "light");
  assert.deepEqual([document.documentElement.dataset.ofTheme, chosen().theme], ["light", "light"]);
});
