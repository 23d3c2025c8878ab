// A labelled field of a form with its problem below it, shown once the reader has changed the field or sent the form.
import { make, write } from "../page/dom.js";

let fields = 0; // ids of a page are shared by all of its widgets

/**
 * A field around a control; `read()` of the control gives its text, `check(text)` gives `{value}` or `{problem}`.
 * `unit` and `hint` stand beside the label.
 */
export function makeField({ name, label, control, read, check, unit = "", hint = "", help = "" }) {
  const id = `of-field-${Math.random().toString(36).slice(2)}-${fields++}`;
  const root = make("div", "of-form-field");
  root.dataset.name = name;
  const title = make("label", "of-form-label", label);
  title.htmlFor = id;
  const units = make("span", "of-form-unit", unit);
  title.append(units);
  const bounds = make("span", "of-form-hint", hint);
  const head = make("div", "of-form-head");
  head.append(title, bounds);
  const note = make("p", "of-form-help", help);
  note.id = `${id}-help`;
  const problem = make("p", "of-form-problem");
  problem.id = `${id}-problem`;
  problem.setAttribute("role", "alert");
  control.id = id;
  control.setAttribute("aria-describedby", `${note.id} ${problem.id}`);
  root.append(head, control, problem);
  if (help) root.append(note);
  let isTouched = false;
  let refused = ""; // what the server says of it, until it is changed

  const result = () => check(read());
  const show = () => {
    const text = refused || (isTouched ? (result().problem ?? "") : "");
    write(problem, text);
    problem.hidden = text === "";
    control.setAttribute("aria-invalid", String(text !== ""));
  };
  const changed = () => {
    refused = "";
    show();
  };
  control.addEventListener("input", changed);
  control.addEventListener("change", () => {
    isTouched = true;
    changed();
  });
  // The shortcuts of JupyterLab and of the dashboard are not meant.
  control.addEventListener("keydown", (event) => event.key !== "Escape" && event.stopPropagation());
  show();
  return {
    name, root, control, result, changed,
    showUnit: (text) => write(units, text),
    /** Show its problem now, if it has one; gives whether it has. */
    touch() {
      isTouched = true;
      show();
      return result().problem !== undefined;
    },
    refuse(text) {
      refused = text;
      show();
    },
  };
}

/** A field of one line of text. */
export function makeTextField(options) {
  const control = make("input", "of-form-input");
  control.type = "text";
  control.autocomplete = "off";
  control.spellcheck = false;
  control.value = options.value ?? "";
  if (options.inputMode) control.inputMode = options.inputMode;
  if (options.placeholder) control.placeholder = options.placeholder;
  if (options.maxLength) control.maxLength = options.maxLength;
  return makeField({ ...options, control, read: () => control.value });
}

/** A field of a few choices: `choices` are [value, text]. */
export function makeChoiceField(options) {
  const control = make("select", "of-form-input");
  for (const [value, text] of options.choices) {
    const option = make("option", "", text);
    option.value = value;
    control.append(option);
  }
  control.value = options.value ?? options.choices[0]?.[0] ?? "";
  return makeField({ ...options, control, read: () => control.value });
}
