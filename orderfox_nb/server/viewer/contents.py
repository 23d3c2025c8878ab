# Jupyter's contents have no types.
# pyright: reportUnknownArgumentType=false, reportUnknownMemberType=false, reportUnknownVariableType=false
"""Reads what is rendered: a notebook, and the images that its text names."""

from __future__ import annotations

from typing import Any

from jupyter_server.services.contents.largefilemanager import LargeFileManager

from orderfox_nb.server.start.card import page_title


class FolderContents(LargeFileManager):
    """Reads from one folder and from nowhere else; a notebook gets its heading as the title of the browser's tab."""

    def get(self, *args: Any, **kwargs: Any) -> dict[str, Any]:
        """Read a file as Jupyter does."""
        model: dict[str, Any] = super().get(*args, **kwargs)
        if model["type"] == "notebook" and model["content"] is not None:
            metadata, cells = model["content"].metadata, model["content"].cells
            title = page_title(cell.source for cell in cells if cell.cell_type == "markdown")
            own: object = metadata.get("orderfox")
            if isinstance(own, dict) and isinstance(own.get("title"), str):
                title = own["title"] or title
            if title:
                metadata.setdefault("title", title)
        return model
