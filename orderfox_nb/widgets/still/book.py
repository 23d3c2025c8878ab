"""One frame of the order book, and of its depth, as SVG."""

from __future__ import annotations

from decimal import Decimal
from typing import Any, Final, NamedTuple

from orderfox_nb.market.svg.pieces import (
    COLUMN_GAP,
    HEADER,
    ROW,
    Anchor,
    Colours,
    fitting,
    line,
    panel,
    path,
    price_text,
    quality_text,
    rect,
    short_text,
    text,
    text_width,
    units_text,
)

_MIDDLE = 32.0
_HEADROOM: Final = 1.15
"""Above the largest sum, for what is written there."""
_SIDE: Final[dict[int, Anchor]] = {-1: "end", 1: "start"}


class LadderRow(NamedTuple):
    """One row of the price axis, in the frame's whole units."""

    price: int
    size: int | None
    """None if no level lies on the row."""
    total: int | None
    """Sum up to the row; None before the first level of the side."""


def ladder_rows(frame: dict[str, Any], count: int) -> tuple[list[LadderRow], list[LadderRow]]:
    """Return the rows of bids and asks outward from the middle: every step of a row's height is a row.

    Args:
        frame: A ``book`` frame.
        count: Rows a side; fewer where the frame does not reach so far.
    """
    unit = max(1, int(Decimal(frame["rounding"]).scaleb(frame["price_digits"])))
    sides = [[round(price / unit) for price in frame[name][0]] for name in ("bids", "asks")]
    bids, asks = sides
    if not bids and not asks:
        return [], []
    boundary = (bids[0] + asks[0]) // 2 if bids and asks else bids[0] if bids else asks[0] - 1
    found: list[list[LadderRow]] = []
    for name, keys, first, step in (("bids", bids, boundary, -1), ("asks", asks, boundary + 1, 1)):
        _, sizes, totals = frame[name][:3]
        rows: list[LadderRow] = []
        at = -1
        for key in range(first, first + step * count, step):
            if key < 1 or (keys and len(keys) >= frame["rows"] and (key - keys[-1]) * step > 0):
                break
            while at + 1 < len(keys) and (keys[at + 1] - key) * step <= 0:
                at += 1
            own = at >= 0 and keys[at] == key
            rows.append(LadderRow(key * unit, sizes[at] if own else None, totals[at] if at >= 0 else None))
        found.append(rows)
    return found[0], found[1]


def book_svg(frame: dict[str, Any], colours: Colours, *, width: float = 320, height: float = 640) -> str:
    """Draw the ladder of a ``book`` frame as a price axis: asks above bids, as many rows as fit."""
    top = HEADER + 24
    fit = int((height - top - _MIDDLE - 6) / 2 // ROW)
    prices, sizes = frame["price_digits"], frame["size_digits"]
    bids, asks = ladder_rows(frame, fit)
    rows = [*asks, *bids]
    largest = max([1, *(one.total or 0 for one in rows)])
    size_end, total_end = width * 0.62, width - 12
    columns: tuple[tuple[float, str, Anchor], ...] = (
        (12, "Price", "start"),
        (size_end, "Size", "end"),
        (total_end, "Total", "end"),
    )
    parts = [text(x, HEADER + 12, name, fill=colours.muted, size=11.5, anchor=anchor) for x, name, anchor in columns]
    middle = top + fit * ROW
    widest = max((text_width(units_text(one.price, prices)) for one in rows), default=0.0)
    size_text = fitting([one.size or 0 for one in rows], sizes, size_end - 12 - widest - COLUMN_GAP)
    total_text = fitting([one.total or 0 for one in rows], sizes, total_end - size_end - COLUMN_GAP)

    def draw(y: float, row: LadderRow, ink: str) -> None:
        share = width * (row.total or 0) / largest
        parts.append(rect(width - share, y + 1, share - 1, ROW - 2, fill=ink, opacity=0.14))
        parts.append(text(12, y + ROW / 2, units_text(row.price, prices), fill=ink))
        if row.size is not None:
            parts.append(text(size_end, y + ROW / 2, size_text(row.size), fill=colours.text, anchor="end"))
        if row.total is not None:
            parts.append(text(total_end, y + ROW / 2, total_text(row.total), fill=colours.muted, anchor="end"))

    for at, row in enumerate(asks):
        draw(middle - (at + 1) * ROW, row, colours.ask)
    for at, row in enumerate(bids):
        draw(middle + _MIDDLE + at * ROW, row, colours.bid)
    parts.append(rect(1, middle, width - 2, _MIDDLE, fill=colours.raised))
    bid, ask, digits = frame["best_bid"], frame["best_ask"], frame["tick_digits"]
    if bid is not None and ask is not None:
        mid = units_text((bid + ask) * 5, digits + 1)
        share = f"{2e4 * (ask - bid) / (ask + bid):.2f} bp"
        spread = f"spread {units_text(ask - bid, digits)} · {share}"
        room = width - 24 - text_width(mid, 16) - COLUMN_GAP
        parts.append(text(12, middle + _MIDDLE / 2, mid, fill=colours.text, size=16, weight=650))
        label = spread if text_width(spread) <= room else share
        parts.append(text(width - 12, middle + _MIDDLE / 2, label, fill=colours.muted, anchor="end"))
    else:
        parts.append(text(12, middle + _MIDDLE / 2, "one side is empty", fill=colours.muted))
    note = f"{frame['symbol']} · by {frame['rounding']} · {quality_text(frame)}"
    return panel("Order book", note, parts, colours, width=width, height=height)


def depth_svg(frame: dict[str, Any], colours: Colours, *, width: float = 640, height: float = 320) -> str:
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
        label = price_text(price, frame["price_digits"])
        parts.append(text(x, height - 13, label, fill=colours.muted, size=11, anchor=anchor))
    return panel("Depth", note, parts, colours, width=width, height=height)
