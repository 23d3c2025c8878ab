"""The order-flow desk that lives in a notebook."""

from __future__ import annotations

from typing import Any

__version__ = "0.1.0"


def _jupyter_server_extension_points() -> list[dict[str, Any]]:
    # Asked by Jupyter Server; a kernel that imports the package does not pay for it.
    from orderfox_nb.server.app import OrderFoxApp  # noqa: PLC0415

    return [{"module": "orderfox_nb.server.app", "app": OrderFoxApp}]
