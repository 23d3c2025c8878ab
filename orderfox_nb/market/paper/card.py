# IPython has no stubs for what it displays.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportMissingTypeStubs=false
"""The output of a run in a cell: a card that is updated at most once a second."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from html import escape
from time import monotonic
from typing import TYPE_CHECKING, Any, Final

from orderfox_nb.core.formatting import with_minus
from orderfox_nb.market.backtest.result import BacktestResult
from orderfox_nb.market.paper.kept import PaperPosition

if TYPE_CHECKING:
    import pandas as pd

PERIOD_S: Final = 1.0
MAX_SHOWN: Final = 4
"""Outputs that follow a run; older ones stay as they are."""
_LINES: Final = 5


class LiveCard:
    """Displays a run, and updates the display.

    Args:
        described: Returns the run as text and as HTML.
    """

    def __init__(self, described: Callable[[], tuple[str, str]]) -> None:
        self._described = described
        self._shown: deque[Any] = deque(maxlen=MAX_SHOWN)
        self._updated_s = 0.0
        self._lock = threading.Lock()

    def show(self) -> None:
        """Display it in the current cell."""
        from IPython.display import display  # noqa: PLC0415 - only a notebook has it

        handle = display(self._bundle(), raw=True, display_id=True)
        with self._lock:
            if handle is not None:
                self._shown.append(handle)

    def changed(self, *, now: bool = False) -> None:
        """Update the display if an update is due, or at once if requested."""
        with self._lock:
            shown = list(self._shown)
        if not shown or (not now and monotonic() < self._updated_s + PERIOD_S):
            return
        self._updated_s = monotonic()
        bundle = self._bundle()
        for handle in shown:
            handle.update(bundle, raw=True)

    def _bundle(self) -> dict[str, str]:
        text, html = self._described()
        return {"text/plain": text, "text/html": html}


def card_html(result: BacktestResult, *, state: str, position: PaperPosition, lines: pd.DataFrame, error: str) -> str:
    """Return a run as HTML.

    Args:
        result: The result so far.
        state: Its state in words.
        position: Its position.
        lines: Its log.
        error: Error of the strategy, with the traceback; empty if there was none.
    """
    title = f"{result.strategy} on {result.instrument.symbol} of {result.origin.venue}"
    parameters = ", ".join(f"{name}={value}" for name, value in result.parameters.items())
    held = with_minus(f"{position.size:g}")
    at = "" if position.entry is None else f" at {position.entry:,.10g}"
    head = "".join(f"<th>{escape(run.model.replace('_', ' '))}</th>" for run in result.runs)
    rows = "".join(
        f"<tr><th>{escape(name)}</th>{''.join(f'<td>{escape(with_minus(value))}</td>' for value in values)}</tr>"
        for name, values in result.summary()
    )
    parts = [
        f"<b>{escape(title)}</b> <code>{escape(parameters)}</code>",
        f"<div>{escape(state)} · position {held}{escape(at)} · {result.events:,} events</div>",
        f"<table><thead><tr><th></th>{head}</tr></thead><tbody>{rows}</tbody></table>",
    ]
    if len(fills := result.fills):
        parts.append(fills.tail(_LINES).to_html(border=0))
    if len(lines):
        parts.append(lines.tail(_LINES).to_html(border=0))
    if error:
        parts.append(f"<pre>{escape(error)}</pre>")
    return f"<div>{''.join(parts)}</div>"
