// Who may change bots: the page says so where it may only look, and takes the server's token where there is a server.
import { make, write } from "../page/dom.js";

const READ_ONLY = "Read-only: you can view the bots of this server, but not change them.";

/** A line that is shown while bots cannot be changed; `unlock(token)` tries a token and gives whether it is right. */
export function makeAccess({ unlock }) {
  const root = make("form", "of-bot-access");
  root.hidden = true;
  const text = make("span", "", READ_ONLY);
  const field = make("input", "of-form-input");
  field.type = "password";
  field.autocomplete = "off";
  field.placeholder = "Server's token";
  field.setAttribute("aria-label", "The server's token, ORDERFOX_TOKEN");
  field.addEventListener("keydown", (event) => event.stopPropagation());
  const button = make("button", "of-button of-small", "Unlock");
  button.type = "submit";
  const problem = make("span", "of-warning");
  problem.setAttribute("role", "alert");
  root.append(text, field, button, problem);
  root.addEventListener("submit", async (event) => {
    event.preventDefault();
    if (!field.value.trim()) {
      field.focus();
      return;
    }
    button.disabled = true;
    const isRight = await unlock(field.value.trim());
    button.disabled = false;
    field.value = "";
    write(problem, isRight ? "" : "This is not the server's token.");
  });
  return {
    root,
    /** `reason` is why bots cannot be changed here at all, where there is no server to unlock. */
    show(mayWrite, reason = "") {
      root.hidden = mayWrite;
      write(text, reason || READ_ONLY);
      field.hidden = button.hidden = reason !== "";
    },
  };
}
