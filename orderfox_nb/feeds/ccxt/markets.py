"""The markets of an exchange of ccxt as instruments: ticks and lots whatever its precision mode is."""

from __future__ import annotations

import logging
from collections.abc import Collection, Mapping
from decimal import Decimal
from math import floor, log10
from typing import Any, Final

from orderfox_nb.core.instrument import Instrument
from orderfox_nb.core.symbols import is_symbol_name
from orderfox_nb.feeds.base import Listing
from orderfox_nb.feeds.ccxt.venues import Kind
from orderfox_nb.feeds.venue.items import MarketChange

_log = logging.getLogger(__name__)

DECIMAL_PLACES: Final = 2
SIGNIFICANT_DIGITS: Final = 3
TICK_SIZE: Final = 4
"""ccxt's precision modes."""
_FINEST: Final = Decimal("1E-8")


def step_of(precision: Any, mode: int, *, price: float | None = None) -> Decimal:
    """Return the tick or lot size that a precision of ccxt stands for.

    Significant digits give another step in each decade of prices: the step of the decade below the present price is
    used, of which those of the decades above are multiples.

    Args:
        precision: As ``market["precision"]`` has it.
        mode: The exchange's ``precisionMode``.
        price: The present price; of sizes ``None``.

    Raises:
        ValueError: No precision, or one that cannot be read.
    """
    if precision is None:
        raise ValueError("no precision")
    value = Decimal(str(precision))
    if mode == TICK_SIZE:
        return value
    if mode == DECIMAL_PLACES:
        return Decimal(1).scaleb(-int(value))
    if price is None or price <= 0:
        return _FINEST
    return max(_FINEST, Decimal(1).scaleb(floor(log10(price)) - int(value)))


def contract_size(market: Mapping[str, Any]) -> float:
    """Return the base quantity of one unit of a market's sizes."""
    return float(market.get("contractSize") or 1) if market.get("contract") else 1.0


def symbol_of(market: Mapping[str, Any]) -> str:
    """Return the venue's id of a market; base and quote where the id is a bare number, or no name of a symbol."""
    symbol = str(market["id"])
    if is_symbol_name(symbol) and any(character.isalpha() for character in symbol):
        return symbol
    return f"{market['base']}-{market['quote']}"


def why_not(market: Mapping[str, Any], kind: Kind) -> str:
    """Return why a market is not among those of a kind, empty if it is."""
    if not market.get(kind) or market.get("option") or market.get("future"):
        return f"it is not a {kind} market"
    if kind == "swap" and not market.get("linear"):
        return "its contracts are worth a fixed amount of quote currency, which no size in base currency is"
    return ""


def instrument_of(market: Mapping[str, Any], mode: int, *, venue: str, price: float | None = None) -> Instrument:
    """Convert a market.

    Raises:
        ValueError: It has no valid steps, or no valid name.
    """
    precision = market["precision"]
    base, quote = str(market["base"]), str(market["quote"])
    if not (is_symbol_name(base) and is_symbol_name(quote)):
        raise ValueError("a name that is not that of a symbol")
    lots = step_of(precision.get("amount"), mode) if mode != SIGNIFICANT_DIGITS else _FINEST
    created = market.get("created")
    return Instrument(
        venue=venue,
        symbol=symbol_of(market),
        unified=str(market["symbol"]),
        base=base,
        quote=quote,
        tick_size=step_of(precision.get("price"), mode, price=price).normalize(),
        lot_size=(lots * Decimal(str(contract_size(market)))).normalize(),
        onboard_us=created * 1_000 if isinstance(created, int) and created > 0 else 0,
    )


class CcxtMarkets:
    """The markets of one kind by symbol, and whether they are traded: the engine's ``MarketStates``.

    Args:
        load: Reads the exchange's markets, again where that is requested; returns them by unified name.
        mode: The exchange's precision mode.
        kind: Which markets are meant.
        venue: Name for instruments.
    """

    def __init__(self, load: Any, mode: int, kind: Kind, *, venue: str) -> None:
        self._load = load
        self._mode = mode
        self._kind: Kind = kind
        self._venue = venue
        self._left_out = 0
        self.known: dict[str, Mapping[str, Any]] = {}
        """Markets by symbol."""
        self._refused: dict[str, str] = {}
        self._gone: set[str] = set()
        """Symbols that were in a list and are not in the last one; of them ``known`` has what was listed."""
        self.changed = _nothing

    async def load(self, symbols: Collection[str]) -> None:  # noqa: ARG002 - ccxt reads all of them
        await self.read(again=bool(self.known))

    async def read(self, *, again: bool = False) -> None:
        """Read the markets.

        Raises:
            FeedError: The venue cannot be asked.
        """
        markets = await self._load(again)
        known: dict[str, Mapping[str, Any]] = {}
        refused: dict[str, str] = {}
        for market in markets.values():
            reason = why_not(market, self._kind)
            if reason:
                refused.setdefault(str(market["id"]), reason)
            else:
                known[symbol_of(market)] = market
        if not known and self.known:
            # A broken answer: a venue never delists all symbols at once.
            return
        gone = {name: {**market, "active": False} for name, market in self.known.items() if name not in known}
        self._gone = set(gone)
        self._refused = {name: why for name, why in refused.items() if name not in known}
        self.known = known | gone
        self.changed()

    def lacks(self, symbols: Collection[str]) -> bool:  # noqa: ARG002
        return not self.known

    def state(self, symbol: str) -> MarketChange:
        market = self.known.get(symbol)
        if symbol in self._gone:
            return MarketChange("halted", f"{symbol} is delisted (no longer in the venue's list)")
        if market is not None and market.get("active") is False:
            return MarketChange("halted", f"{symbol} is not traded at {self._venue} at the moment")
        if symbol in self._refused:
            return MarketChange("halted", f"{symbol} is not shown: {self._refused[symbol]}")
        return MarketChange()

    def listings(self, prices: Mapping[str, float]) -> list[Listing]:
        """Return the markets that are traded.

        Args:
            prices: The last ones by unified name, as far as they are known.
        """
        found: list[Listing] = []
        problem, count = "", 0
        for market in self.known.values():
            if market.get("active") is False:
                continue
            try:
                price = prices.get(str(market["symbol"]))
                instrument = instrument_of(market, self._mode, venue=self._venue, price=price)
            except (ValueError, ArithmeticError, KeyError, TypeError) as error:
                count += 1
                problem = problem or f"{market.get('id')!r}: {error}"
                continue
            found.append(Listing(instrument=instrument, kind="SPOT" if self._kind == "spot" else "PERPETUAL"))
        if count > self._left_out:
            _log.warning("%s: %d markets are left out, the first for: %s", self._venue, count, problem)
        self._left_out = count
        return found


def _nothing() -> None:
    """Nobody asks."""
