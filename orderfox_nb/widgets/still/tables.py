"""One frame of the trades and of the liquidations as SVG."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import repeat
from typing import Any, Final

from orderfox_nb.market.svg.pieces import (
    HEADER,
    ROW,
    Colours,
    clock_text,
    column_room,
    fitting,
    panel,
    price_text,
    quality_text,
    short_text,
    table,
    text,
    text_width,
    units_text,
)

WHOLE_MARKET: Final = "*"
"""The symbol of a frame that holds every symbol's orders."""
_SHORT_FROM: Final = 1_000
"""Below it the short form of a notional is no shorter."""


def tape_svg(
    frame: dict[str, Any], colours: Colours, *, width: float = 300, height: float = 400, minimum_notional: float = 0.0
) -> str:
    """Draw the newest trades of a ``trades`` frame, newest above."""
    muted, plain = colours.muted, colours.text
    titles = [("Price", muted), ("Size", muted), ("Time UTC", muted)]
    minimum = minimum_notional * 10 ** (frame["price_digits"] + frame["size_digits"])
    newest = zip(*(reversed(column) for column in frame["trades"][:5]), strict=True)
    fit = int((height - HEADER - 2) // ROW) - 1
    shown = [row for row in newest if row[2] * row[3] >= minimum][:fit]
    prices = [units_text(price, frame["price_digits"]) for _, _, price, _, _ in shown]
    room = column_room(width, (prices, ("Time UTC",)))
    size_text = fitting([size for _, _, _, size, _ in shown], frame["size_digits"], room)
    rows = [
        [(price, colours.bid if side > 0 else colours.ask), (size_text(size), plain), (clock_text(time), muted)]
        for price, (_, time, _, size, side) in zip(prices, shown, strict=True)
    ]
    parts = [table(HEADER + 2, width, [titles, *rows])]
    note = f"{frame['symbol']} · {frame['rate']:.1f}/s · {quality_text(frame)}"
    return panel("Trades", note, parts, colours, width=width, height=height)


def _who(order: Sequence[Any], *, whole: bool) -> tuple[str, ...]:
    """Return what was liquidated, and at which price: one text, or two where orders are of many symbols."""
    _, side, price, _, symbol, places = order
    kind = "short" if side > 0 else "long"
    at = price_text(price, places)
    return (f"{kind} {symbol}", at) if whole else (f"{kind} {at}",)


def liquidations_svg(
    frame: dict[str, Any], colours: Colours, *, width: float = 300, height: float = 400, span: str = "1h"
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
    count = int((height - y) // ROW)
    orders = list(zip(times, sides, prices, notionals, symbols, digits, strict=False))[:count]
    who = [_who(order, whole=whole) for order in orders]
    paid = [f"{notional:,.0f} $" for _, _, _, notional, _, _ in orders]
    room = column_room(width, (*zip(*who, strict=True), ("00:00:00",)))
    if max((text_width(one) for one in paid), default=0.0) > room:
        paid = [
            f"{short_text(notional) if notional >= _SHORT_FROM else round(notional)} $"
            for _, _, _, notional, _, _ in orders
        ]
    rows = [
        [
            (names[0], colours.bid if order[1] > 0 else colours.ask),
            *((one, colours.text) for one in (*names[1:], value)),
            (clock_text(order[0]), colours.muted),
        ]
        for order, names, value in zip(orders, who, paid, strict=True)
    ]
    parts.append(table(y, width, rows))
    if not times:
        parts.append(text(12, y + ROW / 2, "None yet", fill=colours.muted))
    note = f"{'all symbols' if whole else frame['symbol']} · {quality_text(frame)}"
    return panel("Liquidations", note, parts, colours, width=width, height=height)
