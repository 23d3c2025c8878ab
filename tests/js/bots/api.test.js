// What the panel sends to the routes of bots, and what it makes of their answers.
import assert from "node:assert/strict";
import { createServer } from "node:http";
import test from "node:test";
import { usePage } from "../support.js";

usePage();
const kept = new Map();
globalThis.sessionStorage = {
  getItem: (name) => kept.get(name) ?? null,
  setItem: (name, text) => kept.set(name, text),
  removeItem: (name) => kept.delete(name),
};
const { BotApi } = await import("../../../orderfox_nb/widgets/bots/bot_api.js");

async function serve(t, answers) {
  const sent = [];
  const server = createServer(async ({ url, method, headers }, answer) => {
    sent.push([method, url, headers["x-xsrftoken"], headers.authorization]);
    const [status, body, more] = answers[`${method} ${url}`] ?? [404, { detail: "No such route" }];
    const text = typeof body === "string" ? body : JSON.stringify(body);
    answer.writeHead(status, more).end(body === null ? undefined : text);
  });
  await new Promise((done) => server.listen(0, "127.0.0.1", done));
  t.after(() => server.close());
  return { sent, base: `http://127.0.0.1:${server.address().port}/desk/` };
}

test("a change is sent with the page's own login, or with the token that was entered", async (t) => {
  document.cookie = "_xsrf=of-this-page";
  const { base, sent } = await serve(t, {
    "PATCH /desk/api/v1/bots/7/status?is_active=true": [200, { id: "7" }],
    "DELETE /desk/api/v1/bots/7": [204, null],
    "GET /desk/api/v1/bots?page_size=1": [200, { bots: [] }, { Allow: "GET, HEAD" }],
  });
  const api = new BotApi(base);
  assert.deepEqual(await api.setActive("7", true), { id: "7" });
  assert.equal(await api.mayWrite(), false);
  api.useToken("a-token");
  await api.remove("7");
  assert.deepEqual(sent.map(([method, , xsrf, token]) => [method, xsrf, token]), [
    ["PATCH", "of-this-page", undefined], ["GET", "of-this-page", undefined],
    ["DELETE", "of-this-page", "token a-token"],
  ]);
  assert.equal(new BotApi(base).token, "a-token", "another panel of the tab has it too");
  api.useToken("");
  assert.equal(kept.size, 0);
});

test("a refusal is the server's own sentence", async (t) => {
  const { base } = await serve(t, {
    "POST /desk/api/v1/bots": [400, { detail: "Invalid levels '0': expected a whole number", status_code: 400 }],
    "POST /desk/api/v1/bots/kill": [403, { message: "Forbidden" }],
    "GET /desk/api/v1/strategies": [502, "<html>"],
  });
  const api = new BotApi(base);
  const said = async (asked) => asked.then(() => null, ({ status, message }) => [status, message]);
  assert.deepEqual(await said(api.create({})), [400, "Invalid levels '0': expected a whole number"]);
  assert.deepEqual(await said(api.stopAll()), [403, "Forbidden"]);
  assert.deepEqual(await said(api.strategies()), [502, "The server answered 502"]);
  const gone = new BotApi("http://127.0.0.1:9/"); // a port that fetch never asks
  assert.deepEqual(await said(gone.mayWrite()), [0, "The server does not answer"]);
});
