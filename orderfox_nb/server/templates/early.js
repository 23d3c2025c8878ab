// Part of the dashboard's page, and runs long before its widgets are there: opens the page's one socket, which the
// first widget takes over (transport.js), and says why the page stays empty if a proxy is set up wrongly.
(() => {
  const MAX_WAIT_MS = 16_000;
  const UNUSED_MS = 60_000; // a notebook without a widget of ours needs no socket
  const name = Symbol.for("orderfox.early.v1");
  const base = new URL(document.body.dataset.baseUrl.replace(/voila\/$/, ""), location.href).href;
  const url = `${base.replace(/^http/, "ws")}api/v1/ws/live`;

  // Voila takes its own "loading" text away, also where no widget can come. What the server says of the page, such as
  // the reason of a failed rendering, is another notice.
  let place = null;
  const say = (text) => {
    if (!place?.isConnected) {
      place = document.createElement("div");
      place.id = "of-trouble";
      place.setAttribute("role", "alert");
      document.body.prepend(place);
    }
    if (place.textContent !== text) place.textContent = text;
  };

  let wait = 1_000;
  const explain = async () => {
    let ours = false;
    try {
      const answer = await fetch(`${base}api/v1/health`, { cache: "no-store" });
      if (answer.status >= 502 && !answer.headers.has("X-OrderFox")) return; // the server is away: tried again
      ours = answer.headers.has("X-OrderFox");
    } catch {
      return;
    }
    const path = new URL(base).pathname;
    if (ours) {
      say("The server answers but refuses this page's WebSockets. A proxy in between must pass WebSockets and the " +
        `Host header, or CORS_ORIGINS must list ${location.origin}`);
    } else {
      say(`This page is at ${location.pathname}, and its server expects every path below ${path}, where something ` +
        "else answers. Let the proxy keep the prefix, and start orderfox serve with it as --base-url");
    }
  };

  const open = () => {
    const socket = new WebSocket(url);
    const early = (globalThis[name] = { url, socket, messages: [], opened: false });
    const unused = setTimeout(() => globalThis[name] === early && socket.close(), UNUSED_MS);
    socket.onopen = () => (early.opened = true);
    socket.addEventListener("open", () => place?.remove()); // also once taken over
    socket.onmessage = ({ data }) => early.messages.push({ data, received: Date.now() });
    socket.onclose = () => {
      clearTimeout(unused);
      if (globalThis[name] === early) delete globalThis[name];
      if (early.opened) return; // the first widget opens its own
      explain();
      setTimeout(open, (wait = Math.min(2 * wait, MAX_WAIT_MS)));
    };
  };
  open();
})();
