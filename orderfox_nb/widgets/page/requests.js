// Requests of the page that wait for their answers.

const ANSWER_WAIT_MS = 15_000;

export class Requests {
  constructor() {
    this.waiting = new Map();
    this.lastId = 0;
  }

  /** Send a request by `post(message)`; returns the answer's data, or fails with the server's reason. */
  ask(what, parameters, post) {
    const id = ++this.lastId;
    return new Promise((done, fail) => {
      this.waiting.set(id, { done, fail });
      post({ type: "request", id, what, ...parameters });
      setTimeout(() => this.waiting.delete(id) && fail(new Error("No answer within 15 s")), ANSWER_WAIT_MS);
    });
  }

  answer(id, data) {
    this.take(id)?.done(data);
  }

  /** Returns whether a request of this id was waiting. */
  refuse(id, message) {
    const one = this.take(id);
    one?.fail(new Error(message));
    return one !== undefined;
  }

  take(id) {
    const one = this.waiting.get(id);
    this.waiting.delete(id);
    return one;
  }

  failAll(message) {
    for (const id of [...this.waiting.keys()]) this.refuse(id, message);
  }
}
