// A question inside the panel before something that cannot be undone.
import { make, write } from "../page/dom.js";

/** A bar that asks; `ask(text, yes)` resolves to whether the reader agrees. An older question is answered with no. */
export function makeQuestion() {
  const root = make("div", "of-bot-question");
  root.hidden = true;
  root.setAttribute("role", "alertdialog");
  const id = `of-question-${Math.random().toString(36).slice(2)}`;
  root.setAttribute("aria-labelledby", id);
  const text = make("span");
  text.id = id;
  const agree = make("button", "of-button of-small of-danger");
  const leave = make("button", "of-button of-small", "Cancel");
  agree.type = leave.type = "button";
  root.append(text, agree, leave);
  let answer = null;
  let before = null; // what had the focus
  const close = (agreed) => {
    root.hidden = true;
    answer?.(agreed);
    answer = null;
    before?.focus();
  };
  agree.addEventListener("click", () => close(true));
  leave.addEventListener("click", () => close(false));
  root.addEventListener("keydown", (event) => {
    event.stopPropagation();
    if (event.key === "Escape") close(false);
  });
  return {
    root,
    ask(question, yes) {
      answer?.(false);
      write(text, question);
      write(agree, yes);
      before = document.activeElement;
      root.hidden = false;
      leave.focus();
      return new Promise((done) => (answer = done));
    },
  };
}
