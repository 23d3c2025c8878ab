# ipywidgets has no stubs.
# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false, reportUnknownVariableType=false
"""The view of a dashboard, as one model that links its panels in the browser."""

from __future__ import annotations

from typing import Any

import traitlets
from ipywidgets import Widget, widget_serialization

from orderfox_nb.widgets.esm import module_text, style_text
from orderfox_nb.widgets.kernel.base import PageWidget
from orderfox_nb.widgets.page.settings import EACH, SETTINGS, SHARED, Lists, View


class PageState(View, Lists, PageWidget):
    """Links the panels in the browser, and keeps what they show in the URL and in local storage."""

    _esm = module_text("page/page_state.js")
    _css = style_text("page/dashboard.css", "page/page_notices.css")

    name = traitlets.Unicode("dashboard").tag(sync=True)
    """Under which local storage keeps it; two dashboards of one page need two names."""
    panels = traitlets.List(traitlets.Instance(Widget)).tag(sync=True, **widget_serialization)
    columns = traitlets.List(traitlets.Int()).tag(sync=True)
    """The column of each panel."""
    spares = traitlets.List(traitlets.Instance(Widget)).tag(sync=True, **widget_serialization)
    """Panels that only a single column has, kept for a page without a kernel that starts with several columns."""
    given = traitlets.List(traitlets.Unicode()).tag(sync=True)
    """Names of the arguments of the cell: they override browser preferences, and the URL overrides them."""
    settings = traitlets.List(traitlets.Dict(), [one.row() for one in SETTINGS]).tag(sync=True)
    """The table of what can be chosen, which the page reads and never changes."""

    updating = False
    """Whether the current change comes from the page."""

    @traitlets.default("keys")
    def _synchronised(self) -> list[str]:
        return [*self.traits(sync=True), *(one.trait for one in SHARED)]

    def set_state(self, sync_data: dict[str, Any]) -> None:
        self.updating = True
        try:
            super().set_state(sync_data)
        finally:
            self.updating = False

    def of_column(self, column: int) -> dict[str, Any]:
        """Return the settings of a column's panels, by their names there."""
        shared = {one.panel: getattr(self, one.trait) for one in SHARED if one.panel}
        return shared | {one.panel: getattr(self, one.trait)[column] for one in EACH}
