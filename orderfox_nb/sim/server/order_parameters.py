"""Reads orders from the parameters of a request, with the venue's codes for what is wrong with their form."""

from __future__ import annotations

import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Final

from orderfox_nb.core.instrument import decimal_digits
from orderfox_nb.core.numerals import whole_number
from orderfox_nb.sim.listings import ListedContract
from orderfox_nb.sim.matching import ASK, BID
from orderfox_nb.sim.server.numbers import Numbers
from orderfox_nb.sim.trading.orders import NewOrder, VenueTimeInForce
from orderfox_nb.sim.trading.rules import MAX_LOTS, max_price_ticks
from orderfox_nb.sim.venue_error import VenueError, missing

_DECIMAL: Final = re.compile(r"[0-9]{1,20}(\.[0-9]{1,20})?")
_LEGAL: Final = "^([0-9]{1,20})(\\.[0-9]{1,20})?$"
_CLIENT_ID: Final = re.compile(r"[.A-Z:/a-z0-9_-]{1,36}")
_TIMES_IN_FORCE: Final[dict[str, VenueTimeInForce]] = {
    "GTC": "GTC",
    "IOC": "IOC",
    "FOK": "FOK",
    "GTX": "GTX",
    "GTD": "GTD",
}
_CONDITIONAL: Final = ("STOP", "STOP_MARKET", "TAKE_PROFIT", "TAKE_PROFIT_MARKET", "TRAILING_STOP_MARKET")
_MIN_LIFE_MS: Final = 600_000

Parameters = Mapping[str, str]


def new_order(given: Parameters, listing: ListedContract, numbers: Numbers, *, step_size: str, now_ms: int) -> NewOrder:
    """Read a new order.

    Args:
        given: Its parameters.
        listing: The symbol.
        numbers: How its numbers are written now.
        step_size: A step that differs from the listing's, otherwise empty.
        now_ms: The venue's time.

    Raises:
        VenueError: Something is missing, malformed, or not a multiple of tick and step.
    """
    side = side_of(given)
    kind = given.get("type", "")
    if not kind:
        raise missing("type")
    if kind in _CONDITIONAL:
        raise VenueError(
            -4120,
            "Order type not supported for this endpoint. Please use the Algo Order API endpoints instead.",
        )
    if kind not in ("LIMIT", "MARKET"):
        raise VenueError(-1116, "Invalid orderType.")
    _check_modes(given)
    lots = lots_of(given, listing, numbers, step_size=step_size)
    client_id = given.get("newClientOrderId", "")
    if len(client_id) > 36:
        raise VenueError(-4015, "Client order id length should be less than 36 chars")
    if client_id and not _CLIENT_ID.fullmatch(client_id):
        raise VenueError(
            -1100,
            "Illegal characters found in parameter 'newClientOrderId'; legal range is '^[\\.A-Z\\:/a-z0-9_-]{1,36}$'.",
        )
    common: dict[str, Any] = {
        "symbol": listing.symbol,
        "side": side,
        "lots": lots,
        "reduce_only": boolean(given, "reduceOnly"),
        "client_id": client_id,
    }
    if kind == "MARKET":
        for name in ("price", "timeInForce", "goodTillDate"):
            if given.get(name):
                raise VenueError(-1106, f"Parameter '{name}' sent when not required.")
        return NewOrder(kind="MARKET", **common)
    text = given.get("timeInForce", "")
    if not text:
        raise missing("timeInForce")
    if text not in _TIMES_IN_FORCE:
        raise VenueError(-1115, "Invalid timeInForce.")
    return NewOrder(
        kind="LIMIT",
        ticks=ticks_of(given, listing, numbers),
        time_in_force=_TIMES_IN_FORCE[text],
        good_till_us=_good_till_us(given, now_ms) if text == "GTD" else 0,
        **common,
    )


def side_of(given: Parameters) -> int:
    """Read the side.

    Raises:
        VenueError: -1102 or -1117.
    """
    text = given.get("side", "")
    if not text:
        raise missing("side")
    if text not in ("BUY", "SELL"):
        raise VenueError(-1117, "Invalid side.")
    return BID if text == "BUY" else ASK


def lots_of(given: Parameters, listing: ListedContract, numbers: Numbers, *, step_size: str) -> int:
    """Read the quantity in lots.

    Raises:
        VenueError: -1102, -1100, -1111, -4004, -4005 or -4023.
    """
    quantity = _decimal(given, "quantity")
    if decimal_digits(quantity) > numbers.size_digits:
        raise VenueError(-1111, "Precision is over the maximum defined for this asset.")
    if quantity > MAX_LOTS * listing.lot_size:
        raise VenueError(-4005, "Quantity greater than max quantity.")
    step = Decimal(step_size) if step_size else listing.lot_size
    if 0 < quantity < step:
        raise VenueError(-4004, "Quantity less than min quantity.")
    if quantity % step or quantity % listing.lot_size:
        raise VenueError(-4023, "Qty not increased by step size.")
    return int(quantity / listing.lot_size)


def ticks_of(given: Parameters, listing: ListedContract, numbers: Numbers) -> int:
    """Read the price in ticks of the listing.

    Raises:
        VenueError: -1102, -1100, -1111, -4002 or -4014.
    """
    price = _decimal(given, "price")
    if decimal_digits(price) > numbers.price_digits + len(str(numbers.factor)) - 1:
        raise VenueError(-1111, "Precision is over the maximum defined for this asset.")
    if price > max_price_ticks(listing) * listing.tick_size:
        raise VenueError(-4002, "Price greater than max price.")
    ticks = int(price / listing.tick_size)
    # On a finer tick each price of the book has one of the finer ones; those between have no level.
    if Decimal(numbers.price(ticks)) != price:
        raise VenueError(-4014, "Price not increased by tick size.")
    return ticks


def boolean(given: Parameters, name: str) -> bool:
    """Read a flag; absent is false.

    Raises:
        VenueError: Neither ``true`` nor ``false``.
    """
    text = given.get(name, "").lower()
    if text not in ("", "true", "false"):
        raise VenueError(-1130, f"Data sent for parameter '{name}' is not valid.")
    return text == "true"


def number(given: Parameters, name: str, default: int, *, low: int = 0, high: int = 2**62) -> int:
    """Read a whole number.

    Raises:
        VenueError: Not a number, or outside the bounds.
    """
    text = given.get(name, "")
    if not text:
        return default
    value = whole_number(text)
    if value is None:
        raise VenueError(-1100, f"Illegal characters found in parameter '{name}'; legal range is '^[0-9]{{1,20}}$'.")
    if not low <= value <= high:
        raise VenueError(-1130, f"Data sent for parameter '{name}' is not valid.")
    return value


def window_us(given: Parameters) -> tuple[int, int]:
    """Read ``startTime`` and ``endTime`` as bounds in microseconds, inclusive to the millisecond.

    Raises:
        VenueError: Not numbers, or the start is after the end.
    """
    start_ms, end_ms = number(given, "startTime", 0), number(given, "endTime", 2**50)
    if end_ms < start_ms:
        raise VenueError(-1023, "Start time is greater than end time.")
    return start_ms * 1000, end_ms * 1000 + 999


def _check_modes(given: Parameters) -> None:
    if given.get("positionSide", "BOTH") != "BOTH":
        raise VenueError(-4061, "Order's position side does not match user's setting.")
    if boolean(given, "closePosition"):
        raise VenueError(-4136, f"Target strategy invalid for orderType {given['type']},closePosition true")
    for name, only in (("priceMatch", ("NONE",)), ("selfTradePreventionMode", ("EXPIRE_MAKER",))):
        if given.get(name, only[0]) not in only:
            raise VenueError(-1130, f"Data sent for parameter '{name}' is not valid.")
    if given.get("newOrderRespType", "ACK") not in ("ACK", "RESULT"):
        raise VenueError(-1130, "Data sent for parameter 'newOrderRespType' is not valid.")


def _good_till_us(given: Parameters, now_ms: int) -> int:
    till_ms = number(given, "goodTillDate", 0)
    if not till_ms:
        raise missing("goodTillDate")
    if till_ms < now_ms + _MIN_LIFE_MS:
        raise VenueError(-1130, "Data sent for parameter 'goodTillDate' is not valid.")
    return till_ms // 1000 * 1_000_000


def _decimal(given: Parameters, name: str) -> Decimal:
    text = given.get(name, "")
    if not text:
        raise missing(name)
    if not _DECIMAL.fullmatch(text):
        raise VenueError(-1100, f"Illegal characters found in parameter '{name}'; legal range is '{_LEGAL}'.")
    return Decimal(text)
