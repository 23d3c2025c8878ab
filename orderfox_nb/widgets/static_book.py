"""One frame of the order book, and of its depth, as SVG."""

from __future__ import annotations

from typing import Any, Final

from orderfox_nb.widgets.static_svg import (
    HEADER,
    ROW,
    Anchor,
    Look,
    line,
    panel,
    path,
    price_text,
    quality_text,
    rect,
    short_text,
    text,
    units_text,
)

_MIDDLE = 32.0
_HEADROOM: Final = 1.15
"""Above the largest sum, for what is written there."""
_SIDE: Final[dict[int, Anchor]] = {-1: "end", 1: "start"}


def book_svg(frame: dict[str, Any], colours: Look, *, width: float = 320, height: float = 640) -> str:
    """Draw the ladder of a ``book`` frame: asks above bids, as many rows as fit."""
    top = HEADER + 24
    fit = int((height - top - _MIDDLE - 6) / 2 // ROW)
    prices, sizes = frame["price_digits"], frame["size_digits"]
    asks, bids = ([column[:fit] for column in frame[side]] for side in ("asks", "bids"))
    largest = max([1, *asks[2], *bids[2]])
    columns: tuple[tuple[float, str, Anchor], ...] = (
        (12, "Price", "start"),
        (width * 0.64, "Size", "end"),
        (width - 12, "Total", "end"),
    )
    parts = [text(x, HEADER + 12, name, fill=colours.muted, size=11.5, anchor=anchor) for x, name, anchor in columns]
    middle = top + fit * ROW

    def row(y: float, price: int, size: int, total: int, ink: str) -> None:
        share = width * total / largest
        parts.append(rect(width - share, y + 1, share - 1, ROW - 2, fill=ink, opacity=0.14))
        parts.append(text(12, y + ROW / 2, units_text(price, prices), fill=ink))
        parts.append(text(width * 0.64, y + ROW / 2, units_text(size, sizes), fill=colours.text, anchor="end"))
        parts.append(text(width - 12, y + ROW / 2, units_text(total, sizes), fill=colours.muted, anchor="end"))

    for at, (price, size, total) in enumerate(zip(*asks, strict=True)):
        row(middle - (at + 1) * ROW, price, size, total, colours.ask)
    for at, (price, size, total) in enumerate(zip(*bids, strict=True)):
        row(middle + _MIDDLE + at * ROW, price, size, total, colours.bid)
    parts.append(rect(1, middle, width - 2, _MIDDLE, fill=colours.raised))
    bid, ask, digits = frame["best_bid"], frame["best_ask"], frame["tick_digits"]
    if bid is not None and ask is not None:
        mid = units_text((bid + ask) * 5, digits + 1)
        spread = f"spread {units_text(ask - bid, digits)} · {2e4 * (ask - bid) / (ask + bid):.2f} bp"
        parts.append(text(12, middle + _MIDDLE / 2, mid, fill=colours.text, size=16, weight=650))
        parts.append(text(width - 12, middle + _MIDDLE / 2, spread, fill=colours.muted, anchor="end"))
    else:
        parts.append(text(12, middle + _MIDDLE / 2, "one side is empty", fill=colours.muted))
    note = f"{frame['symbol']} · by {frame['rounding']} · {quality_text(frame)}"
    return panel("Order book", note, parts, colours, width=width, height=height)


def depth_svg(frame: dict[str, Any], colours: Look, *, width: float = 640, height: float = 320) -> str:
    """Draw the cumulative size of a ``depth`` frame over its whole range around the middle price."""
    top, bottom = HEADER + 10, height - 26
    note = f"{frame['symbol']} · ± {frame['range']} % · {quality_text(frame)}"
    middle = frame["middle"]
    if middle is None:
        empty = text(12, HEADER + 20, "one side is empty", fill=colours.muted)
        return panel("Depth", note, [empty], colours, width=width, height=height)
    reach = middle * float(frame["range"]) / 100
    largest = max([1, *frame["bids"][1], *frame["asks"][1]])
    parts: list[str] = []

    def x_of(price: float) -> float:
        return (price - middle + reach) / (2 * reach) * width

    def y_of(total: float) -> float:
        return bottom - total / (largest * _HEADROOM) * (bottom - top)

    for share in (0.5, 1):
        size = short_text(largest * share / 10 ** frame["size_digits"])
        parts.append(line(0, y_of(largest * share), width, y_of(largest * share), stroke=colours.line))
        parts.append(text(width - 8, y_of(largest * share) + 9, size, fill=colours.muted, size=11, anchor="end"))
    sums: list[str] = []
    for side, sign, known in zip(("bids", "asks"), (-1, 1), frame["known"], strict=True):
        ink = colours.bid if sign < 0 else colours.ask
        prices, totals, _ = frame[side]
        if not prices:
            continue
        sums.append(f"{short_text(totals[-1] / 10 ** frame['size_digits'])} {side}")
        across = [x_of(price / 10 ** frame["price_digits"]) for price in prices]
        points = [(across[0], bottom)]
        for x, before, total in zip(across, [0, *totals], totals, strict=False):
            points += [(x, y_of(before)), (x, y_of(total))]
        edge = x_of(middle + sign * reach)
        points += [(edge, y_of(totals[-1])), (edge, bottom)]
        parts.append(path(points, stroke=ink, fill=ink, opacity=0.14))
        if known is not None and (known - middle) * sign < reach:
            # Beyond the last snapshot only the levels that have changed since then are in the sums.
            parts.append(line(x_of(known), top, x_of(known), bottom, stroke=colours.muted, dash="4 4"))
            x = x_of(known) + sign * 6
            parts.append(text(x, top + 22, "known in part", fill=colours.muted, size=11, anchor=_SIDE[sign]))
    parts.append(line(x_of(middle), top, x_of(middle), bottom, stroke=colours.muted, dash="1 3"))
    parts.append(text(12, top + 4, f"{' · '.join(sums)} {frame['base_asset']}", fill=colours.muted, size=11.5))
    marks: tuple[tuple[float, Anchor, float], ...] = (
        (middle - reach, "start", 8),
        (middle, "middle", width / 2),
        (middle + reach, "end", width - 8),
    )
    for price, anchor, x in marks:
        told = price_text(price, frame["price_digits"])
        parts.append(text(x, height - 13, told, fill=colours.muted, size=11, anchor=anchor))
    return panel("Depth", note, parts, colours, width=width, height=height)
