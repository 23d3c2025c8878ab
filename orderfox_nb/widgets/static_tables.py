"""One frame of the trades and of the liquidations as SVG."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import repeat
from typing import Any, Final

from orderfox_nb.widgets.static_svg import (
    HEADER,
    ROW,
    Look,
    clock_text,
    panel,
    price_text,
    quality_text,
    short_text,
    text,
    units_text,
)

WHOLE_MARKET: Final = "*"
"""The symbol of a frame that holds every symbol's orders."""
_UNKNOWN_DIGITS: Final = 4
"""Digits of a price whose symbol is not in the catalogue."""
_PLACES: Final = {3: (0.0, 0.64, 1.0), 4: (0.0, 0.52, 0.76, 1.0)}


def _row(y: float, width: float, cells: Sequence[tuple[str, str]]) -> str:
    """Write cells, the first at the left edge and the others right-aligned, by how many there are."""
    written: list[str] = []
    for place, (content, ink) in zip(_PLACES[len(cells)], cells, strict=True):
        x = 12 if place == 0 else min(width * place, width - 12)
        written.append(text(x, y + ROW / 2, content, fill=ink, anchor="end" if place else "start"))
    return "".join(written)


def tape_svg(
    frame: dict[str, Any], colours: Look, *, width: float = 300, height: float = 400, minimum_notional: float = 0.0
) -> str:
    """Draw the newest trades of a ``trades`` frame, newest above."""
    muted, plain = colours.muted, colours.text
    parts = [_row(HEADER + 2, width, [("Price", muted), ("Size", muted), ("Time UTC", muted)])]
    y = HEADER + 24
    least = minimum_notional * 10 ** (frame["price_digits"] + frame["size_digits"])
    for _, time, price, size, side in zip(*(reversed(column) for column in frame["trades"]), strict=True):
        if y + ROW > height:
            break
        if price * size < least:
            continue
        ink = colours.bid if side > 0 else colours.ask
        cells = [
            (units_text(price, frame["price_digits"]), ink),
            (units_text(size, frame["size_digits"]), plain),
            (clock_text(time), muted),
        ]
        parts.append(_row(y, width, cells))
        y += ROW
    note = f"{frame['symbol']} · {frame['rate']:.1f}/s · {quality_text(frame)}"
    return panel("Trades", note, parts, colours, width=width, height=height)


def liquidations_svg(
    frame: dict[str, Any], colours: Look, *, width: float = 300, height: float = 400, span: str = "1h"
) -> str:
    """Draw the newest orders of a ``liquidations`` frame under its sums, newest above; the whole market's by symbol."""
    shorts, longs = frame["sums"].get(span, (0, 0))
    whole = frame["symbol"] == WHOLE_MARKET
    y = HEADER + 4
    parts = [
        text(12, y + ROW / 2, f"{span} longs {short_text(longs)}", fill=colours.ask, weight=650),
        text(width - 12, y + ROW / 2, f"shorts {short_text(shorts)}", fill=colours.bid, anchor="end", weight=650),
    ]
    y += ROW + 2
    times, sides, prices, _, notionals, *own = frame["orders"]
    symbols, digits = own if whole else (repeat(""), repeat(frame["price_digits"]))
    for time, side, price, notional, symbol, places in zip(
        times, sides, prices, notionals, symbols, digits, strict=False
    ):
        if y + ROW > height:
            break
        ink = colours.bid if side > 0 else colours.ask
        kind = "short" if side > 0 else "long"
        told = price_text(price, _UNKNOWN_DIGITS if places is None else places)
        who = [(f"{kind} {symbol}", ink), (told, colours.text)] if whole else [(f"{kind} {told}", ink)]
        parts.append(_row(y, width, [*who, (f"{notional:,.0f} $", colours.text), (clock_text(time), colours.muted)]))
        y += ROW
    if not times:
        parts.append(text(12, y + ROW / 2, "None yet", fill=colours.muted))
    note = f"{'all symbols' if whole else frame['symbol']} · {quality_text(frame)}"
    return panel("Liquidations", note, parts, colours, width=width, height=height)
