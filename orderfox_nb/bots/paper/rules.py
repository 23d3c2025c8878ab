"""Rules of a venue for orders: steps, bounds and price band of a contract, and the codes of rejections."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal, InvalidOperation
from typing import Any, Final, TypeAlias

import msgspec

from orderfox_nb.bots.orders import OrderRequest, Rejection
from orderfox_nb.core.instrument import Instrument, decimal_digits

Band: TypeAlias = tuple[int, int]
Number: TypeAlias = Decimal | str | int | float

UNKNOWN_ORDER: Final = Rejection(-2011, "Unknown order sent.")
REDUCE_ONLY: Final = Rejection(-2022, "ReduceOnly Order is rejected.")
WOULD_TRIGGER: Final = Rejection(-2021, "Order would immediately trigger.")
TOO_MANY_ORDERS: Final = Rejection(-2025, "Reach max open order limit.")
BEYOND_BAND: Final = Rejection(-4131, "The counterparty's best price does not meet the PERCENT_PRICE filter limit.")
NOT_MAKER: Final = Rejection(
    -5022,
    "Due to the order could not be executed as maker, the Post Only order will be rejected. "
    "The order will not be recorded in the order history",
)
NOT_FILLED: Final = Rejection(
    -5021,
    "Due to the order could not be filled immediately, the FOK order has been rejected. "
    "The order will not be recorded in the order history",
)
_PRECISION: Final = Rejection(-1111, "Precision is over the maximum defined for this asset.")
_OFF_TICK: Final = Rejection(-4014, "Price not increased by tick size.")
_OFF_STEP: Final = Rejection(-4023, "Qty not increased by step size.")
_NOT_POSITIVE_PRICE: Final = Rejection(-4001, "Price less than 0.")
_NOT_POSITIVE_LOTS: Final = Rejection(-4003, "Quantity less than zero.")
_BELOW_MIN_LOTS: Final = Rejection(-4004, "Quantity less than min quantity.")
_ABOVE_MAX_LOTS: Final = Rejection(-4005, "Quantity greater than max quantity.")
_BELOW_MIN_PRICE: Final = Rejection(-4013, "Price less than min price.")
_ABOVE_MAX_PRICE: Final = Rejection(-4002, "Price greater than max price.")
_TIME_IN_FORCE: Final = Rejection(-1115, "Invalid timeInForce.")
_SENT_PRICE: Final = Rejection(-1106, "Parameter 'price' sent when not required.")
_SENT_TRIGGER: Final = Rejection(-1106, "Parameter 'stopPrice' sent when not required.")
_MAX_CALLBACK_PERMILLE: Final = 100

_LIMITS: Final = frozenset({"limit", "stop", "take_profit"})
_AT_ONCE: Final = frozenset({"limit", "market"})
_TRIGGERS: Final = frozenset({"stop", "stop_market", "take_profit", "take_profit_market"})


class TradingRules(msgspec.Struct, frozen=True, kw_only=True):
    """Bounds of a contract's orders; the defaults are those of BTCUSDT since 2024, without a bound on sizes.

    Take them from the venue where you can (``of_contract``): they change by contract and year.
    """

    instrument: Instrument
    min_lots: int = 1
    max_lots: int | None = None
    max_market_lots: int | None = None
    """Largest order that walks the book at once."""
    min_ticks: int = 1
    max_ticks: int | None = None
    min_notional: Decimal = Decimal(5)
    """In quote currency; reduce-only orders may be smaller."""
    band_up: Decimal = Decimal("1.05")
    """A buy order's price is at most this times the mark price."""
    band_down: Decimal = Decimal("0.95")
    """A sell order's price is at least this times the mark price."""
    max_orders: int = 200
    """Resting orders at a time."""
    max_triggers: int = 10
    """Orders at a time that wait for a trigger."""
    min_product: int = 0
    """Ticks times lots of the smallest order; derived from ``min_notional``."""

    def __post_init__(self) -> None:
        unit = self.instrument.tick_size * self.instrument.lot_size
        derived = int((self.min_notional / unit).to_integral_value(ROUND_CEILING))
        msgspec.structs.force_setattr(self, "min_product", derived)

    @classmethod
    def of_contract(cls, instrument: Instrument, contract: Mapping[str, Any]) -> TradingRules:
        """Read the rules from a contract's row of Binance's ``exchangeInfo``; missing ones keep their default.

        Raises:
            ValueError: A bound that is not a number.
        """
        filters: dict[str, Mapping[str, Any]] = {row["filterType"]: row for row in contract.get("filters", ())}
        found: dict[str, Any] = {}
        for name, filter_type, key, step in (
            ("min_lots", "LOT_SIZE", "minQty", instrument.lot_size),
            ("max_lots", "LOT_SIZE", "maxQty", instrument.lot_size),
            ("max_market_lots", "MARKET_LOT_SIZE", "maxQty", instrument.lot_size),
            ("min_ticks", "PRICE_FILTER", "minPrice", instrument.tick_size),
            ("max_ticks", "PRICE_FILTER", "maxPrice", instrument.tick_size),
            ("min_notional", "MIN_NOTIONAL", "notional", None),
            ("band_up", "PERCENT_PRICE", "multiplierUp", None),
            ("band_down", "PERCENT_PRICE", "multiplierDown", None),
            ("max_orders", "MAX_NUM_ORDERS", "limit", Decimal(1)),
            ("max_triggers", "MAX_NUM_ALGO_ORDERS", "limit", Decimal(1)),
        ):
            value = filters.get(filter_type, {}).get(key)
            if value is None:
                continue
            try:
                number = Decimal(str(value))
                found[name] = number if step is None else int(number / step)
            except InvalidOperation as error:
                raise ValueError(f"{key} of {instrument.symbol} is {value!r}, must be a number") from error
        return cls(instrument=instrument, **found)

    def ticks(self, price: Number) -> int | Rejection:
        """Convert a price to ticks, or return the venue's rejection."""
        return _steps(price, self.instrument.tick_size, _OFF_TICK, _NOT_POSITIVE_PRICE)

    def lots(self, size: Number) -> int | Rejection:
        """Convert a size to lots, or return the venue's rejection."""
        return _steps(size, self.instrument.lot_size, _OFF_STEP, _NOT_POSITIVE_LOTS)

    def check(self, request: OrderRequest, band: Band | None, reference: int | None) -> Rejection | None:
        """Return the rejection of an order that the account does not matter for, None if it is accepted.

        Args:
            request: The order.
            band: Result of ``band`` for the current mark price, None if that is unknown.
            reference: Price in ticks at which an order without a limit is valued, None before the first price.
        """
        return self._check_form(request) or self._check_price(request, band) or self._check_size(request, reference)

    def band(self, mark: Decimal) -> Band:
        """Return ticks of the lowest price of a sell order and of the highest of a buy order at a mark price in ticks.

        An order that walks the book stops there.
        """
        low = (mark * self.band_down).to_integral_value(ROUND_CEILING)
        return int(low), int((mark * self.band_up).to_integral_value(ROUND_FLOOR))

    def _check_form(self, request: OrderRequest) -> Rejection | None:
        kind, limited = request.kind, request.kind in _LIMITS
        wrong: Rejection | None = None
        if limited != (request.ticks is not None):
            wrong = _missing("price") if limited else _SENT_PRICE
        elif not limited and request.time_in_force != "GTC":
            wrong = _TIME_IN_FORCE
        elif kind in _TRIGGERS and request.trigger_ticks is None:
            wrong = _missing("stopPrice")
        elif kind in _AT_ONCE and request.trigger_ticks is not None:
            wrong = _SENT_TRIGGER
        elif kind == "trailing_stop_market" and not 0 < request.callback_permille <= _MAX_CALLBACK_PERMILLE:
            wrong = _missing("callbackRate")
        return wrong

    def _check_size(self, request: OrderRequest, reference: int | None) -> Rejection | None:
        lots = request.lots
        if lots < 0:
            return _NOT_POSITIVE_LOTS
        if lots < max(1, self.min_lots):
            return _BELOW_MIN_LOTS
        bounds = (self.max_lots,) if request.kind in _LIMITS else (self.max_lots, self.max_market_lots)
        if any(bound is not None and lots > bound for bound in bounds):
            return _ABOVE_MAX_LOTS
        price = request.ticks or request.trigger_ticks or reference
        if price is not None and price * lots < self.min_product and not request.reduce_only:
            least = f"{self.min_notional:f}"
            return Rejection(-4164, f"Order's notional must be no smaller than {least} (unless you choose reduce only)")
        return None

    def _check_price(self, request: OrderRequest, band: Band | None) -> Rejection | None:
        wrong: Rejection | None = None
        for ticks in (request.ticks, request.trigger_ticks):
            if ticks is None or wrong is not None:
                continue
            if ticks <= 0:
                wrong = _NOT_POSITIVE_PRICE
            elif ticks < self.min_ticks:
                wrong = _BELOW_MIN_PRICE
            elif self.max_ticks is not None and ticks > self.max_ticks:
                wrong = _ABOVE_MAX_PRICE
        # A limit behind a trigger is held to the band when it becomes active.
        if wrong is None and band is not None and request.kind == "limit" and request.ticks is not None:
            if request.side == "buy" and request.ticks > band[1]:
                wrong = Rejection(-4016, f"Limit price can't be higher than {self._shown(band[1])}.")
            elif request.side == "sell" and request.ticks < band[0]:
                wrong = Rejection(-4024, f"Limit price can't be lower than {self._shown(band[0])}.")
        return wrong

    def _shown(self, ticks: int) -> str:
        return f"{self.instrument.exact_price(ticks):.{self.instrument.price_digits}f}"


def _missing(parameter: str) -> Rejection:
    return Rejection(-1102, f"Mandatory parameter '{parameter}' was not sent, was empty/null, or malformed.")


def _steps(value: Number, step: Decimal, off_step: Rejection, not_positive: Rejection) -> int | Rejection:
    try:
        number = Decimal(str(value))
    except InvalidOperation:
        return _PRECISION
    if not number.is_finite():
        return _PRECISION
    if number <= 0:
        return not_positive
    count = number / step
    whole = count.to_integral_value()
    if count == whole:
        return int(whole)
    return _PRECISION if decimal_digits(number) > decimal_digits(step) else off_step
