"""Numbers from outside: text is read in ASCII digits only, and no number is beyond what its kind can be.

Python itself reads digits of every script, and ``1_000``; JSON has numbers of any size. The types below are checked
where a message is decoded, so that nothing behind it meets a negative size, a price of NaN or the year 300,000.
"""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Annotated, Final, TypeAlias

from msgspec import Meta

MAX_TIME_MS: Final = 253_402_300_799_000
"""The last moment of the year 9999."""
MAX_PRICE: Final = 1e18
MAX_AMOUNT: Final = 1e24

TimeUs: TypeAlias = Annotated[int, Meta(ge=0, le=MAX_TIME_MS * 1_000)]
TimeMs: TypeAlias = Annotated[int, Meta(ge=0, le=MAX_TIME_MS)]
Price: TypeAlias = Annotated[float, Meta(ge=0, le=MAX_PRICE)]
Amount: TypeAlias = Annotated[float, Meta(ge=0, le=MAX_AMOUNT)]
"""A size, or a sum of quote currency."""
Rate: TypeAlias = Annotated[float, Meta(ge=-1e6, le=1e6)]
Number: TypeAlias = Annotated[int, Meta(ge=-1, le=2**63 - 1)]
"""An id or a count; -1 stands for one that is unknown."""

_WHOLE: Final = re.compile(r"-?[0-9]{1,30}")
_DECIMAL: Final = re.compile(r"[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]{1,6})?")
_MAX_CHARACTERS: Final = 40


def whole_number(text: str) -> int | None:
    """Return a text as a whole number, None if it is not one: ASCII digits, at most 30 of them."""
    return int(text) if _WHOLE.fullmatch(text) else None


def decimal_number(text: str) -> Decimal | None:
    """Return a text as a finite number, None if it is not one: ASCII digits, at most 40 characters."""
    return Decimal(text) if len(text) <= _MAX_CHARACTERS and _DECIMAL.fullmatch(text) else None
