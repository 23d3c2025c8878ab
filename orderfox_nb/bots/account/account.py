"""The account of a session: cash, one position, and its margin."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal, localcontext
from typing import Any, Final, Literal, TypeAlias

import msgspec

from orderfox_nb.bots.account.brackets import FLAT, Brackets
from orderfox_nb.bots.account.ledger import Booking, Ledger
from orderfox_nb.bots.account.margin import bankruptcy_price, liquidation_price
from orderfox_nb.bots.account.money import MONEY, ZERO, exact, rounded
from orderfox_nb.bots.account.position import Position
from orderfox_nb.bots.orders import Fill, OrderRequest, Rejection
from orderfox_nb.core.events import MarkPrice, Side
from orderfox_nb.core.instrument import Instrument
from orderfox_nb.errors import BadValue

MarginMode: TypeAlias = Literal["cross", "isolated"]

MARGIN_IS_INSUFFICIENT: Final = Rejection(-2019, "Margin is insufficient.")
ABOVE_MAX_POSITION: Final = Rejection(-2027, "Exceeded the maximum allowable position at current leverage.")


class LiquidationPlan(msgspec.Struct, frozen=True, kw_only=True):
    """The order with which the venue closes a position whose margin is used up.

    It cancels every order, sends one IOC of all lots with the price as its limit, and takes over what is left at that
    price. All of these fills are marked as ``liquidation``.
    """

    side: Side
    """Side of the closing order."""
    lots: int
    ticks: int
    """The bankruptcy price, rounded to the tick that leaves nothing negative."""


class _State(msgspec.Struct, frozen=True, kw_only=True):
    """State that ``Account.restore`` continues from."""

    ledger: Ledger
    position: Position
    isolated: Decimal
    mark: Decimal | None
    marked: bool
    funding_us: int
    funding_rate: Decimal | None
    funded_us: int
    bookings: Sequence[Booking]


class Account:
    """Cash and one position of a contract that is margined in its quote currency.

    Prices are whole ticks and sizes whole lots outside; inside, money is exact. Nothing here reads a clock.

    Args:
        instrument: Record of the contract.
        cash: Deposit, quote currency, above zero.
        maker: Fee of a fill whose order rested, as a fraction of its notional; negative for a rebate.
        taker: Fee of every other fill.
        liquidation_fee: Fee of a liquidated notional, in place of the others (``exchangeInfo.liquidationFee``).
        leverage: Notional by initial margin.
        mode: ``cross``: all cash is margin of the position. ``isolated``: only the margin that its fills set aside.
        brackets: Brackets of maintenance margin.

    Raises:
        BadValue: A deposit that is not positive, a fee of 10 % or more, or a leverage that the brackets do not allow.
    """

    def __init__(
        self,
        instrument: Instrument,
        *,
        cash: Decimal = Decimal(10_000),
        maker: Decimal = Decimal("0.0002"),
        taker: Decimal = Decimal("0.0005"),
        liquidation_fee: Decimal = Decimal("0.0125"),
        leverage: int = 10,
        mode: MarginMode = "cross",
        brackets: Brackets = FLAT,
    ) -> None:
        if not cash.is_finite() or cash <= 0:
            raise BadValue("cash", cash, "an amount above 0")
        for name, fee in (("maker", maker), ("taker", taker), ("liquidation_fee", liquidation_fee)):
            if not fee.is_finite() or abs(fee) >= Decimal("0.1"):
                raise BadValue(name, fee, "a fraction of the notional, such as 0.0005")
        if mode not in {"cross", "isolated"}:
            raise BadValue("mode", mode, "cross or isolated")
        self.instrument = instrument
        self.maker, self.taker, self.liquidation_fee = maker, taker, liquidation_fee
        self.leverage = leverage
        self.mode = mode
        self.brackets = brackets
        self.max_notional: Final = brackets.max_notional(leverage)
        cash = rounded(cash)
        self.ledger = Ledger(deposit=cash, cash=cash)
        self.position = Position()
        self.isolated: Decimal = ZERO
        """Margin that is set aside for the position; zero in cross mode."""
        self._mark: Decimal | None = None
        self._last_ticks: int | None = None
        """Price of the last ``apply_last`` in ticks, until the mark is read."""
        self.bookings: list[Booking] = []
        """Changes of cash since the last ``drain``, oldest first."""
        self.marked = False
        self._funding_us = 0
        self._funding_rate: Decimal | None = None
        self._funded_us = 0
        # Both follow from the position, and are computed on first use.
        self._liquidation: Decimal | None = None
        self._liquidation_known = True
        self._entry: Decimal | None = None
        self._step_value: Final = MONEY.multiply(instrument.tick_size, instrument.lot_size)
        """Quote currency of one lot at a price of one tick."""

    @property
    def mark(self) -> Decimal | None:
        """The last mark price; before the first one, the last price of ``apply_last``."""
        if self._last_ticks is not None:
            self._mark, self._last_ticks = self.instrument.exact_price(self._last_ticks), None
        return self._mark

    @property
    def position_lots(self) -> int:
        """Whole lots, negative for a short."""
        return self.position.lots

    @property
    def entry(self) -> Decimal | None:
        """Average price of the position, None without one."""
        if self._entry is None and self.position.lots:
            self._entry = self.position.entry(self.instrument)
        return self._entry

    @property
    def cash(self) -> Decimal:
        """Wallet balance, without unrealised profit, quote currency."""
        return self.ledger.cash

    @property
    def margin_cash(self) -> Decimal:
        """The part of cash that a liquidation may use up."""
        return self.isolated if self.mode == "isolated" else self.ledger.cash

    @property
    def liquidation_price(self) -> Decimal | None:
        """The mark price that liquidates the position, None if no price does."""
        if not self._liquidation_known:
            self._liquidation, self._liquidation_known = self._compute_liquidation(), True
        return self._liquidation

    def equity(self, price: Decimal | float | None = None) -> Decimal:
        """Return cash and unrealised profit at a price, by default the last mark, quote currency."""
        value = self.mark if price is None else price
        if value is None or not self.position.lots:
            return self.ledger.cash
        decimal = value if isinstance(value, Decimal) else exact(value)
        return MONEY.add(self.ledger.cash, self.position.unrealised(decimal, self.instrument))

    def reducible(self, side: Side) -> int:
        """Return how many lots an order of a side can close."""
        return max(0, self.position.lots if side == "sell" else -self.position.lots)

    def apply_fill(self, fill: Fill) -> Booking:
        """Book a fill: its realised profit, its fee, and the margin it sets aside or frees."""
        multiply = MONEY.multiply
        lots = fill.lots
        notional = multiply(multiply(self._step_value, fill.ticks), lots)
        rate = self.liquidation_fee if fill.liquidation else self.maker if fill.maker else self.taker
        fee = rounded(multiply(notional, rate))
        position, ledger = self.position, self.ledger
        before = abs(position.lots)
        realised, closed = position.fill(lots if fill.side == "buy" else -lots, fill.ticks, self.instrument)
        ledger.book(realised=realised, fee=fee)
        insurance = ZERO
        if fill.liquidation or self.mode == "isolated":
            with localcontext(MONEY):
                if fill.liquidation:
                    insurance = self._settle_liquidation(realised - fee)
                else:
                    self._set_aside(notional * (lots - closed) / lots, closed=closed, before=before)
        booking = Booking(
            kind="fill",
            time_us=fill.time_us,
            side=fill.side,
            ticks=fill.ticks,
            lots=lots,
            number=fill.number,
            maker=fill.maker,
            liquidation=fill.liquidation,
            realised=realised,
            fee=fee,
            insurance=insurance,
            cash=ledger.cash,
            position_lots=position.lots,
        )
        self._changed()
        self.bookings.append(booking)
        return booking

    def _set_aside(self, opened: Decimal, *, closed: int, before: int) -> None:
        """Free the margin of the lots that a fill closed, and set aside that of the notional it opened."""
        if closed:
            self.isolated -= self.isolated if closed == before else rounded(self.isolated * closed / before)
        self.isolated += rounded(opened / self.leverage)
        self._bound_isolated()

    def _bound_isolated(self) -> None:
        """Limit the margin to the cash: a fee may have been paid from cash that was set aside."""
        self.isolated = min(self.isolated, max(ZERO, self.ledger.cash))

    def _settle_liquidation(self, change: Decimal) -> Decimal:
        """Subtract a liquidation's loss from the margin; the insurance fund covers the rest."""
        if self.mode == "isolated":
            self.isolated += change
        if self.position.lots:
            return ZERO
        shortfall = max(ZERO, -self.margin_cash)
        self.ledger.cover(shortfall)
        self.isolated = ZERO
        return shortfall

    def apply_mark(self, event: MarkPrice) -> Booking | None:
        """Apply a mark price, and pay or receive the funding that was due since the previous one.

        Funding is due at the time that the venue announced, at the rate it announced last before then, on the first
        mark price at or after it. A position that is held then pays or receives, whatever the length of the period.
        """
        mark = exact(event.mark_price)
        self._mark, self._last_ticks, self.marked = mark, None, True
        booking = None
        if 0 < self._funding_us <= event.time_us:
            if self._funding_rate is not None and self.position.lots:
                booking = self._fund(event.time_us, mark, self._funding_rate)
            self._funded_us, self._funding_us = self._funding_us, 0
        # A venue that rolls its announcement over late would charge the same period again.
        if event.next_funding_us > max(self._funded_us, event.time_us):
            self._funding_us = event.next_funding_us
            self._funding_rate = None if event.funding_rate is None else exact(event.funding_rate)
        return booking

    def _fund(self, time_us: int, mark: Decimal, rate: Decimal) -> Booking:
        lots = self.position.lots
        with localcontext(MONEY):
            amount = -rounded(self.instrument.exact_size(lots) * mark * rate)
            self.ledger.book(funding=amount)
            if self.mode == "isolated":
                self.isolated += amount
                self._bound_isolated()
        booking = Booking(
            kind="funding", time_us=time_us, lots=lots, funding=amount, cash=self.ledger.cash, position_lots=lots
        )
        self._changed()
        self.bookings.append(booking)
        return booking

    def apply_last(self, ticks: int) -> None:
        """Use a traded price as the mark price until the first mark price comes."""
        if not self.marked:
            self._last_ticks = ticks

    def affordable(
        self, request: OrderRequest, reference_ticks: int, *, open_buys: int, open_sells: int
    ) -> Rejection | None:
        """Check that the margin covers an order in addition to the position and the open orders.

        The larger of the two sides counts, as in the venue's one-way mode: an order that does not increase it needs no
        margin.

        Args:
            request: The order.
            reference_ticks: Price that the market has now.
            open_buys: Unfilled lots of resting buys that are not reduce-only.
            open_sells: Unfilled lots of resting sells that are not reduce-only.

        Returns:
            The venue's rejection, None if the order may be placed.
        """
        if request.reduce_only:
            return None
        held = self.position.lots
        buying = request.side == "buy"
        before = max(held + open_buys, open_sells - held)
        side = held + open_buys + request.lots if buying else open_sells - held + request.lots
        if side <= before:
            return None
        ticks = request.ticks or request.trigger_ticks or reference_ticks
        added = min(request.lots, side)
        # In tick-lots, as whole numbers: a quoting strategy asks this for each of its orders.
        exposure = (side - added) * reference_ticks + added * ticks
        loss = added * max(0, ticks - reference_ticks if buying else reference_ticks - ticks)
        multiply, unit = MONEY.multiply, self._step_value
        if self.max_notional is not None and multiply(unit, exposure) > self.max_notional:
            return ABOVE_MAX_POSITION
        if self.mode == "isolated":
            exposure -= min(exposure, abs(held) * reference_ticks)
            free = MONEY.subtract(self.ledger.cash, self.isolated)
        else:
            free = self.equity()
        if multiply(unit, exposure + loss * self.leverage) > multiply(free, self.leverage):
            return MARGIN_IS_INSUFFICIENT
        return None

    def must_liquidate(self) -> LiquidationPlan | None:
        """Return the order that closes the position if its margin is at or below maintenance, otherwise None."""
        lots, mark = self.position.lots, self.mark
        if not lots or mark is None:
            return None
        limit = self.liquidation_price
        if limit is None or (mark > limit if lots > 0 else mark < limit):
            return None
        with localcontext(MONEY):
            size = self.instrument.exact_size(lots)
            price = bankruptcy_price(size, self.position.cost / size, self.margin_cash)
            steps = price / self.instrument.tick_size
            ticks = steps.to_integral_value(ROUND_CEILING if lots > 0 else ROUND_FLOOR)
        return LiquidationPlan(side="sell" if lots > 0 else "buy", lots=abs(lots), ticks=max(1, int(ticks)))

    def drain(self) -> list[Booking]:
        """Return the bookings since the last call, oldest first, and clear them."""
        found, self.bookings = self.bookings, []
        return found

    def snapshot(self) -> dict[str, Any]:
        """Return the state as builtins that msgspec encodes, decimals as text.

        A new account of the same arguments that restores it is equal to this one.
        """
        state = _State(
            ledger=self.ledger,
            position=self.position,
            isolated=self.isolated,
            mark=self.mark,
            marked=self.marked,
            funding_us=self._funding_us,
            funding_rate=self._funding_rate,
            funded_us=self._funded_us,
            bookings=self.bookings,
        )
        return msgspec.to_builtins(state)

    def restore(self, plain: Mapping[str, Any]) -> None:
        """Continue from what ``snapshot`` returned.

        Raises:
            msgspec.ValidationError: It is not the state of an account.
        """
        state = msgspec.convert(plain, _State)
        self.ledger, self.position = state.ledger, state.position
        self.isolated, self.marked = state.isolated, state.marked
        self._mark, self._last_ticks = state.mark, None
        self._funding_us, self._funding_rate = state.funding_us, state.funding_rate
        self._funded_us = state.funded_us
        self.bookings = list(state.bookings)
        self._changed()

    def _changed(self) -> None:
        """Discard values that were computed from the previous position."""
        self._entry, self._liquidation_known = None, False

    def _compute_liquidation(self) -> Decimal | None:
        lots = self.position.lots
        if not lots:
            return None
        size = MONEY.multiply(self.instrument.lot_size, lots)
        entry = MONEY.divide(self.position.cost, size)
        return liquidation_price(size, entry, self.margin_cash, self.brackets)
