// Messages for values in a link, a cell or the browser's storage that cannot be shown.

/**
 * Sentences about values of the wrong form. `shown(name)` is what the page shows instead; a choice has a `label` and
 * `value`, the part of a view that it stands for.
 */
export function refusals(refused, shown) {
  return refused.map(({ name, text, reason, options }) => {
    const instead = shown(name);
    const known = instead !== "undefined" && instead !== "";
    return {
      text: `The link says ${name}=${text}: ${reason}.${known ? ` Shown: ${instead}.` : ""}`,
      choices: name === "timeframe" ? options.map((one) => ({ label: one, value: { timeframe: one } })) : [],
    };
  });
}

/** Sentences about symbols that are not listed: `rows` the server's answers, `shown` the symbols on the screen. */
export function unknownSymbols(rows, shown, source) {
  return rows.map(({ asked: text, message, suggestions, id: venue = "" }) => {
    const reason = source === "memory" ? `${text}, shown last time, is not listed.` : message;
    const instead = shown.length && !shown.includes(text) ? ` Shown: ${shown.join(", ")}.` : "";
    return { text: `${reason}${instead}`, suggestions: suggestions.map((symbol) => ({ venue, symbol })) };
  });
}

/** Row heights of a view below the tick of their symbol: all become the tick, and those from a link are reported. */
export function tickProblems(link, view, rows) {
  const problems = [];
  const roundings = view.rounding.map((text, at) => {
    const venue = view.venue?.[at] ?? "";
    const tick = rows.find((row) => row.symbol === view.symbol[at] && (row.id ?? "") === venue)?.tick_size;
    if (text === "auto" || tick === undefined || Number(text) >= Number(tick)) return text;
    if (link.rounding?.includes(text)) {
      const steps = `prices of ${view.symbol[at]} go in steps of ${tick}`;
      problems.push(`The link says rounding=${text}: ${steps}. Shown: ${tick}.`);
      return tick;
    }
    return "auto";
  });
  return { problems, roundings };
}
