// The two ways by which frames come: the server's socket, and the comm of a kernel that pumps them. Both speak the same
// messages (docs/live.md); a transport is {send(message), close()} and calls onMessage(message, bytes) and onClose().

import { sendMessage } from "./kernel.js";

const OURS = "X-OrderFox"; // every answer of our routes carries it, a refusal too
const ANSWER_MS = 5_000; // a server that is half gone takes the question and never answers

/** Where the Jupyter server answers, from the page itself; null if there is none (VS Code, Colab, a static page). */
export function pageBase() {
  const element = document.getElementById("jupyter-config-data");
  if (!element) return null;
  try {
    const base = JSON.parse(element.textContent).baseUrl;
    return base ? new URL(base.endsWith("/") ? base : `${base}/`, location.href).href : null;
  } catch {
    return null;
  }
}

/**
 * The page's XSRF token as a header, as JupyterLab sends it: where the login is a cookie, JupyterHub refuses every
 * fetch without it, also one that only reads. The most specific path comes first in a cookie string.
 */
function xsrfHeader() {
  const token = /(?:^|;\s*)_xsrf="?([^;"]*)/.exec(document.cookie)?.[1];
  return token ? { "X-XSRFToken": token } : {};
}

/**
 * Fetch a path below the page's base with the page's own login, or with the server's `token`; every request of a widget
 * goes through here. A `body` is sent as JSON; `waitMs` is how long the answer may take.
 */
export function fetchFromServer(base, path, { method = "GET", body, token = "", waitMs = ANSWER_MS } = {}) {
  const headers = xsrfHeader();
  if (token) headers.Authorization = `token ${token}`;
  if (body !== undefined) headers["Content-Type"] = "application/json";
  return fetch(`${base}${path}`, {
    method,
    credentials: "same-origin",
    cache: "no-store",
    headers,
    body: body === undefined ? undefined : JSON.stringify(body),
    signal: AbortSignal.timeout(waitMs),
  });
}

/**
 * Which server answers below this base: "ours", "barred" (our server refuses, with the reason in `detail`), "another"
 * (a server without our extension) or "none" (no answer).
 */
export async function askServer(base) {
  let answer;
  let body;
  try {
    answer = await fetchFromServer(base, "api/v1/health");
    body = await answer.text();
  } catch {
    return { who: "none" };
  }
  try {
    body = JSON.parse(body) ?? {};
  } catch {
    body = {}; // a page to show: of a proxy, or of a server without our routes
  }
  if (body.service === "orderfox") return { who: "ours" };
  if (answer.headers.has(OURS)) return { who: "barred", detail: body.detail };
  // A proxy or a hub answers for a server that is down: 5xx, or 424 from a JupyterHub that has stopped it.
  return { who: answer.status >= 500 || answer.status === 424 ? "none" : "another" };
}

/** The socket that the dashboard's page opened before its widgets were there (server/templates/early.js), once. */
export function adoptEarly(base) {
  const name = Symbol.for("orderfox.early.v1");
  const early = globalThis[name];
  if (!early || early.url !== liveUrl(base) || early.socket.readyState > WebSocket.OPEN) return null;
  delete globalThis[name];
  return early;
}

function liveUrl(base) {
  return `${base.replace(/^http/, "ws")}api/v1/ws/live`;
}

/** The server's socket: a new one, or an early one with what it has received. */
export function openSocket(base, { onMessage, onClose }, early = null) {
  const socket = early?.socket ?? new WebSocket(liveUrl(base));
  const transport = {
    kind: "socket",
    opened: early?.opened ?? false, // a handshake that was refused leaves it so
    send: (message) => socket.readyState === WebSocket.OPEN && socket.send(JSON.stringify(message)),
    close: () => {
      closed = true;
      socket.onopen = socket.onmessage = socket.onclose = null;
      socket.close();
    },
  };
  let closed = false;
  const receive = (data, received = Date.now()) => closed || onMessage(JSON.parse(data), data.length, received);
  socket.onopen = () => (transport.opened = true);
  socket.onmessage = ({ data }) => receive(data);
  socket.onclose = ({ code, reason }) => onClose(code, reason);
  // Once the caller has the transport: it answers what it reads.
  queueMicrotask(() => early?.messages.forEach(({ data, received }) => receive(data, received)));
  return transport;
}

/** The kernel's pump: one widget model a page, whose custom messages hold a batch of the server's own messages. */
export function openComm(pump, { onMessage, onClose }) {
  const receive = (content) => {
    for (const text of content.messages ?? []) onMessage(JSON.parse(text), text.length);
  };
  const dead = () => onClose();
  pump.on("msg:custom", receive);
  pump.on("comm:close", dead);
  sendMessage(pump, { type: "hello" });
  return {
    kind: "comm",
    pump,
    send: (message) => sendMessage(pump, message),
    close: () => {
      pump.off("msg:custom", receive);
      pump.off("comm:close", dead);
    },
  };
}

/** The likely cause if requests are answered but the WebSocket is refused. */
export function socketRefused() {
  const proxy = "A proxy in between must pass WebSockets and the Host header";
  return `The server answers but refuses its WebSocket. ${proxy}, or CORS_ORIGINS must list ${location.origin}`;
}
