"""The REST routes of trading."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from orderfox_nb.errors import BadValue, LiveTradingRefused
from orderfox_nb.server.bodies import read_body
from orderfox_nb.server.handlers.bots import BotHandler
from orderfox_nb.server.operations import Operation
from orderfox_nb.views.bot_contract import TradingMode, TradingModeSet


class TradingModeRoute(BotHandler):
    """Choose the account that orders go to: there is one, on paper."""

    route = "set-trading-mode"

    @classmethod
    def operations(cls) -> Mapping[str, Operation]:
        summary = (cls.__doc__ or "").split("\n", 1)[0]
        return {"post": Operation(name=cls.route, summary=summary, model=TradingModeSet, body=TradingMode)}

    async def post(self) -> None:
        await self._answered()

    async def answer(self, *_args: str) -> bytes:
        mode = read_body(self.request.body, TradingMode).mode
        if mode == "live":
            raise LiveTradingRefused
        if mode != "paper":
            raise BadValue("mode", mode, "paper")
        return msgspec.json.encode(TradingModeSet(mode="paper", message="Orders go to the paper account"))
