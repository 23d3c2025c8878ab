"""Stream ``v1.bots``: all bots, as messages of a public socket."""

from __future__ import annotations

from typing import Any, Final

from orderfox_nb.desk.streams.base import Stream
from orderfox_nb.desk.streams.bots import BotsRecipe
from orderfox_nb.views.bots import bots_message
from orderfox_nb.views.stamp import Stamp


class PublicBotsRecipe(BotsRecipe):
    """Messages of all bots."""

    def message(self, columns: dict[str, Any], stamp: Stamp) -> bytes:
        return bots_message("bots_update", columns, stamp)


STREAM: Final = Stream("v1.bots", (), PublicBotsRecipe, ("bots_update",), per_symbol=False)
