"""A still of a widget: one live frame fetched on demand and drawn in Python, for pages that no kernel moves."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any, Final

import msgspec

from orderfox_nb.widgets.static_book import book_svg, depth_svg
from orderfox_nb.widgets.static_chart import Shown, candles_svg
from orderfox_nb.widgets.static_market import HEAD, market_svg, symbols_svg
from orderfox_nb.widgets.static_svg import Look, document, group, look, rect, text, time_text
from orderfox_nb.widgets.static_tables import WHOLE_MARKET, liquidations_svg, tape_svg

_SETTLE_S: Final = 10.0
"""How long a topic that was just opened may take to be live; after that its state is shown as it is."""
_AGAIN_S: Final = 0.1
_EARLY: Final = ("syncing", "gap")
_EMPTY_S: Final = 1.0
"""How long a list may stay empty that is live: what was before comes a moment after the first word of a topic."""
_MARK_S: Final = 2.5
"""How long the mark price, which comes once a second, may be missing; a recording may have none."""
_LISTS: Final = ("trades", "orders", "bars")
_GAP: Final = 8.0
_FOOT: Final = 24.0
_LINE: Final = 15.0
_NARROW: Final = 560.0
"""A still below this width writes its caption in two lines."""


@dataclass(frozen=True)
class Still:
    """A self-contained SVG; shows itself in a notebook and in what is rendered from it."""

    svg: str
    alt: str

    def _repr_svg_(self) -> str:
        return self.svg

    def __str__(self) -> str:
        return self.svg

    @property
    def html(self) -> str:
        """As an image element: whatever is in it, the page around it is safe."""
        data = base64.b64encode(self.svg.encode()).decode()
        return f'<img alt="{escape(self.alt)}" src="data:image/svg+xml;base64,{data}" style="max-width:100%">'

    def save(self, path: str | Path) -> Path:
        """Write the SVG to a file."""
        target = Path(path)
        target.write_text(self.svg, encoding="utf-8")
        return target


Fetch = Callable[..., dict[str, Any]]
"""``fetch(symbol, stream, **parameters)`` gives a full frame of docs/live.md."""


def fetch_frame(symbol: str, stream: str, **parameters: object) -> dict[str, Any]:
    """Return one full frame of what the live widgets show, from the kernel's server or source.

    Raises:
        OrderFoxError: It cannot be had.
        TimeoutError: It did not come.
    """
    from orderfox_nb.config import load_settings  # noqa: PLC0415 - a dashboard's kernel pays for feeds when it needs them
    from orderfox_nb.desk.keys import parse_key  # noqa: PLC0415
    from orderfox_nb.engine import shared_engine  # noqa: PLC0415

    engine = shared_engine(load_settings())
    query = "&".join(f"{name}={parameters[name]}" for name in sorted(parameters))
    key = parse_key(f"{engine.desk.venue}/{symbol}/{stream}{'?' if query else ''}{query}")

    async def first() -> dict[str, Any]:
        frame: dict[str, Any] | None = None
        patient_until = asyncio.get_running_loop().time() + (_MARK_S if stream == "ticker" else _EMPTY_S)
        with suppress(TimeoutError):
            async with asyncio.timeout(_SETTLE_S), engine.desk.frames(key) as reader:
                async for one in reader:
                    seen: dict[str, Any] = msgspec.json.decode(one.text)
                    frame = seen
                    empty = any(not seen[name][0] for name in _LISTS if name in seen)
                    empty = empty or ("mark" in seen and seen["mark"] is None)
                    patient = empty and asyncio.get_running_loop().time() < patient_until
                    if (seen.get("quality") or {}).get("state") not in _EARLY and not patient:
                        break
                    await asyncio.sleep(_AGAIN_S)
                    reader.resume()  # the next one shall be full too
        if frame is None:
            raise TimeoutError(f"{key.text} sends nothing")
        return frame

    return engine.run(first(), timeout_s=2 * _SETTLE_S)


def origin_text() -> str:
    """Return where the kernel's data comes from, in words that nobody can misread."""
    from orderfox_nb.config import load_settings  # noqa: PLC0415
    from orderfox_nb.engine import shared_engine  # noqa: PLC0415

    origin = shared_engine(load_settings()).desk.origin
    return "SIMULATED" if origin.simulated else "RECORDED" if origin.recorded else origin.venue.upper()


def draw(
    kind: str, options: dict[str, Any], colours: Look, fetch: Fetch, *, origin: Callable[[], str]
) -> tuple[str, float, float, float]:
    """Draw one widget.

    Args:
        kind: Name of the widget's class.
        options: Its traits, as far as they matter.
        colours: Of the theme.
        fetch: Gives its frame.
        origin: Says where the data comes from, in words; asked when a frame is there.

    Returns:
        The SVG's content, its width and height, and the frame's time in ms.

    Raises:
        KeyError: There is no still of such a widget.
    """
    symbol = options["symbol"]
    match kind:
        case "OrderBook":
            frame = fetch(symbol, "book", rounding=options["rounding"], rows=options["rows"])
            size = {"width": 320.0, "height": 35 + 24 + 32 + 6 + 40.0 * options["rows"]}
            content = book_svg(frame, colours, **size)
        case "DepthChart" | "DepthLayer":
            frame = fetch(symbol, "depth", range=f"{options['percent']:g}")
            size = {"width": 640.0, "height": 320.0}
            content = depth_svg(frame, colours, **size)
        case "Tape":
            frame = fetch(symbol, "trades", rows=50)
            size = {"width": 300.0, "height": 400.0}
            content = tape_svg(frame, colours, **size, minimum_size=options.get("minimum_size", 0.0))
        case "Liquidations":
            whole = options.get("whole_market", False) or symbol == WHOLE_MARKET
            frame = fetch(WHOLE_MARKET if whole else symbol, "liquidations", rows=50)
            size = {"width": 400.0 if whole else 300.0, "height": 400.0}
            content = liquidations_svg(frame, colours, **size, span=options.get("span", "1h"))
        case "CandleChart" | "CandleLayer":
            frame = fetch(symbol, "candles", bars=options.get("bars", 200), interval=options["timeframe"])
            size = {"width": 760.0, "height": 520.0}
            content = candles_svg(frame, colours, **size, shown=_shown(options))
        case "MarketHeader" | "QualityBadge":
            frame = fetch(symbol, "ticker")
            size = {"width": 900.0, "height": HEAD}
            content = market_svg(frame, colours, origin=origin(), **size)
        case "SymbolPicker":
            frame = fetch("*", "symbols")
            size = {"width": 420.0, "height": 400.0}
            content = symbols_svg(frame, colours, **size)
        case _:
            raise KeyError(kind)
    return content, size["width"], size["height"], float(frame.get("time") or 0)


def _shown(options: dict[str, Any]) -> Shown:
    names = {
        "overlays": "overlays", "show_volume": "volume", "show_liquidations": "liquidations",
        "show_liquidation_average": "average", "show_lapses": "lapses",
    }  # fmt: skip
    return Shown(**{field: options[trait] for trait, field in names.items() if trait in options})


def still_of(
    kind: str, options: dict[str, Any], *, theme: str = "dark", palette: str = "standard", fetch: Fetch = fetch_frame
) -> Still:
    """Return the still of one widget, with a line below that says what and of when it is."""
    colours = look(theme, palette)
    origin = _origin_of(fetch)
    content, width, height, time_ms = draw(kind, options, colours, fetch, origin=origin)
    whole = kind == "Liquidations" and options.get("whole_market", False)
    name = "all symbols" if whole or options["symbol"] == WHOLE_MARKET else options["symbol"]
    return _framed(content, width, height, colours, f"{origin()} · {name} · {time_text(time_ms)}")


def dashboard_still(
    columns: list[dict[str, Any]], *, theme: str = "dark", palette: str = "standard", fetch: Fetch = fetch_frame
) -> Still:
    """Return the still of a dashboard, one market below the other.

    Args:
        columns: Traits of each market: symbol, timeframe, rounding, rows.
        theme: dark or light.
        palette: standard or safe.
        fetch: Gives the frames.
    """
    colours = look(theme, palette)
    origin = _origin_of(fetch)
    width, tall = 1400.0, 640.0
    side, book_width = 300.0, 320.0
    chart_width = width - side - book_width - 2 * _GAP
    parts: list[str] = []
    y, time_ms = 0.0, 0.0
    for options in columns:
        symbol = options["symbol"]
        ticker = fetch(symbol, "ticker")
        time_ms = max(time_ms, float(ticker.get("time") or 0))
        parts.append(group(0, y, market_svg(ticker, colours, origin=origin(), width=width)))
        y += HEAD + _GAP
        candles = fetch(symbol, "candles", bars=200, interval=options["timeframe"])
        parts.append(group(0, y, candles_svg(candles, colours, width=chart_width, height=tall)))
        book = fetch(symbol, "book", rounding=options["rounding"], rows=options["rows"])
        parts.append(group(chart_width + _GAP, y, book_svg(book, colours, width=book_width, height=tall)))
        half = (tall - _GAP) / 2
        right = width - side
        tape = tape_svg(fetch(symbol, "trades", rows=50), colours, width=side, height=half)
        liquidations = liquidations_svg(fetch(symbol, "liquidations", rows=50), colours, width=side, height=half)
        parts += [group(right, y, tape), group(right, y + half + _GAP, liquidations)]
        y += tall + _GAP
    names = ", ".join(options["symbol"] for options in columns)
    return _framed("".join(parts), width, y - _GAP, colours, f"{origin()} · {names} · {time_text(time_ms)}")


def _origin_of(fetch: Fetch) -> Callable[[], str]:
    # Another server's source is known once it has answered: what it invents must not be called remote.
    return origin_text if fetch is fetch_frame else lambda: "SIMULATED"


def _framed(content: str, width: float, height: float, colours: Look, words: str) -> Still:
    lines = [f"{words}.", "A still: run the cell for live data."]
    caption = " ".join(lines)
    if width >= _NARROW:
        lines = [caption]
    pad, foot_height = 10.0, _FOOT + _LINE * (len(lines) - 1)
    whole_width, whole_height = width + 2 * pad, height + pad + foot_height
    inside = rect(0, 0, whole_width, whole_height, fill=colours.background, radius=8) + group(pad, pad, content)
    foot = "".join(
        text(pad + 2, height + pad + _FOOT / 2 + _LINE * number, line, fill=colours.muted, size=11)
        for number, line in enumerate(lines)
    )
    return Still(document(inside + foot, width=whole_width, height=whole_height, title=caption), caption)
