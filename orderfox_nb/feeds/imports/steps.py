"""Ticks and lots of a symbol from every price and size that a file has of it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from decimal import Decimal
from math import gcd
from pathlib import Path
from typing import Final

import msgspec

from orderfox_nb.core.events import BookDelta, BookSnapshot, Candle, Event, Liquidation, MarkPrice, Ticker, Trade
from orderfox_nb.core.instrument import MAX_DIGITS, Instrument
from orderfox_nb.core.symbols import unified_name
from orderfox_nb.errors import RecordingError
from orderfox_nb.feeds.binance.symbol_list import ExchangeInfo, ExchangeInfoRow, SpotRow, instrument_from
from orderfox_nb.feeds.http import decode_json
from orderfox_nb.feeds.venue.rows import Rows

_QUOTES: Final = ("USDT", "USDC", "FDUSD", "TUSD", "BUSD", "USD", "EUR", "TRY", "BTC", "ETH", "BNB")
_REMEMBERED: Final = 200_000
_PLAIN: Final = re.compile(r"[0-9]+(\.[0-9]+)?")

_decode_levels = msgspec.json.Decoder(list[tuple[str | float, str | float]]).decode


class Step:
    """The largest step that every number seen is a multiple of."""

    def __init__(self) -> None:
        self._digits = 0
        self._units = 0
        self._seen: set[str | float] = set()

    def add(self, number: str | float) -> None:
        """Note a price or a size, as text or as the float that the text was read as."""
        if number in self._seen:
            return
        if len(self._seen) >= _REMEMBERED:
            self._seen.clear()
        self._seen.add(number)
        text = number if isinstance(number, str) else repr(number)
        if not _PLAIN.fullmatch(text):
            text = f"{Decimal(text):f}"
        whole, _, rest = text.partition(".")
        rest = rest.rstrip("0")[:MAX_DIGITS]
        if len(rest) > self._digits:
            self._units *= 10 ** (len(rest) - self._digits)
            self._digits = len(rest)
        self._units = gcd(self._units, int(whole + rest.ljust(self._digits, "0")))

    def merge(self, other: Step) -> None:
        """Note what another one has seen."""
        if other.value is not None:
            self.add(f"{other.value:f}")

    def forget(self) -> None:
        """Free the memory of single numbers."""
        self._seen.clear()

    @property
    def value(self) -> Decimal | None:
        """The step, None if nothing but zeros was seen."""
        return Decimal(self._units).scaleb(-self._digits).normalize() if self._units else None


class SymbolSteps:
    """Prices and sizes of one symbol."""

    def __init__(self) -> None:
        self.price = Step()
        self.size = Step()
        self._others = Step()
        """Prices that need not be whole ticks, for a symbol that has no others."""

    def add(self, event: Event) -> None:
        """Note what an event says of the steps."""
        if isinstance(event, BookDelta | BookSnapshot):
            for raw in (event.raw_bids, event.raw_asks):
                for price, size in _decode_levels(raw):
                    self.price.add(price)
                    self.size.add(size)
        elif isinstance(event, Trade):
            self.price.add(event.price)
            self.size.add(event.size)
        elif isinstance(event, Candle):
            for price in (event.open, event.high, event.low, event.close):
                self.price.add(price)
            self.size.add(event.volume)
        elif isinstance(event, Liquidation):
            self._others.add(event.limit_price or event.price)
            self.size.add(event.size)
        elif isinstance(event, MarkPrice):
            self._others.add(event.mark_price)
        elif isinstance(event, Ticker):
            self.price.add(event.last)

    def merge(self, other: SymbolSteps) -> None:
        """Note what another one has seen of the same symbol."""
        self.price.merge(other.price)
        self.size.merge(other.size)

    def forget(self) -> None:
        """Free the memory of single numbers."""
        self.price.forget()
        self.size.forget()

    def instrument(self, venue: str, symbol: str) -> Instrument:
        """Return the instrument that the numbers imply."""
        quote = next((quote for quote in _QUOTES if symbol.endswith(quote) and symbol != quote), "")
        base = symbol.removesuffix(quote)
        return Instrument(
            venue=venue,
            symbol=symbol,
            unified=unified_name(base, quote, settle=quote if venue != "binance-spot" else "") if quote else symbol,
            base=base,
            quote=quote or "USDT",
            tick_size=self.price.value or self._others.value or Decimal(1),
            lot_size=self.size.value or Decimal(1),
        )

    def refine(self, instrument: Instrument) -> Instrument:
        """Return a given instrument with steps as fine as the numbers need."""
        return msgspec.structs.replace(
            instrument,
            tick_size=_common(instrument.tick_size, self.price.value),
            lot_size=_common(instrument.lot_size, self.size.value),
        )


def read_instruments(path: Path, venue: str) -> Mapping[str, Instrument]:
    """Read the symbols of an ``exchangeInfo`` that was saved beside a recording.

    Raises:
        RecordingError: It is not an ``exchangeInfo``.
    """
    found: dict[str, Instrument] = {}
    try:
        info: ExchangeInfo = decode_json(path.read_bytes(), ExchangeInfo)
    except OSError as error:
        raise RecordingError(path, f"a file that can be read ({error.strerror or error})") from None
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise RecordingError(path, f"the venue's answer to exchangeInfo ({error})") from None
    kind: type[ExchangeInfoRow] = SpotRow if venue == "binance-spot" else ExchangeInfoRow
    for row in Rows().read("exchangeInfo", info.symbols, kind):
        try:
            instrument = instrument_from(row, venue=venue)
        except (ValueError, ArithmeticError):
            continue
        if instrument is not None:
            found[instrument.symbol] = instrument
    return found


def _common(step: Decimal, other: Decimal | None) -> Decimal:
    both = Step()
    both.add(f"{step:f}")
    if other is not None:
        both.add(f"{other:f}")
    return both.value or step
