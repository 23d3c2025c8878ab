"""The steps of one event while a bot acts, in the order that ``session`` describes."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Any, Final

from orderfox_nb.bots.calls import StrategyCalls
from orderfox_nb.bots.checks import OrderChecks
from orderfox_nb.bots.desk_view import TradingDesk
from orderfox_nb.bots.gateway import NEVER_US, OrderGateway
from orderfox_nb.bots.handles import FillReport
from orderfox_nb.bots.market_folds import ClosedBars, StudyFolds
from orderfox_nb.bots.orders import OrderRequest
from orderfox_nb.core.events import (
    BookDelta,
    BookSnapshot,
    Candle,
    Channel,
    Event,
    Liquidation,
    MarkPrice,
    Trade,
)


class LiveSteps:
    """Applies events to venue, account, views and strategy; one handler for each kind of event.

    Args:
        desk: What the strategy sees.
        gateway: The way of its orders.
        calls: Its callbacks.
        checks: Its risk limits.
        bars: Its candles.
        studies: Its studies.
        channels: What the events contain.
        stop: Stops the bot for a reason.
        book_lost: Called with the time where a change of the book does not follow the previous one.
    """

    def __init__(
        self,
        desk: TradingDesk,
        gateway: OrderGateway,
        calls: StrategyCalls,
        *,
        checks: OrderChecks,
        bars: ClosedBars,
        studies: StudyFolds,
        channels: Collection[Channel],
        stop: Callable[[str], None],
        book_lost: Callable[[int], None],
    ) -> None:
        self.desk = desk
        self.gateway = gateway
        self.venue = gateway.venue
        self.account = gateway.account
        self.calls = calls
        self.checks = checks
        self.bars = bars
        self.studies = studies
        self.skew_us = NEVER_US
        """Smallest difference of receipt and venue's time so far."""
        self._stop = stop
        self._book_lost = book_lost
        self._marked = "mark" in channels
        self._trades_read = bars.from_trades or "trades" in studies.by_channel
        self._trades_beside = self._trades_read or not self._marked
        self._last_price = 0.0
        self.handlers: Final[dict[type, Callable[[Any], None]]] = {
            Trade: self._trade,
            BookDelta: self._book,
            BookSnapshot: self._book,
            Candle: self._candle,
            Liquidation: self._liquidation,
            MarkPrice: self._mark,
        }

    def answer(self, now_us: int) -> None:
        """Pass on the answers that have arrived."""
        for item in self.gateway.responses(now_us):
            if type(item) is FillReport:
                self.calls.dispatch("on_fill", item)
                self._observe()
            else:
                self.calls.dispatch("on_order", item)

    def _step(self, event: Event) -> None:
        """Do steps 1 to 5 for an event."""
        time_us, received_us = event.time_us, event.received_us
        desk, gateway = self.desk, self.gateway
        now_us = time_us
        if received_us:
            skew_us = received_us - time_us
            if skew_us < self.skew_us:  # noqa: PLR1730  (a call costs four times as much)
                self.skew_us = skew_us
            now_us = received_us - self.skew_us
        if now_us > desk.now_us:
            desk.now_us = now_us
        else:
            now_us = desk.now_us
        if gateway.command_due_us <= time_us:
            gateway.arrive(time_us)
        self.venue.apply(event)
        if self.venue.answers:
            gateway.collect()
        if type(event) is MarkPrice:
            self._apply_mark(event)
        if gateway.response_due_us <= now_us:
            self.answer(now_us)
        if desk.timer_due_us <= now_us:
            self._ring(now_us)

    def _trade(self, event: Trade) -> None:
        self._step(event)
        desk = self.desk
        desk.trades.kept.append(event)
        if self._trades_beside:
            self._trade_beside(event)
        callback = self.calls.trade
        if callback is not None:
            try:
                callback(event, desk)
            except Exception as error:  # noqa: BLE001  (whatever a strategy raises stops it)
                self.calls.fail("on_trade", error)

    def _trade_beside(self, event: Trade) -> None:
        if not self._marked and event.price != self._last_price:
            self._last_price = event.price
            self.account.apply_last(self.desk.instrument.ticks(event.price))
            if self.checks.guard is not None:
                self._observe()
        if self._trades_read:
            self.studies.apply("trades", event)
            for candle in self.bars.trade(event):
                self.calls.dispatch("on_candle", candle)

    def _book(self, event: BookDelta | BookSnapshot) -> None:
        self._step(event)
        if not self.venue.live:
            self._book_lost(event.time_us)
            return
        self.studies.apply("book", event)
        callback = self.calls.book
        if callback is not None:
            try:
                callback(self.desk.book, self.desk)
            except Exception as error:  # noqa: BLE001
                self.calls.fail("on_book", error)

    def _candle(self, event: Candle) -> None:
        self._step(event)
        self.studies.apply("candles", event)
        for candle in self.bars.candle(event):
            self.calls.dispatch("on_candle", candle)

    def _liquidation(self, event: Liquidation) -> None:
        self._step(event)
        self.desk.liquidations.add(event)
        self.studies.apply("liquidations", event)
        self.calls.dispatch("on_liquidation", event)

    def _mark(self, event: MarkPrice) -> None:
        self._step(event)
        self.desk.mark_event = event
        self.studies.apply("mark", event)
        self.calls.dispatch("on_mark", event)

    def _apply_mark(self, event: MarkPrice) -> None:
        """Apply funding, and close a position whose margin is used up."""
        account = self.account
        account.apply_mark(event)
        plan = account.must_liquidate()
        if plan is not None:
            request = OrderRequest(
                symbol=self.desk.instrument.symbol,
                side=plan.side,
                lots=plan.lots,
                ticks=plan.ticks,
                time_in_force="IOC",
                reduce_only=True,
            )
            self.gateway.liquidate(request, event.time_us, plan.ticks)
        self._observe()

    def _observe(self) -> None:
        if reason := self.checks.lost_too_much():
            self._stop(reason)

    def _ring(self, now_us: int) -> None:
        for timer in self.desk.due_timers(now_us):
            self.calls.dispatch("on_timer", timer)
