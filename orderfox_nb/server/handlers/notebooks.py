# Tornado's futures have no result type.
# pyright: reportUnknownMemberType=false
"""The notebooks that come with the package, for JupyterLab's launcher."""

from __future__ import annotations

from orderfox_nb.notebook_files import notebooks_folder
from orderfox_nb.server.handlers.base import MarketHandler, RequestRefused


class ShippedNotebook(MarketHandler):
    """One of them, as it was shipped: the launcher puts a copy into the user's folder."""

    route = "notebooks"

    async def get(self, name: str) -> None:
        try:
            content = (notebooks_folder() / f"{name}.ipynb").read_bytes()
        except FileNotFoundError:
            raise RequestRefused(404, f"No notebook {name} comes with this package") from None
        self.set_header("Content-Type", "application/x-ipynb+json")
        self.set_header("Cache-Control", "no-cache")
        self.finish(content)

    head = get
