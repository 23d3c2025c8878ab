"""What every live widget is: an anywidget that follows one market and takes its frames in the browser."""

from __future__ import annotations

from typing import Any

import anywidget
import traitlets
from ipywidgets import Layout, Widget, widget_serialization

from orderfox_nb.widgets.pump import page_pump

FALLBACK = (
    "<p><em>A live OrderFox widget: run the cell to see it. It needs a running kernel and, for frames straight from "
    "the server, JupyterLab, Jupyter Server or <code>orderfox serve</code>.</em></p>"
)
"""What a page without a kernel shows instead of an empty box."""


class LiveWidget(anywidget.AnyWidget):
    """Follows one symbol. The kernel declares it, the browser takes its frames from the page's one socket."""

    symbol = traitlets.Unicode("BTCUSDT").tag(sync=True)
    pump = traitlets.Instance(Widget, allow_none=True).tag(sync=True, **widget_serialization)

    height = ""
    """Height that a panel takes where nothing else says so."""

    def __init__(self, **kwargs: Any) -> None:
        if self.height:
            kwargs.setdefault("layout", Layout(height=self.height))
        super().__init__(**kwargs)

    @traitlets.default("pump")
    def _default_pump(self) -> Widget:
        return page_pump()

    @traitlets.validate("symbol")
    def _canonical_symbol(self, proposal: Any) -> str:
        return canonical_symbol(proposal["value"])

    def _repr_mimebundle_(self, **kwargs: Any) -> Any:
        return with_fallback(super()._repr_mimebundle_(**kwargs))


def with_fallback(bundle: Any) -> Any:
    """Put the HTML fallback into a display's mime bundle."""
    if isinstance(bundle, tuple):
        return ({**bundle[0], "text/html": FALLBACK}, *bundle[1:])
    return {**bundle, "text/html": FALLBACK} if bundle else bundle


def canonical_symbol(text: str) -> str:
    """Return the venue's form of a symbol as people write it: ``btc/usdt`` is ``BTCUSDT``."""
    return text.split(":", 1)[0].replace("/", "").strip().upper()
