// The two ways by which frames come: the server's socket, and the comm of a kernel that pumps them. Both speak the same
// messages (docs/live.md); a transport is {send(message), close()} and calls onMessage(message, bytes) and onClose().

const ANSWER_MS = 5_000; // a server that is half gone takes the question and never answers

/** Where the Jupyter server answers, from the page itself; null where there is none (VS Code, Colab, a static page). */
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

/** Who answers below this base: "ours", "another" server without our extension, or "nobody". */
export async function serverAnswers(base) {
  const signal = AbortSignal.timeout(ANSWER_MS);
  let status;
  let text;
  try {
    const answer = await fetch(`${base}api/v1/health`, { credentials: "same-origin", cache: "no-store", signal });
    [status, text] = [answer.status, await answer.text()];
  } catch {
    return "nobody";
  }
  try {
    return JSON.parse(text).service === "orderfox" ? "ours" : "another";
  } catch {
    return status >= 500 ? "nobody" : "another"; // a proxy speaks for a server that is away
  }
}

export function openSocket(base, { onMessage, onClose }) {
  const socket = new WebSocket(`${base.replace(/^http/, "ws")}api/v1/ws/live`);
  socket.onmessage = ({ data }) => onMessage(JSON.parse(data), data.length);
  socket.onclose = ({ code, reason }) => onClose(code, reason);
  return {
    kind: "socket",
    send: (message) => socket.readyState === WebSocket.OPEN && socket.send(JSON.stringify(message)),
    close: () => {
      socket.onmessage = socket.onclose = null;
      socket.close();
    },
  };
}

/** The kernel's pump: one widget model a page, whose custom messages hold a batch of the server's own messages. */
export function openComm(pump, { onMessage, onClose }) {
  const receive = (content) => {
    for (const text of content.messages ?? []) onMessage(JSON.parse(text), text.length);
  };
  const dead = () => onClose();
  pump.on("msg:custom", receive);
  pump.on("comm:close", dead);
  pump.send({ type: "hello" });
  return {
    kind: "comm",
    pump,
    send: (message) => pump.send(message),
    close: () => {
      pump.off("msg:custom", receive);
      pump.off("comm:close", dead);
    },
  };
}
