# pandas has no stubs.
# pyright: reportMissingTypeStubs=false
"""The bots of the page's server: a list, a form, and the details of the chosen one."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import traitlets

from orderfox_nb.market.svg.pieces import Drawing
from orderfox_nb.widgets.esm import module_text, style_text
from orderfox_nb.widgets.kernel.arguments import with_arguments
from orderfox_nb.widgets.kernel.base import LiveWidget
from orderfox_nb.widgets.still.bots import bots_svg

if TYPE_CHECKING:
    import pandas as pd

    from orderfox_nb.widgets.still.still import Sketch


@with_arguments
class BotPanel(LiveWidget):
    """Lists the server's bots, creates, edits, starts, stops and deletes them, and shows details of the chosen one.

    Its data comes from the page's server, and changes go there with the login of the page: the kernel only declares
    it. Bots trade on paper unless live trading is unlocked. On a read-only page, the controls are disabled until the
    server's token is entered. The list has the bots of all markets. ``symbol`` and ``venue`` are those of the bot that
    is chosen on the page; the form of a new bot suggests them.

    Example:
        >>> panel = BotPanel(symbol="ETHUSDT")
        >>> panel.observe(print, "bot")
        >>> panel.df[["name", "state", "pnl_low", "pnl_high", "position"]]
    """

    _esm = module_text("bots/bot_panel.js")
    _css = style_text("panels/tables.css", "bots/bot_panel.css")

    height = "620px"

    bot = traitlets.Unicode("").tag(sync=True)
    """Id of the chosen bot. Before a choice it is empty, and a bot that trades is shown."""

    @property
    def subject(self) -> str:
        return "bots, on paper"

    def draw(self, sketch: Sketch, size: tuple[float, float] | None = None) -> Drawing:
        from orderfox_nb.market.bots import read_bots  # noqa: PLC0415 - a dashboard's kernel never asks

        width, height = size or (900.0, 300.0)
        bots = read_bots()
        sketch.time_ms = time.time() * 1_000
        return Drawing(bots_svg(bots, sketch.colours, width=width, height=height), width, height)

    @property
    def df(self) -> pd.DataFrame:
        """The bots of the kernel's server by id, newest first, with state, profit and position.

        Raises:
            OrderFoxError: The kernel has no server, or it does not answer.
        """
        from orderfox_nb.market.bots import server_bots  # noqa: PLC0415 - as above

        return server_bots()
