"""One line over minutes that are past as SVG: the price from low to high, volume, and liquidations by side."""

from __future__ import annotations

from typing import Any, Final

from orderfox_nb.market.svg.pieces import HEADER, Colours, panel, rect, text, time_text

_PRICE: Final = 0.6
"""Share of the height for the price; volume and liquidations have the rest."""
_EDGE: Final = 12.0


def minutes_svg(frame: dict[str, Any], colours: Colours, *, width: float = 900, height: float = 120) -> str:
    """Draw the bars of a ``candles`` frame of minutes, oldest at the left."""
    times, _, highs, lows, _, volumes = frame["bars"]
    if not times:
        empty = text(_EDGE, HEADER + 20, "No minutes yet", fill=colours.muted)
        return panel("Rewind", frame["symbol"], [empty], colours, width=width, height=height)
    _, shorts, longs, *_ = frame["liquidations"]
    top, bottom = HEADER + 6, height - 8
    price = (bottom - top) * _PRICE
    lane = bottom - top - price - 4
    low, high = min(lows), max(highs)
    per = (width - 2 * _EDGE) / len(times)
    per_price = price / ((high - low) or 1)
    per_volume = lane / (max(volumes) or 1)
    per_quote = lane / (max((*shorts, *longs), default=0) or 1)
    parts: list[str] = []
    for at, (bar_low, bar_high, volume) in enumerate(zip(lows, highs, volumes, strict=True)):
        x = _EDGE + at * per
        tall = max(1, (bar_high - bar_low) * per_price)
        parts.append(rect(x, bottom - volume * per_volume, per, volume * per_volume, fill=colours.muted, opacity=0.35))
        parts.append(rect(x, top + (high - bar_high) * per_price, per, tall, fill=colours.overlay2))
        sides = sorted(((shorts[at], colours.bid), (longs[at], colours.ask)), reverse=True)
        parts += [
            rect(x, bottom - quote * per_quote, per, quote * per_quote, fill=ink) for quote, ink in sides if quote > 0
        ]
    note = f"{frame['symbol']} · {time_text(times[0] * 1000)} – {time_text(times[-1] * 1000)}"
    return panel("Rewind", note, parts, colours, width=width, height=height)
