"""Symbol names as users write them, suggestions for unknown ones, and row heights that fit a price."""

from __future__ import annotations

import re
from collections.abc import Sequence
from decimal import Decimal
from math import log
from typing import Final

from orderfox_nb.core.events import WHOLE_MARKET
from orderfox_nb.core.formatting import plain
from orderfox_nb.core.instrument import Instrument
from orderfox_nb.errors import BadValue, UnknownSymbol

SUGGESTIONS: Final = 3

PREFERRED_QUOTE: Final = "USDT"
_QUOTES: Final = (PREFERRED_QUOTE, "USDC", "BUSD", "FDUSD", "USD")
_SEPARATORS: Final = re.compile(r"[\s/_-]+")
_MAX_LENGTH: Final = 40
_NAME: Final = re.compile(rf"[^\s,?&#%/\\@]{{1,{_MAX_LENGTH}}}")
_MULTIPLE: Final = re.compile(r"(?:(10{2,8})|(1M|k))([A-Z][A-Z0-9]*)")
_SHORT_MULTIPLES: Final = {"1M": 1_000_000, "k": 1_000}
VENUE_FORM: Final = r"[A-Za-z0-9_.-]{1,40}"
"""Regular expression of a venue's name, which is a part of every key."""
_VENUE: Final = re.compile(VENUE_FORM)
_OPTIONS: Final = 7
_MAX_OPTION: Final = Decimal(1_000)
_ROW_SHARE: Final = 3e-4
"""Height of a ladder's row beside the price: 20 rows a side then reach 0.4 to 0.95 % from the best price."""


def is_symbol_name(text: str) -> bool:
    """Return whether a text can be a symbol's id: none of its characters has a meaning in a path, a key or a stream."""
    return text != WHOLE_MARKET and _NAME.fullmatch(text) is not None and text.isprintable()


def is_venue_name(text: str) -> bool:
    """Return whether a text can be the name of a venue, which is a part of every key."""
    return _VENUE.fullmatch(text) is not None


def canonical(text: str) -> str:
    """Return the venue's id of a symbol in any case, also as BTC/USDT and as ccxt's BTC/USDT:USDT."""
    return text.strip().upper().partition(":")[0].replace("/", "")


def unified_name(base: str, quote: str, *, settle: str = "") -> str:
    """Return the name that a market has on every venue: ``BTC/USDT`` of spot, ``BTC/USDT:USDT`` of a perpetual.

    A multiple is an asset of its own: ``1000PEPE/USDT:USDT`` is never ``PEPE/USDT:USDT``.

    Args:
        base: What is traded.
        quote: The currency of the price.
        settle: The currency in which a contract is settled; empty for spot.
    """
    return f"{base}/{quote}" + (f":{settle}" if settle else "")


def is_unified(text: str) -> bool:
    """Return whether a text is a name as of ``unified_name``: a venue's own id has no slash."""
    return "/" in text


def split_multiple(base: str) -> tuple[int, str]:
    """Return how many units of which asset a base is: ``(1000, "PEPE")`` of ``1000PEPE``, ``(1, "BTC")`` of ``BTC``."""
    found = _MULTIPLE.fullmatch(base)
    if found is None:
        return 1, base
    digits, short, asset = found.groups()
    return int(digits) if digits else _SHORT_MULTIPLES[short], asset


def is_of_asset(instrument: Instrument, text: str) -> bool:
    """Return whether an instrument trades an asset, or a multiple of it: ``pepe`` also means 1000PEPE/USDT.

    Args:
        instrument: What is traded.
        text: A base, or base and quote, in any case and with any separator.
    """
    wanted = _SEPARATORS.sub("", text.strip().partition(":")[0]).upper()
    bases = {instrument.base, split_multiple(instrument.base)[1]}
    return bool(wanted) and any(wanted in (base.upper(), f"{base}{instrument.quote}".upper()) for base in bases)


def symbol_text(value: object) -> str:
    """Check that a value can be a symbol, and return it.

    Raises:
        BadValue: It is not a text, or empty.
    """
    if isinstance(value, str) and value.strip():
        return value
    raise BadValue("symbol", value, "a name such as BTCUSDT")


def resolve_symbol(text: str, symbols: Sequence[str], names: Sequence[str] = ()) -> str:
    """Return the venue's id of a symbol in any form that people write: ``btc``, ``BTC-USDT``, ``BTC/USDT:USDT``.

    The first rule that matches decides: the exact id, the unified name, the id in any case, base and quote with or
    without a separator between them, the base asset alone. Of several symbols with one base the one quoted in USDT is
    meant, otherwise the largest. A name that says how it is settled, after a colon, means that contract alone.

    Args:
        text: As it was typed or stands in a link.
        symbols: The ids there are, largest volume first.
        names: The unified name of each, where they are known.

    Raises:
        UnknownSymbol: The text matches none of them; carries up to three suggestions.
    """
    asked = text.strip()
    if asked in symbols:
        return asked
    ids: dict[str, str] = {}
    for symbol in symbols:
        ids.setdefault(symbol.upper(), symbol)
    folded = asked.upper()
    named = dict(zip((name.upper() for name in reversed(names)), reversed(symbols), strict=True)) if names else {}
    if folded in named:
        return named[folded]
    pair, _, settled_in = folded.partition(":")
    if named and settled_in:
        raise UnknownSymbol(asked, suggest(asked, symbols, names))
    for name, symbol in zip(names, symbols, strict=False):
        if "-" not in name.partition(":")[2]:
            ids.setdefault(_pair(name), symbol)
    joined = _SEPARATORS.sub("", pair)
    # A dated contract, BTC/USDT:USDT-260925, is another one than the perpetual.
    forms = [folded] if not joined or "-" in settled_in else [folded, joined, joined + PREFERRED_QUOTE]
    for form in forms:
        if form in ids:
            return ids[form]
    if len(forms) > 1:
        same_base = {joined + quote for quote in _QUOTES} & ids.keys()
        if same_base:
            return next(symbol for folded, symbol in ids.items() if folded in same_base)
    raise UnknownSymbol(asked, suggest(asked, symbols, names))


def _pair(name: str) -> str:
    """Return base and quote of a unified name in one word."""
    return name.upper().partition(":")[0].replace("/", "")


def suggest(asked: str, symbols_by_volume: Sequence[str], names: Sequence[str] = ()) -> tuple[str, ...]:
    """Return at most three symbols that may have been meant, closest first, the larger volume where equally close.

    Args:
        asked: As it was typed, in any form that ``canonical`` takes.
        symbols_by_volume: The symbols there are, largest volume first.
        names: The unified name of each, where they are known.
    """
    wanted = canonical(asked)
    if not wanted or len(wanted) > _MAX_LENGTH:
        return ()
    found: list[tuple[float, int, str]] = []
    for rank, symbol in enumerate(symbols_by_volume):
        distance = _distance(wanted, _pair(names[rank]) if names else symbol)
        if distance is not None:
            found.append((distance, rank, symbol))
    found.sort()
    # Where one is clearly meant, those that are a typing error further away only confuse.
    return tuple(symbol for distance, _, symbol in found[:SUGGESTIONS] if distance <= found[0][0] + 1)


def rounding_options(tick_size: Decimal, price: float | Decimal | None) -> list[Decimal]:
    """Return the row heights to choose from, ascending: tick size times powers of ten.

    Args:
        tick_size: Tick size of the instrument, always the first option.
        price: The last one; the options go up to a tenth of it, to 1,000 if it is unknown.
    """
    known = price is not None and price > 0
    largest = Decimal(str(price)) / 10 if known else _MAX_OPTION
    steps = [tick_size.scaleb(power) for power in range(_OPTIONS)]
    return [plain(step) for step in steps if step == tick_size or step <= largest]


def default_rounding(options: Sequence[Decimal]) -> Decimal:
    """Return the third option, the last one where there are fewer."""
    return options[min(2, len(options) - 1)]


def ladder_heights(tick_size: Decimal, price: float | Decimal | None) -> list[Decimal]:
    """Return the row heights of a ladder on a screen, ascending: tick size times 1, 2 and 5 times powers of ten.

    Args:
        tick_size: Tick size of the instrument, always the first one.
        price: The last one; the heights go up to a tenth of it. Where it is unknown they are ``rounding_options``.
    """
    if price is None or price <= 0:
        return rounding_options(tick_size, price)
    largest = Decimal(str(price)) / 10
    steps = [tick_size.scaleb(power) * factor for power in range(24) for factor in (1, 2, 5)]
    return [plain(step) for step in steps if step == tick_size or step <= largest]


def nearest_height(asked: Decimal, heights: Sequence[Decimal]) -> Decimal:
    """Return the row height that is offered and nearest to another one, by ratio."""
    # Of any length of digits: a logarithm of the decimal itself needs no float that could be zero.
    wanted = asked.log10()
    return min(heights, key=lambda height: abs(height.log10() - wanted))


def ladder_height(tick_size: Decimal, price: float | Decimal | None) -> Decimal:
    """Return the row height with which a ladder shows a useful range of prices, whatever the symbol."""
    heights = ladder_heights(tick_size, price)
    if price is None or price <= 0:
        return default_rounding(heights)
    wanted = log(float(price) * _ROW_SHARE)
    return min(heights, key=lambda height: abs(log(float(height)) - wanted))


def _distance(wanted: str, symbol: str) -> float | None:
    """Return how far a symbol is from what was asked, in typing errors; None if it is too far."""
    if symbol.startswith(wanted):
        return 0.0
    base = next((symbol.removesuffix(quote) for quote in _QUOTES if symbol.endswith(quote)), symbol)
    max_edits = max(1, min(3, len(wanted) // 3))
    nearest = min(_edits(wanted, symbol, max_edits), _edits(wanted, base, max_edits) + 0.5)
    if wanted.startswith(symbol):
        return min(nearest, 1.0)
    if wanted in symbol or (len(base) > 2 and base in wanted):
        return min(nearest, 1.75)
    return nearest if nearest <= max_edits else None


def _edits(left: str, right: str, max_edits: int) -> int:
    """Count insertions, deletions, replacements and swaps of neighbours, up to ``max_edits + 1``."""
    start = 0
    while start < min(len(left), len(right)) and left[start] == right[start]:
        start += 1
    left, right = left[start:], right[start:]
    while left and right and left[-1] == right[-1]:
        left, right = left[:-1], right[:-1]
    if abs(len(left) - len(right)) > max_edits:
        return max_edits + 1
    before, last = list[int](), list(range(len(right) + 1))
    for i, a in enumerate(left, 1):
        row = [i]
        for j, b in enumerate(right, 1):
            cost = min(last[j] + 1, row[j - 1] + 1, last[j - 1] + (a != b))
            if i > 1 and j > 1 and a == right[j - 2] and left[i - 2] == b:
                cost = min(cost, before[j - 2] + 1)
            row.append(cost)
        if min(row) > max_edits:
            return max_edits + 1
        before, last = last, row
    return last[-1]
