import assert from "node:assert/strict";
import test from "node:test";
import { usePage } from "../support.js";

usePage();
const { keepFavourites, listSymbols, matchSymbols, readFavourites, toggled } = await import(
  "../../../orderfox_nb/widgets/page/symbol_list.js"
);

test("a search finds beginnings first and in any form", () => {
  const symbols = [["BTCUSDT", "WBTCUSDT", "ETHUSDT", "BTCUSDC"]];
  assert.deepEqual(matchSymbols(symbols, "btc"), [0, 3, 1]);
  assert.deepEqual(matchSymbols(symbols, "eth/usdt"), [2]);
  assert.deepEqual(matchSymbols(symbols, "x"), []);
  assert.equal(matchSymbols(symbols, "").length, 4);
});

test("a search finds an asset by the name that all venues share", () => {
  const symbols = [
    ["BTCUSDT", "BTC-USDT-SWAP", "BTCUSDT", "1000PEPEUSDT"], ["BTC/USDT", "BTC/USDT", "BTC/USDT", "1000PEPE/USDT"],
    [], [], [], [], ["PERPETUAL", "PERPETUAL", "SPOT", "PERPETUAL"], ["sim", "okx", "sim-spot", "sim"],
  ];
  for (const text of ["btc", "BTCUSDT", "btc/usdt"]) assert.deepEqual(matchSymbols(symbols, text), [0, 1, 2]);
  assert.deepEqual(matchSymbols(symbols, "BTC/USDT:USDT"), [0, 1]);
  assert.deepEqual(matchSymbols(symbols, "okx:btc/usdt:usdt"), [1]);
  assert.deepEqual(matchSymbols(symbols, "swap"), [1]);
  assert.deepEqual(matchSymbols(symbols, "pepe"), [3]);
});

test("two pickers do not overwrite each other's favourites", () => {
  const held = new Map();
  let full = false;
  globalThis.localStorage = {
    getItem: (name) => held.get(name) ?? null,
    setItem(name, text) {
      if (full) throw new Error("quota");
      held.set(name, text);
    },
  };
  let [one, other] = [["SOLUSDT"], ["SOLUSDT"]];
  keepFavourites(one);
  keepFavourites((one = toggled(one, "BTCUSDT")));
  keepFavourites((other = toggled(other, "ETHUSDT")));
  assert.deepEqual(readFavourites(), ["SOLUSDT", "BTCUSDT", "ETHUSDT"]);
  keepFavourites((one = toggled(one, "BTCUSDT")));
  keepFavourites((other = toggled(other, "XRPUSDT")));
  assert.deepEqual(readFavourites(), ["SOLUSDT", "ETHUSDT", "XRPUSDT"], "what one has let go does not come back");
  held.clear();
  full = true;
  keepFavourites((one = toggled(one, "ETHUSDT")));
  assert.deepEqual(one, ["SOLUSDT"]);
  full = false;
  held.set("orderfox.favourites.v1", JSON.stringify(["币安人生USDT", 7, "two words", "BTCUSDT"]));
  assert.deepEqual(readFavourites(), ["币安人生USDT", "BTCUSDT"]);
});

test("symbols are sorted, searched and led by favourites", () => {
  const symbols = [
    ["BTCUSDT", "ETHUSDT", "ETCUSDT", "WETHUSDT"], ["BTC/USDT", "ETH/USDT", "ETC/USDT", "WETH/USDT"],
    [9, 8, 1, 2], [0.01, null, 0.5, -0.2], [0.1, 0.2, 0.3, 0.4], [1, 2, 3, 4],
  ];
  const ids = (options) => listSymbols(symbols, options).map((row) => symbols[0][row]);
  assert.deepEqual(ids({}), ["BTCUSDT", "ETHUSDT", "WETHUSDT", "ETCUSDT"]);
  assert.deepEqual(ids({ sort: "change" }), ["ETCUSDT", "BTCUSDT", "WETHUSDT", "ETHUSDT"]);
  assert.deepEqual(ids({ sort: "change", descending: false }), ["WETHUSDT", "BTCUSDT", "ETCUSDT", "ETHUSDT"]);
  assert.deepEqual(ids({ sort: "symbol", descending: false }), ["BTCUSDT", "ETCUSDT", "ETHUSDT", "WETHUSDT"]);
  assert.deepEqual(ids({ favourites: ["ETCUSDT"] }), ["ETCUSDT", "BTCUSDT", "ETHUSDT", "WETHUSDT"]);
  assert.deepEqual(ids({ search: "eth", sort: "volume", descending: false }), ["ETHUSDT", "WETHUSDT"]);
  assert.deepEqual(ids({ search: "nothing" }), []);
});
