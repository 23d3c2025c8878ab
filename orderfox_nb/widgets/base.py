"""What every live widget is: an anywidget that follows one market and takes its frames in the browser."""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import anywidget
import traitlets
from ipywidgets import Layout, Widget, widget_serialization

from orderfox_nb.widgets.arguments import canonical_symbol, chosen_by_page
from orderfox_nb.widgets.cells import answered_request, note_display
from orderfox_nb.widgets.pictures import Picture, Pictures
from orderfox_nb.widgets.pump import page_pump

if TYPE_CHECKING:
    from orderfox_nb.widgets.still import Still

_log = logging.getLogger(__name__)

_VIEW: Final = "application/vnd.jupyter.widget-view+json"
_PYTHON_MESSAGE: Final = re.compile(r"[0-9a-f-]+_\d+_\d+")

FALLBACK = (
    '<p class="of-fallback"><em>A live OrderFox widget: run the cell to see it. It needs a running kernel and, for '
    "frames straight from the server, JupyterLab, Jupyter Server or <code>orderfox serve</code>.</em></p>"
)
"""What a page without a kernel shows instead of an empty box."""


class Displayed(Widget):
    """What a cell can show: its display knows its cell, and carries HTML for pages that cannot show it live."""

    last_still: Still | None = None
    """What ``to_static`` drew last."""

    if TYPE_CHECKING:

        def to_static(self, *, theme: str = "dark", palette: str = "standard") -> Still: ...

    def _repr_mimebundle_(self, **kwargs: Any) -> Any:
        note_display(self)
        return with_fallback(super()._repr_mimebundle_(**kwargs), self.last_still, draw=self.to_static)


class PageWidget(anywidget.AnyWidget):
    """Holds the page's link. Its pump tells the page from which session of which kernel it is."""

    pump = traitlets.Instance(Widget, allow_none=True).tag(sync=True, **widget_serialization)

    @traitlets.default("pump")
    def _default_pump(self) -> Widget:
        return page_pump()

    def set_state(self, sync_data: dict[str, Any]) -> None:
        """Apply what the page chose."""
        with chosen_by_page():
            super().set_state(sync_data)

    @cached_property
    def _pictures(self) -> Pictures:
        return Pictures(self)

    def save_png(self, path: str | Path | None = None, *, timeout: float = 10.0) -> Picture:
        """Ask a page that shows the widget for its picture, as it is on the screen.

        The file is there as soon as the page has answered, which may be after the cell: a running cell keeps the
        page's messages waiting unless it awaits.

        Args:
            path: Where the PNG goes, if anywhere.
            timeout: Seconds until a page must have answered.

        Returns:
            The picture on its way: ``png = await widget.save_png("book.png")`` gives its bytes, and raises
            TimeoutError where no page answers.

        Raises:
            FileNotFoundError: The path's folder does not exist.
        """
        target = None if path is None else Path(path)
        if target is not None and not target.parent.is_dir():
            raise FileNotFoundError(f"No folder {target.parent}")
        return self._pictures.ask(target, timeout)


class LiveWidget(Displayed, PageWidget):
    """Follows one symbol. The kernel declares it, the browser takes its frames from the page's one socket."""

    symbol = traitlets.Unicode("BTCUSDT").tag(sync=True)

    height = ""
    """Height that a panel takes where nothing else says so."""

    def __init__(self, **kwargs: Any) -> None:
        if self.height:
            kwargs.setdefault("layout", Layout(height=self.height))
        super().__init__(**kwargs)

    @traitlets.validate("symbol")
    def _canonical_symbol(self, proposal: Any) -> str:
        return canonical_symbol(proposal["value"])

    def to_static(self, *, theme: str = "dark", palette: str = "standard") -> Still:
        """Fetch one frame and draw it as a self-contained SVG, which shows itself in a notebook.

        Later displays of the widget carry it too, for pages without a kernel.

        Args:
            theme: ``dark`` or ``light``.
            palette: ``standard`` or ``safe`` for the colour-blind.

        Raises:
            OrderFoxError: The frame cannot be had.
            TimeoutError: It did not come.
        """
        from orderfox_nb.widgets.still import still_of  # noqa: PLC0415 - feeds are paid for when they are needed

        options = {name: getattr(self, name) for name in self.trait_names() if name in STILL_TRAITS}
        self.last_still = still_of(type(self).__name__, options, theme=theme, palette=palette)
        return self.last_still


STILL_TRAITS = frozenset(
    {
        "symbol",
        "timeframe",
        "bars",
        "rounding",
        "rows",
        "span",
        "minimum_notional",
        "whole_market",
        "percent",
        "overlays",
    }
    | {"show_volume", "show_liquidations", "show_liquidation_average", "show_lapses", "log_scale"}
)
"""What of a widget's traits its still depends on."""


def with_fallback(bundle: Any, still: Still | None = None, *, draw: Callable[[], Still] | None = None) -> Any:
    """Put the HTML fallback into a display's mime bundle: a sentence, under the last still if there is one.

    Args:
        bundle: Of the widget.
        still: What was drawn last.
        draw: Draws one. It is used where a program runs the notebook: nothing of its output will ever be live, so the
            page gets what is true now instead of a view that waits for a kernel.
    """
    if draw is not None and runs_in_batch():
        try:
            still = draw()
        except Exception:  # noqa: BLE001 - a notebook must not fail for the picture of its output
            _log.warning("No still could be drawn", exc_info=True)
        bundle = _without_view(bundle)
    html = FALLBACK if still is None else still.html + FALLBACK
    if isinstance(bundle, tuple):
        return ({**bundle[0], "text/html": html}, *bundle[1:])
    return {**bundle, "text/html": html} if bundle else bundle


def runs_in_batch() -> bool:
    """Return whether nbconvert, papermill or the like runs the cell, and no page that could show a widget.

    They are clients in Python, whose messages are named by session, process and number; Voila is one too, but tells
    its kernels so.
    """
    message = str(answered_request().get("msg_id", ""))
    return bool(_PYTHON_MESSAGE.fullmatch(message)) and not any(name.startswith("VOILA_") for name in os.environ)


def _without_view(bundle: Any) -> Any:
    if isinstance(bundle, tuple):
        return (_without_view(bundle[0]), *bundle[1:])
    return {kind: data for kind, data in bundle.items() if kind != _VIEW} if bundle else bundle
