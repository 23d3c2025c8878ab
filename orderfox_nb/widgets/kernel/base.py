# ipywidgets has no stubs.
# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false, reportUnknownVariableType=false
"""Base of the live widgets: an anywidget that follows one market and receives its frames in the browser."""

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

from orderfox_nb.widgets.kernel.arguments import VenueName, chosen_by_page
from orderfox_nb.widgets.kernel.bound import bind, bound_symbol
from orderfox_nb.widgets.kernel.cells import answered_request, note_display
from orderfox_nb.widgets.kernel.pictures import Picture, Pictures
from orderfox_nb.widgets.kernel.pump import page_pump

if TYPE_CHECKING:
    from orderfox_nb.market.connection import Market, Symbol
    from orderfox_nb.market.svg.pieces import Drawing
    from orderfox_nb.widgets.still.still import Sketch, Still

_log = logging.getLogger(__name__)

_VIEW: Final = "application/vnd.jupyter.widget-view+json"
_PYTHON_MESSAGE: Final = re.compile(r"[0-9a-f-]+_[0-9]+_[0-9]+")

FALLBACK = (
    '<p class="of-fallback"><em>A live OrderFox widget: run the cell to see it. It needs a running kernel and, for '
    "frames straight from the server, JupyterLab, Jupyter Server or <code>orderfox serve</code>.</em></p>"
)
"""What a page without a kernel shows instead of an empty box."""


class Displayed(Widget):
    """A widget that a cell can show. Its display belongs to the cell, and has HTML for pages that cannot run it."""

    last_still: Still | None = None
    """The last still of ``to_static``."""
    market: Market | None = None
    """The kernel's market that it shows; None: that of the page's server."""

    def to_static(self, *, theme: str = "dark", palette: str = "standard") -> Still:
        """Fetch a frame of each panel and draw them as a self-contained SVG, which shows itself in a notebook.

        Later displays of the widget include it, for pages without a kernel.

        Args:
            theme: ``dark`` or ``light``.
            palette: ``standard`` or ``safe`` for the colour-blind.

        Raises:
            OrderFoxError: A frame cannot be fetched.
            TimeoutError: No frame came in time.
        """
        from orderfox_nb.widgets.still.still import Sketch  # noqa: PLC0415 - a dashboard's kernel never asks

        engine = None if self.market is None else self.market.engine
        self.last_still = self.still(Sketch(theme=theme, palette=palette, engine=engine))
        return self.last_still

    def still(self, sketch: Sketch) -> Still:
        """Return the still that a sketch makes of the widget."""
        raise NotImplementedError

    def _repr_mimebundle_(self, **kwargs: Any) -> Any:
        note_display(self)
        return with_fallback(super()._repr_mimebundle_(**kwargs), self.last_still, draw=self.to_static)


class PageWidget(anywidget.AnyWidget):
    """Holds the page's link. Its pump identifies the kernel session to the page."""

    pump = traitlets.Instance(Widget, allow_none=True).tag(sync=True, **widget_serialization)

    @traitlets.default("pump")
    def _default_pump(self) -> Widget:
        return page_pump()

    def set_state(self, sync_data: dict[str, Any]) -> None:
        """Apply changes of the page."""
        with chosen_by_page():
            super().set_state(sync_data)

    @cached_property
    def _pictures(self) -> Pictures:
        return Pictures(self)

    def save_png(self, path: str | Path | None = None, *, timeout: float = 10.0) -> Picture:
        """Request a picture of the widget, as it is on the screen, from a page that shows it.

        The file is written as soon as the page has answered, which may be after the cell: a running cell blocks the
        page's messages unless it awaits.

        Args:
            path: File of the PNG, if it is to be written.
            timeout: Seconds within which a page must answer.

        Returns:
            An awaitable: ``png = await widget.save_png("book.png")`` returns the bytes, and raises TimeoutError if no
            page answers.

        Raises:
            FileNotFoundError: The path's folder does not exist.
        """
        target = None if path is None else Path(path)
        if target is not None and not target.parent.is_dir():
            raise FileNotFoundError(f"There is no folder {target.parent}")
        return self._pictures.ask(target, timeout)


class LiveWidget(Displayed, PageWidget):
    """Follows one symbol. The kernel declares it, the browser receives its frames over the page's one socket."""

    symbol = traitlets.Unicode("BTCUSDT").tag(sync=True)
    venue = VenueName().tag(sync=True)
    """Venue of the market; empty for the first one of the source."""

    own_market = traitlets.Bool(False).tag(sync=True)
    """Whether its frames come from a market of the kernel instead of the page's server."""

    height = ""
    """Default height of a panel."""

    def __init__(self, *, market: Market | Symbol | None = None, **kwargs: Any) -> None:
        if self.height:
            kwargs.setdefault("layout", Layout(height=self.height))
        bound = bind(market, {name: kwargs[name] for name in ("symbol", "venue") if name in kwargs})
        self.market = bound.market
        super().__init__(**{**kwargs, **bound.names, **bound.traits})

    @traitlets.validate("symbol")
    def _canonical_symbol(self, proposal: Any) -> str:
        return bound_symbol(self.market, proposal["value"], self.venue)

    @property
    def subject(self) -> str:
        """Name of what it shows, for the caption of a still."""
        return f"{self.venue}:{self.symbol}" if self.venue else self.symbol

    @property
    def origin_venue(self) -> str:
        """The venue whose origin a still states."""
        return self.venue

    def draw(self, sketch: Sketch, size: tuple[float, float] | None = None) -> Drawing:
        """Draw the widget; ``size`` is width and height in pixels, by default its own."""
        raise NotImplementedError

    def still(self, sketch: Sketch) -> Still:
        from orderfox_nb.widgets.still.still import still_of  # noqa: PLC0415 - as above

        return still_of(self, sketch)


def with_fallback(bundle: Any, still: Still | None = None, *, draw: Callable[[], Still] | None = None) -> Any:
    """Put the HTML fallback into a display's mime bundle: a sentence, under the last still if there is one.

    Args:
        bundle: Mime bundle of the widget.
        still: The last still.
        draw: Draws a still. It is used if a program such as nbconvert runs the notebook: its output will never be live,
            so the page gets the current state instead of a view that waits for a kernel.
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

    They are clients in Python, whose message ids consist of session, process and number. Voila is one too, but
    identifies itself to its kernels.
    """
    message = str(answered_request().get("msg_id", ""))
    return bool(_PYTHON_MESSAGE.fullmatch(message)) and not any(name.startswith("VOILA_") for name in os.environ)


def _without_view(bundle: Any) -> Any:
    if isinstance(bundle, tuple):
        return (_without_view(bundle[0]), *bundle[1:])
    return {kind: data for kind, data in bundle.items() if kind != _VIEW} if bundle else bundle
