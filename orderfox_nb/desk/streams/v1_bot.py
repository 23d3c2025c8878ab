"""Stream ``v1.bot``: one bot, as messages of a public socket."""

from __future__ import annotations

from typing import Any, Final

from orderfox_nb.desk.streams.base import Stream
from orderfox_nb.desk.streams.bot import BOT_ID, BotRecipe
from orderfox_nb.views.bots import bots_message
from orderfox_nb.views.stamp import Stamp


class PublicBotRecipe(BotRecipe):
    """Messages of one bot."""

    def message(self, columns: dict[str, Any], stamp: Stamp) -> bytes:
        return bots_message("bot_update", columns, stamp)


STREAM: Final = Stream("v1.bot", (BOT_ID,), PublicBotRecipe, ("bot_update",), per_symbol=False)
