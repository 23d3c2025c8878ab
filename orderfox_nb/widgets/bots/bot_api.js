// The routes of bots, asked with the page's own login, or with the server's token where a reader has entered it.
import { fetchFromServer } from "../page/transport.js";

const TOKEN = "orderfox.token.v1";
const WRITTEN_MS = 20_000; // a change is answered after its commit
const REPORT_MS = 120_000; // a run is gone through again

/** An answer that is an error: `status` is 0 if none came. */
export class Refusal extends Error {
  constructor(status, text) {
    super(text);
    this.status = status;
  }
}

function storedToken() {
  try {
    return sessionStorage.getItem(TOKEN) ?? "";
  } catch {
    return ""; // private windows may refuse
  }
}

export class BotApi {
  constructor(base) {
    this.base = base;
    this.token = storedToken();
  }

  /** Use the server's token from now on, in this tab alone. */
  useToken(token) {
    this.token = token;
    try {
      if (token) sessionStorage.setItem(TOKEN, token);
      else sessionStorage.removeItem(TOKEN);
    } catch {
      // it lasts as long as the page
    }
  }

  /** Ask a path below /api/v1/; returns its data and the answer's headers, or fails with a Refusal. */
  async ask(path, options = {}) {
    let answer;
    let data = null;
    try {
      answer = await fetchFromServer(this.base, `api/v1/${path}`, { ...options, token: this.token });
      if (answer.status !== 204) data = JSON.parse(await answer.text());
    } catch (error) {
      if (!answer) throw new Refusal(0, "The server does not answer");
      if (answer.ok) throw error;
    }
    if (answer.ok) return { data, headers: answer.headers };
    throw new Refusal(answer.status, data?.detail ?? data?.message ?? `The server answered ${answer.status}`);
  }

  async read(path, waitMs) {
    return (await this.ask(path, { waitMs })).data;
  }

  /** Whether this page may change bots. */
  async mayWrite() {
    const { headers } = await this.ask("bots?page_size=1");
    return /\bPOST\b/.test(headers.get("Allow") ?? "");
  }

  /** The installed strategies with their parameters. */
  async strategies() {
    return (await this.read("strategies")).strategies;
  }

  async write(path, method, body) {
    return (await this.ask(path, { method, body, waitMs: WRITTEN_MS })).data;
  }

  create(bot) {
    return this.write("bots", "POST", bot);
  }

  change(id, changes) {
    return this.write(`bots/${id}`, "PATCH", changes);
  }

  setActive(id, active) {
    return this.write(`bots/${id}/status?is_active=${active}`, "PATCH");
  }

  remove(id) {
    return this.write(`bots/${id}`, "DELETE");
  }

  /** Stop every bot at once: their orders are cancelled, their positions stay. */
  stopAll() {
    return this.write("bots/kill", "POST");
  }

  report(id) {
    return this.read(`bots/${id}/report`, REPORT_MS);
  }

  parity(id) {
    return this.read(`bots/${id}/parity`, REPORT_MS);
  }

  /** The address of a bot's report as a page of its own. */
  reportAddress(id) {
    return `${this.base}api/v1/bots/${id}/report?format=html`;
  }
}
