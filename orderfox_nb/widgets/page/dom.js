// Small pieces of the page. Text from the venue or the user only ever goes through textContent.

/** Make an element: `make("div", "of-row", "text")`. */
export function make(tag, className = "", text = "") {
  const element = document.createElement(tag);
  if (className) element.className = className;
  if (text) element.textContent = text;
  return element;
}

/** Write text only where it changed: an unchanged node costs the browser nothing. */
export function write(element, text) {
  if (element.ofText === text) return false;
  element.ofText = text;
  element.textContent = text;
  return true;
}

export function setClass(element, className) {
  if (element.className !== className) element.className = className;
}

/** A labelled choice whose options can be renewed without losing what is chosen. */
export function makeSelect(label, onChoose) {
  const select = make("select", "of-select");
  select.setAttribute("aria-label", label);
  select.addEventListener("change", () => onChoose(select.value));
  select.show = (options, chosen) => {
    const wanted = JSON.stringify([options, chosen]);
    if (select.ofShown === wanted) return;
    select.ofShown = wanted;
    select.replaceChildren(
      ...options.map(([value, text]) => {
        const option = make("option", "", text);
        option.value = value;
        return option;
      }),
    );
    select.value = chosen;
  };
  return select;
}

/** A bar of two parts, bids or shorts to the left; empty until there is something to share. */
export function makeBalance() {
  const balance = make("div", "of-balance of-nothing");
  balance.append(make("i"));
  return balance;
}

/** Draw the left part's share and return it; null, and an empty bar, where there is nothing to share. */
export function showBalance(balance, left, right) {
  const share = left + right > 0 ? left / (left + right) : null;
  balance.classList.toggle("of-nothing", share === null);
  balance.firstChild.style.transform = `scaleX(${(share ?? 0).toFixed(3)})`;
  return share;
}
