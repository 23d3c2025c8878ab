"""Decides whether a notebook shows only panels and charts: its page then does not need Voila's application."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Any, Final

PANELS: Final = ("@jupyter-widgets/jupyterlab-manager", "anywidget", "bqplot", "bqscales")
"""The lab extensions with the widgets of such a page."""
_VIEW: Final = "application/vnd.jupyter.widget-view+json"
_SHOWN: Final = ("display_data", "execute_result")
_MODULES: Final = frozenset({"@jupyter-widgets/base", "anywidget", "bqplot", "bqscales"})
_BOXES: Final = frozenset(("@jupyter-widgets/controls", f"{kind}Model") for kind in ("Box", "HBox", "VBox", "GridBox"))
"""The controls for which ``templates/page_host.css`` has rules."""


def has_only_panels(cells: Iterable[Any], models: Collection[tuple[str, str]]) -> bool:
    """Return whether ``templates/page_host.js`` can show a notebook, and Voila's application is not needed.

    Args:
        cells: The notebook's, with their outputs.
        models: Module and name of each kind of widget model that it has.
    """
    if not models or not all(module in _MODULES or (module, name) in _BOXES for module, name in models):
        return False
    return all(_is_shown(cell) for cell in cells)


def _is_shown(cell: Any) -> bool:
    if cell.cell_type == "markdown":
        return not {"$", "\\"} & set(cell.source)  # formulas are typeset by the application
    outputs = cell.get("outputs", ())
    return all(_VIEW in output.data for output in outputs if output.output_type in _SHOWN)
