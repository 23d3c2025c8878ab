"""Columns of exact numbers as texts: many at once, from integers and by tables, several times as fast as one by one."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Final

import msgspec

from orderfox_nb.core.formatting import MAX_PLAIN, format_volume, format_volumes

_MAX_TABLE_DIGITS: Final = 3
_TABLE_WHOLES: Final = 10_000
_PLAIN_END: Final = int(MAX_PLAIN)


def decimals(units: Sequence[int], digits: int, *, most: int) -> list[str]:
    """Write exact decimals with all their digits.

    Args:
        units: At least one number in units of 10^-digits, none negative.
        digits: After the point.
        most: No number has more units.
    """
    if not digits:
        return _integers(units)
    scale: int = 10**digits
    if digits > _MAX_TABLE_DIGITS:
        texts = list(map(str, units))
        if min(units) < scale:
            texts = [text.zfill(digits + 1) for text in texts]
        return [f"{text[:-digits]}.{text[-digits:]}" for text in texts]
    tails = _tails(digits)
    if most < scale * _TABLE_WHOLES:
        wholes = _wholes()
        return [wholes[count // scale] + tails[count % scale] for count in units]
    return [f"{count // scale}{tails[count % scale]}" for count in units]


def sums(units: Sequence[int], digits: int, *, most: int) -> tuple[list[str], list[str]]:
    """Write sums twice: as ``decimals``, and as ``format_volume`` writes each.

    Args:
        units: At least one number in units of 10^-digits, none negative.
        digits: After the point.
        most: No number has more units.
    """
    scale: int = 10**digits
    if not digits or digits > _MAX_TABLE_DIGITS or most >= scale * _TABLE_WHOLES:
        return decimals(units, digits, most=most), format_volumes(units, digits)
    whole, part = [count // scale for count in units], [count % scale for count in units]
    wholes, tails, rounded, thousands = _wholes(), _tails(digits), _rounded_tails(digits), _thousands()
    exact = [wholes[w] + tails[p] for w, p in zip(whole, part, strict=True)]
    # Between two texts, exactly halfway, the binary fraction of a float decides: those are written one by one.
    volumes = [
        wholes[w] + rounded[p]
        if w < _PLAIN_END and rounded[p]
        else thousands[w]
        if thousands[w] and (p or w % 10 != 5)
        else f"{count / scale:.2f}"
        if w < _PLAIN_END
        else format_volume(count / scale)
        for w, p, count in zip(whole, part, units, strict=True)
    ]
    return exact, volumes


def _integers(units: Sequence[int]) -> list[str]:
    return msgspec.json.encode(units)[1:-1].decode().split(",")


@lru_cache(maxsize=1)
def _wholes() -> list[str]:
    """Return the whole parts of most sizes and sums (0.6 MB): joining two texts takes half the time of an f-string."""
    return [str(whole) for whole in range(_TABLE_WHOLES)]


@lru_cache(maxsize=_MAX_TABLE_DIGITS)
def _tails(digits: int) -> list[str]:
    """Return what stands behind the whole part of a number."""
    return [f".{part:0{digits}d}" for part in range(10**digits)]


@lru_cache(maxsize=_MAX_TABLE_DIGITS)
def _rounded_tails(digits: int) -> list[str]:
    """Return the same with two digits, empty if it is halfway between two texts or rounds up to the next whole."""
    texts: list[str] = []
    for part in range(10**digits):
        thousandths = part * 10 ** (_MAX_TABLE_DIGITS - digits)
        hundredths, beyond = (thousandths + 5) // 10, thousandths % 10 == 5
        texts.append("" if beyond or hundredths == 100 else f".{hundredths:02d}")
    return texts


@lru_cache(maxsize=1)
def _thousands() -> list[str]:
    """Return whole parts from 1,000 on in thousands, 1.05K, empty below (0.5 MB)."""
    rounded = [(whole + 5) // 10 for whole in range(1_000, _TABLE_WHOLES)]
    return [""] * 1_000 + [f"{count // 100}.{count % 100:02d}K" for count in rounded]
