"""The REST routes of trading by hand."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import msgspec

from orderfox_nb.errors import BadValue, LiveTradingRefused
from orderfox_nb.server.bodies import read_body
from orderfox_nb.server.handlers.bots import BotHandler, BotReadHandler
from orderfox_nb.server.operations import Operation
from orderfox_nb.views.bot_contract import NewTrade, PositionAnswer, TradeAnswer, TradingMode, TradingModeSet

if TYPE_CHECKING:
    from orderfox_nb.desk.bot_runs.run import BotRun


class TradingModeRoute(BotHandler):
    """Choose where orders by hand go: to the paper account or, where that is unlocked, to the venue."""

    route = "set-trading-mode"

    @classmethod
    def operations(cls) -> Mapping[str, Operation]:
        summary = (cls.__doc__ or "").split("\n", 1)[0]
        return {"post": Operation(name=cls.route, summary=summary, model=TradingModeSet, body=TradingMode)}

    async def post(self) -> None:
        await self._answered()

    async def answer(self, *_args: str) -> bytes:
        mode = read_body(self.request.body, TradingMode).mode
        if mode not in {"paper", "live"}:
            raise BadValue("mode", mode, "paper or live")
        if mode == "paper":
            self.service.trading_mode, where = "paper", "the paper account"
        elif self.service.lock.reason:
            raise LiveTradingRefused(self.service.lock.reason)
        else:
            self.service.trading_mode, where = "live", "the venue: they are real"
        return msgspec.json.encode(
            TradingModeSet(mode=self.service.trading_mode, message=f"Orders by hand go to {where}")
        )


class TradeRoute(BotHandler):
    """Give an order by hand, on paper unless the trading mode is live."""

    route = "trade"

    @classmethod
    def operations(cls) -> Mapping[str, Operation]:
        summary = (cls.__doc__ or "").split("\n", 1)[0]
        return {"post": Operation(name=cls.route, summary=summary, model=TradeAnswer, body=NewTrade)}

    async def post(self) -> None:
        await self._answered()

    async def answer(self, *_args: str) -> bytes:
        given = read_body(self.request.body, NewTrade)
        price = given.price if given.type == "limit" and given.side != "close" else None
        if given.type == "limit" and given.side != "close" and price is None:
            raise BadValue("price", "", "the price of a limit order")
        if given.side != "close" and given.amount is None:
            raise BadValue("amount", "", "a base quantity above 0")
        desk = await self.service.desk(given.venue)
        symbol = (await desk.catalogue.resolve(given.symbol)).instrument.symbol
        paper = self.service.trading_mode == "paper"
        run, order = await self.service.trader.trade(desk, symbol, given.side, given.amount, price, paper=paper)
        answer = TradeAnswer(
            message=f"{order.side} {order.size:g} {symbol}: {order.state}, {order.filled:g} filled",
            order_id=str(run.stored_number(order)),
            state=order.state,
            bot_id=run.record.id,
            position_info=position(run),
        )
        return msgspec.json.encode(answer)


class PositionsRoute(BotReadHandler):
    """The open positions of the running bots, and of orders given by hand."""

    route = "positions"
    model = list[PositionAnswer]

    async def answer(self, *_args: str) -> bytes:
        found = [position(run) for run in self.service.runner.runs]
        return msgspec.json.encode([one for one in found if one is not None])


def position(run: BotRun) -> PositionAnswer | None:
    """Return the position of a bot, None without one."""
    account, instrument = run.account, run.session.instrument
    lots, entry = account.position_lots, account.entry
    if not lots or entry is None:
        return None
    return PositionAnswer(
        symbol=instrument.symbol,
        venue=instrument.venue,
        bot_id=run.record.id,
        side="long" if lots > 0 else "short",
        size=instrument.size(abs(lots)),
        entry_price=float(entry),
        mark_price=None if account.mark is None else float(account.mark),
        unrealized_pnl=float(account.equity() - account.cash),
    )
