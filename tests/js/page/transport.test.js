import assert from "node:assert/strict";
import { createServer } from "node:http";
import test from "node:test";
import { usePage } from "../support.js";

usePage();
const { askServer } = await import("../../../orderfox_nb/widgets/page/transport.js");

test("who answers below the base, and what the page sends to learn it", { timeout: 30_000 }, async (t) => {
  document.cookie = "other_xsrf=no; _xsrf=of-this-path; _xsrf=of-the-hub";
  const ours = { "X-OrderFox": "1" };
  const answers = {
    "/ours/": (answer) => answer.end('{"service": "orderfox"}'),
    "/degraded/": (answer) => answer.writeHead(503, ours).end('{"service": "orderfox", "detail": "down"}'),
    "/barred/": (answer) => answer.writeHead(403, ours).end('{"detail": "log in", "status_code": 403}'),
    "/other/": (answer) => answer.writeHead(404).end("<html>"),
    "/refused/": (answer) => answer.writeHead(403).end('{"message": "Forbidden"}'),
    "/proxy/": (answer) => answer.writeHead(502).end("<html>"),
    "/hub/": (answer) => answer.writeHead(424).end('{"message": "alice is not running"}'),
    "/silent/": () => {},
    "/half/": (answer) => answer.writeHead(200).write('{"service": '),
  };
  const sent = new Set();
  const server = createServer(({ url, headers }, answer) => {
    sent.add(headers["x-xsrftoken"]);
    answers[url.replace("api/v1/health", "")](answer);
  });
  await new Promise((done) => server.listen(0, "127.0.0.1", done));
  const bound = AbortSignal.timeout;
  t.after(() => {
    AbortSignal.timeout = bound;
    server.closeAllConnections();
    server.close();
  });
  const ask = async (path) => {
    return Object.values(await askServer(`http://127.0.0.1:${server.address().port}${path}`)).join(": ");
  };
  const paths = Object.keys(answers);
  const found = {};
  for (const path of paths.slice(0, -2)) found[path] = await ask(path);
  // The bound itself is real; only its seconds pass fifty times as fast.
  AbortSignal.timeout = (ms) => bound(ms / 50);
  for (const path of paths.slice(-2)) found[path] = await ask(path);
  assert.deepEqual(found, {
    "/ours/": "ours", "/degraded/": "ours", "/barred/": "barred: log in", "/other/": "another",
    "/refused/": "another", "/proxy/": "none", "/hub/": "none", "/silent/": "none", "/half/": "none",
  });
  assert.deepEqual([...sent], ["of-this-path"]);
});
