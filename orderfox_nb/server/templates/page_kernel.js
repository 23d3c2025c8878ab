// Part of a page that has no kernel: what the page's widget manager asks of one is answered here, from the states that
// the notebook's widgets had when it was rendered and that stand at the end of the page. Nothing of it leaves the page.
(() => {
  const ID = "viewer"; // renderer.py
  const CONTROL = "jupyter.widget.control";
  const PLACE = "@states@";
  const VERSION = "5.4";
  const textOf = (id) => document.getElementById(id)?.textContent ?? "";
  const bytesOf = (text) => Uint8Array.from(atob(text), (sign) => sign.charCodeAt(0));
  let parsed = null;
  let numbers = 0;

  // The scripts of the widgets are files beside the page (viewer/modules.py), whose address only the page knows.
  const modules = new URL(`${document.body.dataset.baseUrl}modules/`, location.href).href;
  const statesText = () => textOf("of-widget-states").replaceAll('"_esm":"@modules/', () => `"_esm":"${modules}`);
  const sent = () => (parsed ??= JSON.parse(statesText()));
  /** The states that the kernel sent: `{model id: {model_name, model_module, model_module_version, state}}`. */
  const states = () => sent().states;
  globalThis[Symbol.for("orderfox.page_kernel.v1")] = { states, sent };

  const message = (parent, channel, type, content) => ({
    channel,
    header: {
      msg_id: `${ID}_${++numbers}`, msg_type: type, session: ID, username: "", version: VERSION,
      date: new Date().toISOString(),
    },
    parent_header: parent.header,
    metadata: {},
    content,
    buffers: [],
  });

  /** A message with binary parts, in the kernel protocol's first binary form: offsets, JSON, parts. */
  const framed = (text, buffers) => {
    const parts = [new TextEncoder().encode(text), ...buffers];
    let at = 4 * (parts.length + 1);
    const bytes = new Uint8Array(at + parts.reduce((sum, { length }) => sum + length, 0));
    const head = new DataView(bytes.buffer);
    head.setUint32(0, parts.length);
    parts.forEach((part, index) => {
      head.setUint32(4 * (index + 1), at);
      bytes.set(part, at);
      at += part.length;
    });
    return bytes.buffer;
  };

  const statesMessage = (request) => {
    const content = { comm_id: request.content.comm_id, data: PLACE };
    const text = JSON.stringify(message(request, "iopub", "comm_msg", content));
    const buffers = JSON.parse(textOf("of-widget-buffers") || "[]").map(bytesOf);
    // The states are text already: what the kernel wrote is passed on without parsing.
    const whole = text.replace(`"${PLACE}"`, statesText);
    return buffers.length ? framed(whole, buffers) : whole;
  };

  /** The state of one widget. A page that was too busy to receive all of them within four seconds asks for each. */
  const stateMessage = (request) => {
    const id = request.content.comm_id;
    const all = JSON.parse(textOf("of-widget-buffers") || "[]");
    const own = sent().buffer_paths.map((path, at) => ({ path, at })).filter(({ path }) => path[0] === id);
    const data = { method: "update", state: states()[id].state, buffer_paths: own.map(({ path }) => path.slice(2)) };
    const text = JSON.stringify(message(request, "iopub", "comm_msg", { comm_id: id, data }));
    return own.length ? framed(text, own.map(({ at }) => bytesOf(all[at]))) : text;
  };

  const REPLIES = {
    kernel_info_request: () => ({
      status: "ok", protocol_version: VERSION, implementation: "orderfox", implementation_version: "1", banner: "",
      help_links: [], language_info: { name: "python", version: "3", mimetype: "text/x-python", file_extension: ".py" },
    }),
    comm_info_request: () => ({
      status: "ok",
      comms: Object.fromEntries(Object.keys(states()).map((id) => [id, { target_name: "jupyter.widget" }])),
    }),
  };
  const refusal = () => ({
    status: "error", ename: "NoKernel", evalue: "This page has no kernel", traceback: [], execution_count: 0,
  });

  /** Say once that a press of a button ran nothing. */
  const refusePress = () => {
    if (document.getElementById("of-trouble")) return;
    const notice = document.createElement("div");
    notice.id = "of-trouble";
    notice.setAttribute("role", "alert");
    notice.textContent = "Buttons of this notebook run Python, and this page has no kernel for it. "
      + "Serve it with --kernel-per-viewer to give each page one.";
    document.body.prepend(notice);
  };

  /** A socket to the kernel that is not there. */
  class KernelSocket extends EventTarget {
    constructor(url) {
      super();
      Object.assign(this, { url, protocol: "", extensions: "", binaryType: "arraybuffer", bufferedAmount: 0 });
      Object.assign(this, { onopen: null, onmessage: null, onclose: null, onerror: null });
      this.control = null;
      this.readyState = WebSocket.CONNECTING;
      queueMicrotask(() => {
        if (this.readyState !== WebSocket.CONNECTING) return;
        this.readyState = WebSocket.OPEN;
        this.onopen?.(new Event("open"));
      });
    }

    send(data) {
      if (typeof data !== "string") return; // a change with binary parts: no kernel would receive it
      const request = JSON.parse(data);
      queueMicrotask(() => this.answer(request));
    }

    answer(request) {
      const { msg_type: type } = request.header;
      const { content } = request;
      if (type.endsWith("_request")) {
        const reply = (REPLIES[type] ?? refusal)();
        this.give(message(request, request.channel, type.replace("_request", "_reply"), reply));
      } else if (type === "comm_open" && content.target_name === CONTROL) {
        this.control = content.comm_id;
      } else if (type === "comm_msg" && content.comm_id === this.control) {
        if (content.data.method === "request_states") this.deliver(statesMessage(request));
      } else if (type === "comm_msg" && content.data?.method === "request_state") {
        if (content.comm_id in states()) this.deliver(stateMessage(request));
      } else if (type === "comm_msg" && content.data?.method === "custom" && content.data.content?.event === "click") {
        refusePress(); // what ipywidgets' buttons send
      }
      // A model waits for this before it sends its next change.
      this.give(message(request, "iopub", "status", { execution_state: "idle" }));
    }

    give(answer) {
      this.deliver(JSON.stringify(answer));
    }

    deliver(data) {
      if (this.readyState === WebSocket.OPEN) this.onmessage?.(new MessageEvent("message", { data }));
    }

    close() {
      this.readyState = WebSocket.CLOSED;
    }
  }

  const asksKernel = (url) => new URL(url, location.href).pathname.includes(`/api/kernels/${ID}`);
  globalThis.WebSocket = new Proxy(WebSocket, {
    construct: (real, args) => (asksKernel(args[0]) ? new KernelSocket(args[0]) : Reflect.construct(real, args)),
  });
  const askServer = globalThis.fetch;
  globalThis.fetch = (request, options) => {
    if (!asksKernel(request.url ?? request)) return askServer.call(globalThis, request, options);
    const model = { id: ID, name: "python3", last_activity: "", execution_state: "idle", connections: 1 };
    return Promise.resolve(Response.json(model));
  };
  // Voila asks for its kernel's end when a page leaves.
  const beacon = navigator.sendBeacon.bind(navigator);
  navigator.sendBeacon = (url, data) => String(url).endsWith(`/voila/api/shutdown/${ID}`) || beacon(url, data);
})();
