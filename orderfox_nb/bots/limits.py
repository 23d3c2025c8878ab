"""Risk limits of a session, which apply to every order of its strategy, and the kill switch."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Final

import msgspec

from orderfox_nb.bots.account.money import Money, decimal_of
from orderfox_nb.bots.orders import OrderRequest, Rejection
from orderfox_nb.core.instrument import Instrument
from orderfox_nb.errors import BadValue

_MINUTE_US: Final = 60_000_000
MAX_ORDERS_A_MINUTE: Final = 100_000
OWN_LIMIT: Final = 0
"""Code of a rejection by the session instead of the venue."""


class RiskLimits(msgspec.Struct, frozen=True, kw_only=True):
    """Risk limits of a session; None means no limit.

    Raises:
        BadValue: A limit that is not a number above zero.
    """

    position: Money | None = None
    """Largest position in base quantity, counting every open order of its side as filled."""
    notional: Money | None = None
    """The same in quote currency, at the order's limit price or, without one, at the market price."""
    loss: Money | None = None
    """Loss at which the session is killed: deposit less equity, quote currency."""
    orders_a_minute: int | None = None
    """New orders in any 60 s of the venue's clock, at most 100,000."""

    def __post_init__(self) -> None:
        for name in self.__struct_fields__:
            limit = getattr(self, name)
            if limit is None:
                continue
            if name != "orders_a_minute":
                limit = decimal_of(name, limit)
                msgspec.structs.force_setattr(self, name, limit)
            if not limit > 0:
                raise BadValue(name, limit, "an amount above 0, or none for no limit")
        if (self.orders_a_minute or 0) > MAX_ORDERS_A_MINUTE:
            raise BadValue("orders_a_minute", self.orders_a_minute, f"1 to {MAX_ORDERS_A_MINUTE:,}")


class RiskGuard:
    """Keeps the limits of one session.

    A killed session may only send reduce-only orders, which close its position.

    Args:
        limits: The limits.
        instrument: The instrument that it trades.
        deposit: Equity at the start, quote currency.
    """

    def __init__(self, limits: RiskLimits, instrument: Instrument, *, deposit: Decimal) -> None:
        self.limits = limits
        self.killed = ""
        """Why trading ended; empty while it continues."""
        self._unit = instrument.tick_size * instrument.lot_size
        self._max_lots = None if limits.position is None else int(Decimal(limits.position) / instrument.lot_size)
        self._max_notional = None if limits.notional is None else Decimal(limits.notional)
        self._floor = None if limits.loss is None else deposit - Decimal(limits.loss)
        # One minute's worth of times is enough to decide whether one more order is too many.
        self._sent_us: deque[int] = deque(maxlen=limits.orders_a_minute or 1)

    def refuse(
        self,
        request: OrderRequest,
        now_us: int,
        *,
        position_lots: int,
        open_buys: int,
        open_sells: int,
        reference_ticks: int,
    ) -> Rejection | None:
        """Check an order before it is sent, and count it if it passes.

        Args:
            request: The order.
            now_us: Time by the venue's clock.
            position_lots: Negative for a short.
            open_buys: Unfilled lots of buys that are not reduce-only, also on their way.
            open_sells: The same of sells.
            reference_ticks: Current market price in ticks, zero if there is none.

        Returns:
            A rejection with code 0 that names the limit, None if the order may be sent.
        """
        reason = self._exceeded(request, position_lots, open_buys, open_sells, reference_ticks)
        limit = self.limits.orders_a_minute
        if not reason and limit is not None:
            if len(self._sent_us) == limit and self._sent_us[0] > now_us - _MINUTE_US:
                reason = f"risk limit: {limit} orders a minute"
            else:
                self._sent_us.append(now_us)
        return Rejection(OWN_LIMIT, reason) if reason else None

    def _exceeded(self, request: OrderRequest, held: int, buys: int, sells: int, reference_ticks: int) -> str:
        if request.reduce_only:
            return ""
        if self.killed:
            return f"killed: {self.killed}"
        side = held + buys if request.side == "buy" else sells - held
        lots = side + request.lots
        if self._max_lots is not None and lots > self._max_lots:
            return f"risk limit: position of {self.limits.position}"
        notional = lots * (request.ticks or reference_ticks) * self._unit
        if self._max_notional is not None and notional > self._max_notional:
            return f"risk limit: notional of {self._max_notional}"
        return ""

    def observe(self, equity: Decimal) -> bool:
        """Kill the session if its loss has reached the limit.

        Returns:
            Whether this call killed it: the caller must then cancel its orders.
        """
        if self.killed or self._floor is None or equity > self._floor:
            return False
        return self.kill(f"a loss of {self.limits.loss} or more")

    def kill(self, reason: str = "stopped by hand") -> bool:
        """End trading for good; return whether it was still active."""
        if self.killed:
            return False
        self.killed = reason
        return True

    def snapshot(self) -> dict[str, Any]:
        """Return the state as builtins that msgspec encodes."""
        floor = None if self._floor is None else str(self._floor)
        return {"killed": self.killed, "sent_us": list(self._sent_us), "floor": floor}

    def restore(self, plain: Mapping[str, Any]) -> None:
        """Continue from what ``snapshot`` returned, with the same limits."""
        self.killed = plain["killed"]
        if self._floor is not None and plain.get("floor") is not None:
            # The deposit that a loss is counted from is that of the session's start.
            self._floor = Decimal(plain["floor"])
        self._sent_us = deque(plain["sent_us"], maxlen=self._sent_us.maxlen)
