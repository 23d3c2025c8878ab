"""The order-flow desk that lives in a notebook."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from orderfox_nb.market.connection import Market

__version__ = "0.1.0"
__all__ = ["__version__", "connect"]


def connect(source: str | None = None) -> Market:
    """Connect this kernel to market data: ``connect()["BTCUSDT"].trades.df``.

    Args:
        source: As ORDERFOX_SOURCE; without one the server that started this kernel, if there is one.
    """
    # Importing the package must cost nothing: whoever only wants its version pays for no feed.
    from orderfox_nb.market.connection import connect as connect_market  # noqa: PLC0415

    return connect_market(source)


def _jupyter_server_extension_points() -> list[dict[str, Any]]:
    # Asked by Jupyter Server; a kernel that imports the package does not pay for it.
    from orderfox_nb.server.app import OrderFoxApp  # noqa: PLC0415

    return [{"module": "orderfox_nb.server.app", "app": OrderFoxApp}]
