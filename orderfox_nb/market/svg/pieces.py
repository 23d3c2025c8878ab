"""Pieces of a self-contained SVG: no script, no style sheet, no foreign address; every text is escaped."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from decimal import Decimal
from functools import partial
from html import escape
from typing import Any, Final, Literal, NamedTuple

from orderfox_nb.core.formatting import with_minus

Anchor = Literal["start", "middle", "end"]
HEADER: Final = 35.0
ROW: Final = 20.0
_FONT: Final = "Inter, system-ui, -apple-system, 'Segoe UI', Roboto, 'DejaVu Sans', sans-serif"


class Drawing(NamedTuple):
    """One widget as SVG, without the border and the caption of a still."""

    content: str
    width: float
    height: float


@dataclass(frozen=True)
class Colours:
    """Colours of a still, as the tokens of ``theme.css`` and ``candle_layer.css``."""

    background: str
    panel: str
    raised: str
    line: str
    text: str
    muted: str
    bid: str
    ask: str
    warning: str
    tag: str
    """Text on a box that is filled with ``bid`` or ``ask``."""
    overlay1: str
    overlay2: str
    overlay3: str
    overlay4: str


_PALETTES: Final = {
    "dark": Colours(
        background="#0d1117", panel="#131920", raised="#19212a", line="#222c37", text="#dbe3ea", muted="#8a96a2",
        bid="#2fbf8a", ask="#f76672", warning="#e9b949", tag="#0d1117",
        overlay1="#c58af9", overlay2="#4f9cf9", overlay3="#4cc3d9", overlay4="#9aa7b4",
    ),
    "light": Colours(
        background="#f4f6f8", panel="#ffffff", raised="#f0f3f6", line="#dfe5ea", text="#18222c", muted="#586673",
        bid="#08744c", ask="#c22a43", warning="#855c00", tag="#ffffff",
        overlay1="#8a3ffc", overlay2="#1f6feb", overlay3="#0b7f95", overlay4="#5c6975",
    ),
}  # fmt: skip
_SAFE: Final = {
    "dark": {"bid": "#4a9bf5", "ask": "#e8862e", "overlay2": "#d3c164", "overlay3": "#b6c2cc"},
    "light": {"bid": "#1660c4", "ask": "#a35200", "overlay2": "#7a6a00", "overlay3": "#3d4a56"},
}


def colours_of(theme: str = "dark", palette: str = "standard") -> Colours:
    """Return the colours of a theme (dark, light) and a palette (standard, safe).

    Raises:
        ValueError: There is no such theme or palette.
    """
    if theme not in _PALETTES:
        raise ValueError(f"theme {theme!r} is neither dark nor light")
    if palette not in ("standard", "safe"):
        raise ValueError(f"palette {palette!r} is neither standard nor safe")
    if palette == "standard":
        return _PALETTES[theme]
    return replace(_PALETTES[theme], **_SAFE[theme])


def number(value: float) -> str:
    """Return a coordinate, short."""
    return f"{value:.2f}".rstrip("0").rstrip(".")


def text(
    x: float, y: float, content: object, *, fill: str, size: float = 12.5, anchor: Anchor = "start", weight: int = 400
) -> str:
    """Write a line of text whose middle is at ``y``."""
    return (
        f'<text x="{number(x)}" y="{number(y + size * 0.36)}" fill="{fill}" font-size="{number(size)}" '
        f'text-anchor="{anchor}" font-weight="{weight}">{escape(str(content))}</text>'
    )


def rect(x: float, y: float, width: float, height: float, *, fill: str, opacity: float = 1, radius: float = 0) -> str:
    """Fill a rectangle; a negative width or height counts as 0."""
    shape = f'<rect x="{number(x)}" y="{number(y)}" width="{number(max(0, width))}" height="{number(max(0, height))}"'
    return f'{shape} fill="{fill}" fill-opacity="{number(opacity)}" rx="{number(radius)}"/>'


def line(x1: float, y1: float, x2: float, y2: float, *, stroke: str, dash: str = "") -> str:
    """Draw a line."""
    dashes = f' stroke-dasharray="{dash}"' if dash else ""
    return f'<line x1="{number(x1)}" y1="{number(y1)}" x2="{number(x2)}" y2="{number(y2)}" stroke="{stroke}"{dashes}/>'


def path(points: Iterable[tuple[float, float]], *, stroke: str, fill: str = "none", opacity: float = 1) -> str:
    """Draw a polygon through points."""
    steps = " ".join(f"{'L' if at else 'M'}{number(x)} {number(y)}" for at, (x, y) in enumerate(points))
    return f'<path d="{steps}" stroke="{stroke}" fill="{fill}" fill-opacity="{number(opacity)}" stroke-width="1.4"/>'


def panel(title: str, note: str, parts: Iterable[str], colours: Colours, *, width: float, height: float) -> str:
    """Return one panel: border, header with title and note, and what is in it."""
    border = f'<rect x="0.5" y="0.5" width="{number(width - 1)}" height="{number(height - 1)}" rx="8"'
    return "".join(
        (
            f'{border} fill="{colours.panel}" stroke="{colours.line}"/>',
            text(12, HEADER / 2, title, fill=colours.text, weight=650),
            text(width - 12, HEADER / 2, note, fill=colours.muted, size=11, anchor="end"),
            line(0, HEADER, width, HEADER, stroke=colours.line),
            *parts,
        )
    )


def group(x: float, y: float, content: str) -> str:
    """Move what was drawn."""
    return f'<g transform="translate({number(x)} {number(y)})">{content}</g>'


def clipped(y: float, width: float, height: float, content: str) -> str:
    """Show of what was drawn only what is in a box at the left edge."""
    box = f'y="{number(y)}" width="{number(width)}" height="{number(height)}"'
    return f'<svg {box} viewBox="0 {number(y)} {number(width)} {number(height)}">{content}</svg>'


def document(content: str, *, width: float, height: float, title: str) -> str:
    """Return a whole SVG file with a title for those who cannot see it."""
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {number(width)} {number(height)}" '
        f'width="{number(width)}" height="{number(height)}" role="img" aria-label="{escape(title)}" '
        f'font-family="{_FONT}" style="direction:ltr;max-width:100%;height:auto;font-variant-numeric:tabular-nums">'
        f"<title>{escape(title)}</title>{content}</svg>"
    )


def units_text(units: int, digits: int) -> str:
    """Return whole units of 10^-digits as a decimal, thousands separated, digit by digit."""
    sign, units = ("−", -units) if units < 0 else ("", units)
    whole, rest = divmod(units, 10**digits)
    return f"{sign}{whole:,}.{rest:0{digits}d}" if digits else f"{sign}{whole:,}"


def compact_text(units: int, digits: int) -> str:
    """Return a size in few characters: from 1,000 on in short form, below with at most four digits that count."""
    value = units / 10**digits
    if abs(value) >= 1_000:
        return short_text(value)
    plain = units_text(units, digits)
    return plain if len(plain) <= 6 else with_minus(f"{value:.4g}")


def text_width(content: str, size: float = 12.5) -> float:
    """Return an upper estimate of a text's width: fonts differ from reader to reader."""
    return sum(0.33 if letter in ",. " else 0.64 for letter in content) * size


def fitting(values: Sequence[int], digits: int, room: float) -> Callable[[int], str]:
    """Return what writes the values of a column: digit by digit where the longest has room, otherwise in short form."""
    longest = max((text_width(units_text(value, digits)) for value in values), default=0.0)
    return partial(units_text if longest <= room else compact_text, digits=digits)


COLUMN_GAP: Final = 10.0
_PAD: Final = 12.0


def column_room(width: float, others: Iterable[Sequence[str]]) -> float:
    """Return the width that a table of a panel has left for one column, beside others with their texts."""
    taken = [max((text_width(one) for one in texts), default=0.0) + COLUMN_GAP for texts in others]
    return width - 2 * _PAD - sum(taken)


def table(y: float, width: float, rows: Sequence[Sequence[tuple[str, str]]]) -> str:
    """Write rows of texts with their colours: the first column at the left edge, the others right-aligned.

    Columns are as wide as their longest text and share what is left; where there is too little, the text is smaller.
    """
    if not rows:
        return ""
    widths = [max(text_width(row[at][0]) for row in rows) for at in range(len(rows[0]))]
    room = width - 2 * _PAD - COLUMN_GAP * (len(widths) - 1)
    scale = min(1.0, room / max(1.0, sum(widths)))
    share = max(0.0, room - sum(widths)) / len(widths)
    ends = [_PAD]
    for one in widths:
        ends.append(ends[-1] + one * scale + share + COLUMN_GAP)
    written: list[str] = []
    for line_number, row in enumerate(rows):
        for at, (content, ink) in enumerate(row):
            x = ends[at + 1] - COLUMN_GAP if at else _PAD
            middle = y + (line_number + 0.5) * ROW
            written.append(text(x, middle, content, fill=ink, size=12.5 * scale, anchor="end" if at else "start"))
    return "".join(written)


def price_text(price: float | None, digits: int | None) -> str:
    """Return a price with the digits of its tick, or with its significant digits if these are unknown."""
    if price is None:
        return "–"
    return with_minus(f"{Decimal(f'{price:.9g}'):,f}" if digits is None else f"{price:,.{digits}f}")


def short_text(value: float | None) -> str:
    """Return a large quantity in short form: 12.59B, 456.78M, 1.00K, 12.30."""
    if value is None:
        return "–"
    for limit, letter in ((1e12, "T"), (1e9, "B"), (1e6, "M"), (1e3, "K")):
        # What rounds up to 1,000 is written in the next unit: 1.00M and not 1000.00K.
        if round(abs(value) / (limit / 1_000), 2) >= 1_000:
            return with_minus(f"{value / limit:.2f}{letter}")
    return with_minus(f"{value:.2f}")


def clock_text(ms: float) -> str:
    """Return a time of day, UTC: a still does not know its reader's zone."""
    return datetime.fromtimestamp(ms / 1000, UTC).strftime("%H:%M:%S")


def time_text(ms: float) -> str:
    """Return a time with its date."""
    return datetime.fromtimestamp(ms / 1000, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def quality_text(frame: dict[str, Any]) -> str:
    """Return the state of a frame's data in a word, and that it is not all where it is not."""
    quality: dict[str, Any] = frame.get("quality") or {}
    state = str(quality.get("state", ""))
    return f"{state}, sampled" if quality.get("coverage") == "sampled" else state
