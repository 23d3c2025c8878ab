"""The public WebSocket of bots: all of them, or one."""

from __future__ import annotations

from typing import Final

from tornado.web import HTTPError

from orderfox_nb.desk.parameters import VENUE
from orderfox_nb.desk.streams import v1_bot, v1_bots
from orderfox_nb.desk.streams.registry import frame_key
from orderfox_nb.errors import BadValue
from orderfox_nb.server.handlers.sockets import MarketSocket
from orderfox_nb.server.handlers.writing import FrameWriter


class BotsSocket(MarketSocket):
    """``bots_update`` with every bot, or with an id ``bot_update`` with one; after the first, what has changed."""

    route = "ws/bots"
    described: Final = "/api/v1/ws/bots`, `/api/v1/ws/bots/{id}"
    query = (v1_bot.BOT_ID,)
    messages = (*v1_bots.STREAM.messages, *v1_bot.STREAM.messages)

    async def serve(self, *args: str | None) -> None:
        desk = await self.service.desk(self._value(VENUE.name))
        bot_id = next((arg for arg in args[:1] if arg), None) or self._value("id")
        if bot_id is None:
            key = frame_key(desk.venue, "*", v1_bots.STREAM.name)
        else:
            key = frame_key(desk.venue, "*", v1_bot.STREAM.name, {"id": bot_id})
        async with self.frames(desk, key) as reader:
            writer = FrameWriter(self)
            await reader.deliver(writer.write, writer.until_ready)

    def _value(self, name: str) -> str | None:
        try:
            return self.get_query_argument(name, None)
        except HTTPError:
            raise BadValue(name, self.request.query_arguments[name][-1], "text in UTF-8") from None
