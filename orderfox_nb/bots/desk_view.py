"""The ``desk`` of a strategy: the market up to now, its position and orders, and its commands."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal, InvalidOperation
from math import ceil, floor, isfinite
from typing import Any, Final, TypeAlias

from msgspec import UNSET, UnsetType

from orderfox_nb.bots.durations import Seconds, duration_us
from orderfox_nb.bots.gateway import NEVER_US, OrderGateway
from orderfox_nb.bots.handles import OrderHandle, Timer
from orderfox_nb.bots.market_view import BookView, CandleHistory, LiquidationFlow, RecentTrades
from orderfox_nb.bots.orders import OrderKind, OrderRequest, TimeInForce, TriggerPrice
from orderfox_nb.core.events import MarkPrice, Side
from orderfox_nb.core.fold import Fold
from orderfox_nb.core.instrument import Instrument
from orderfox_nb.errors import BadValue

Amount: TypeAlias = Decimal | float | str
"""A base quantity; a text or a decimal is exact."""

MAX_TIMERS: Final = 100
KEPT_LINES: Final = 1_000
MAX_LINE: Final = 1_000
_MIN_PERIOD_US: Final = 1_000
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_NEAR: Final = 0.01
"""A number this close to a whole tick or lot counts as one: floats lose less than that."""


class PositionView:
    """The position as the strategy knows it: the sum of the answers that have arrived."""

    def __init__(self, gateway: OrderGateway) -> None:
        self._gateway = gateway

    @property
    def lots(self) -> int:
        """Whole lots, negative for a short."""
        return self._gateway.known_lots

    @property
    def size(self) -> float:
        """Base quantity, negative for a short."""
        return self._gateway.instrument.size(self._gateway.known_lots)

    @property
    def flat(self) -> bool:
        """Whether there is no position."""
        return self._gateway.known_lots == 0

    @property
    def entry(self) -> float | None:
        """Average price, None without a position."""
        entry = self._gateway.known_entry
        return None if entry is None else float(entry)


class TradingDesk:
    """The market up to the present event, and the commands of a strategy.

    Args:
        instrument: What is traded.
        gateway: Where commands go.
        timeframe: Timeframe of the candles; empty if the strategy reads none.
        studies: Folds by name.
        send: Passes an order on, if the risk limits allow it.
    """

    def __init__(
        self,
        instrument: Instrument,
        gateway: OrderGateway,
        *,
        timeframe: str,
        studies: Mapping[str, Fold[Any]],
        send: Callable[[OrderRequest], OrderHandle],
    ) -> None:
        self.instrument = instrument
        self.now_us = 0
        """The event clock: the venue's current time, microseconds since the epoch."""
        self.tick = instrument.price(1)
        """Tick size."""
        self.lot = instrument.size(1)
        """Lot size."""
        self.book = BookView(gateway.venue, instrument)
        self.trades = RecentTrades()
        self.liquidations = LiquidationFlow(lambda: self.now_us)
        self.position = PositionView(gateway)
        self.mark_event: MarkPrice | None = None
        """The newest mark price, with the next funding."""
        self.history = CandleHistory(instrument, timeframe) if timeframe else None
        self.timers: dict[str, Timer] = {}
        self.timer_due_us = NEVER_US
        self.lines: deque[tuple[int, str]] = deque(maxlen=KEPT_LINES)
        """Lines of ``log``, with their times."""
        self._gateway = gateway
        self._studies = studies
        self._send = send
        # The last size and its lots: most strategies send the same size again and again.
        self._sized: tuple[Amount | None, int] = None, 0

    @property
    def now(self) -> datetime:
        """The event clock as a date, UTC."""
        return _EPOCH + timedelta(microseconds=self.now_us)

    @property
    def mark(self) -> float | None:
        """The newest mark price, None before the first."""
        return None if self.mark_event is None else self.mark_event.mark_price

    @property
    def candles(self) -> CandleHistory:
        """Candles of the strategy's timeframe.

        Raises:
            BadValue: The strategy reads no candles.
        """
        if self.history is None:
            raise BadValue("desk.candles", "", "a strategy with on_candle, a Timeframe parameter or candles in reads")
        return self.history

    @property
    def orders(self) -> list[OrderHandle]:
        """The orders that are not done, oldest first."""
        return list(self._gateway.handles.values())

    def study(self, name: str) -> Any:
        """Return the current view of a study that the strategy names in ``studies``.

        Raises:
            BadValue: The strategy does not name it.
        """
        try:
            return self._studies[name].view()
        except KeyError:
            raise BadValue("study", name, "one that the strategy names in studies") from None

    def buy(self, size: Amount, **order: Any) -> OrderHandle:
        """Send a buy order: ``order`` as for ``order(...)``."""
        return self.order("buy", size, **order)

    def sell(self, size: Amount, **order: Any) -> OrderHandle:
        """Send a sell order: ``order`` as for ``order(...)``."""
        return self.order("sell", size, **order)

    def order(
        self,
        side: Side,
        size: Amount,
        *,
        at: float | Decimal | UnsetType | None = UNSET,
        post_only: bool = False,
        time_in_force: TimeInForce = "GTC",
        reduce_only: bool = False,
        expire: Seconds | None = None,
        stop: float | Decimal | None = None,
        take_profit: float | Decimal | None = None,
        trail: float | None = None,
        trigger: TriggerPrice = "last",
    ) -> OrderHandle:
        """Send an order. It arrives after the entry latency, and its handle changes when answers arrive.

        Args:
            side: Buy or sell.
            size: Base quantity, rounded down to whole lots.
            at: Limit price; a market order without one. Between two ticks a buy is rounded down and a sell up.
            post_only: Reject it if it would trade at once.
            time_in_force: GTC, IOC or FOK.
            reduce_only: Never open or enlarge a position.
            expire: Cancel the rest after this time.
            stop: Trigger price of a stop order; with ``at``, of a stop-limit order.
            take_profit: Trigger price of a take-profit order; with ``at``, of a take-profit limit order.
            trail: Follow the best price at this distance in percent, 0.1 to 10; from ``take_profit`` on, if given.
            trigger: Price that ``stop``, ``take_profit`` and ``trail`` compare with: ``last`` or ``mark``.

        Raises:
            BadValue: A size below one lot, or arguments that cannot be combined.
        """
        if at is None:
            raise BadValue("at", at, "a price: that side of the book is empty (a market order leaves at= out)")
        limit = None if at is UNSET else at
        kind, trigger_at = _kind(limit, stop, take_profit, trail)
        if post_only and (limit is None or time_in_force != "GTC"):
            raise BadValue("post_only", post_only, "a limit price (at=) and no other time_in_force")
        rounding = floor if side == "buy" else ceil
        request = OrderRequest(
            symbol=self.instrument.symbol,
            side=side,
            lots=self._lots(size),
            kind=kind,
            ticks=None if limit is None else self._ticks("at", limit, rounding),
            time_in_force="GTX" if post_only else time_in_force,
            reduce_only=reduce_only,
            trigger_ticks=None if trigger_at is None else self._ticks("trigger", trigger_at, round),
            trigger=trigger,
            callback_permille=0 if trail is None else round(trail * 10),
            expire_us=None if expire is None else self.now_us + duration_us(expire, "expire"),
        )
        return self._send(request)

    def close(self) -> OrderHandle | None:
        """Close the position with a market order; None without a position."""
        lots = self.position.lots
        if not lots:
            return None
        return self.order("sell" if lots > 0 else "buy", self.instrument.exact_size(abs(lots)), reduce_only=True)

    def cancel(self, order: OrderHandle) -> None:
        """Ask the venue to cancel an order; a fill may come first."""
        if not order.done:
            self._gateway.cancel(order, self.now_us)

    def cancel_all(self) -> None:
        """Ask the venue to cancel every order of this bot."""
        self._gateway.cancel_all(self.now_us)

    def every(self, period: Seconds, name: str = "") -> Timer:
        """Call ``on_timer`` at every whole multiple of a period; a second call with the same name replaces the first.

        Args:
            period: At least 1 ms. Time passes with events: missed calls are made up for by one.
            name: Name of the timer, by default the period as written.

        Raises:
            BadValue: A period that is too short, or more than 100 timers.
        """
        length_us = duration_us(period, "period")
        name = name or str(period)
        if length_us < _MIN_PERIOD_US:
            raise BadValue("period", period, "at least 1ms")
        if name not in self.timers and len(self.timers) >= MAX_TIMERS:
            raise BadValue("timer", name, f"at most {MAX_TIMERS} timers")
        timer = Timer(name=name, period_us=length_us, due_us=(self.now_us // length_us + 1) * length_us)
        self.timers[name] = timer
        self.timer_due_us = min(each.due_us for each in self.timers.values())
        return timer

    def restore_timers(self, timers: Iterable[Timer]) -> None:
        """Replace all timers."""
        self.timers = {timer.name: timer for timer in timers}
        self.timer_due_us = min((each.due_us for each in self.timers.values()), default=NEVER_US)

    def due_timers(self, now_us: int) -> list[Timer]:
        """Return the timers that are due, by (time, name), and set when each is due next."""
        due: list[Timer] = []
        next_us = NEVER_US
        for timer in sorted(self.timers.values(), key=_due) if len(self.timers) > 1 else self.timers.values():
            if timer.due_us <= now_us:
                due.append(timer)
                timer.due_us = (now_us // timer.period_us + 1) * timer.period_us
            next_us = min(next_us, timer.due_us)
        self.timer_due_us = next_us
        return due

    def log(self, text: object) -> None:
        """Add a line to the bot's log, which keeps the newest 1,000."""
        self.lines.append((self.now_us, str(text)[:MAX_LINE]))

    def drain_lines(self) -> list[tuple[int, str]]:
        """Return the log's lines since the last call, and clear them."""
        lines = list(self.lines)
        self.lines.clear()
        return lines

    def _lots(self, size: Amount) -> int:
        if size is not self._sized[0]:
            self._sized = size, self._exact_lots(size)
        return self._sized[1]

    def _exact_lots(self, size: Amount) -> int:
        try:
            exact = Decimal(str(size)) / self.instrument.lot_size
        except InvalidOperation:
            raise BadValue("size", size, "a base quantity such as 0.010") from None
        if not exact.is_finite() or exact > 1 << 53:
            raise BadValue("size", size, "a base quantity such as 0.010")
        near = round(exact)
        lots = near if abs(exact - near) < Decimal("1e-6") else int(exact)
        if lots < 1:
            raise BadValue("size", size, f"at least one lot of {self.instrument.symbol}, {self.instrument.lot_size}")
        return lots

    def _ticks(self, name: str, price: float | Decimal, rounding: Callable[[float], int]) -> int:
        exact = float(price) * self.instrument.price_scale / self.instrument.tick_units
        if not isfinite(exact):
            raise BadValue(name, price, "a price")
        near = round(exact)
        return near if abs(exact - near) < _NEAR else rounding(exact)


def _due(timer: Timer) -> tuple[int, str]:
    return timer.due_us, timer.name


def _kind(at: object, stop: Any, take_profit: Any, trail: float | None) -> tuple[OrderKind, Any]:
    """Return the kind of an order, and the price that makes it active."""
    if trail is not None:
        if at is not None or stop is not None or not 0.1 <= trail <= 10:
            raise BadValue("trail", trail, "0.1 to 10 percent, without at= and stop=")
        return "trailing_stop_market", take_profit
    if stop is not None and take_profit is not None:
        raise BadValue("take_profit", take_profit, "one of stop= and take_profit=: send two orders")
    if stop is not None:
        return ("stop_market" if at is None else "stop"), stop
    if take_profit is not None:
        return ("take_profit_market" if at is None else "take_profit"), take_profit
    return ("market" if at is None else "limit"), None
