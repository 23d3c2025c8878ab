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
from orderfox_nb.widgets.static_svg import Colours, colours_of, document, group, rect, text, time_text
from orderfox_nb.widgets.static_tables import WHOLE_MARKET, liquidations_svg, tape_svg

_SETTLE_S: Final = 10.0
"""How long a topic that was just opened may take to be live; after that its state is shown as it is."""
_AGAIN_S: Final = 0.1
_EARLY: Final = ("syncing", "gap")
_PAST_S: Final = 1.0
"""How long past liquidations may be missing beside bars that are live."""
_MARK_S: Final = 2.5
"""How long the mark price, which comes once a second, may be missing; a recording may have none."""
_GAP: Final = 8.0
_FOOT: Final = 24.0
_LINE: Final = 15.0
_NARROW: Final = 560.0
"""A still below this width writes its caption in two lines."""

_WIDTH: Final = 1400.0
"""Of a dashboard's still; ``_TALL`` is the height of a market's panels below its header."""
_TALL: Final = 640.0
_SIDE: Final = 300.0
_BOOK: Final = 320.0
_DEPTH: Final = 200.0
_CHART: Final = _WIDTH - _SIDE - _BOOK - 2 * _GAP
_TOP: Final = HEAD + _GAP
_HALF: Final = (_TALL - _GAP) / 2
_PLACES: Final[dict[str, tuple[float, float, float, float]]] = {
    "MarketHeader": (0.0, 0.0, _WIDTH, HEAD),
    "CandleChart": (0.0, _TOP, _CHART, _TALL - _GAP - _DEPTH),
    "DepthChart": (0.0, _TOP + _TALL - _DEPTH, _CHART, _DEPTH),
    "OrderBook": (_CHART + _GAP, _TOP, _BOOK, _TALL),
    "Tape": (_WIDTH - _SIDE, _TOP, _SIDE, _HALF),
    "Liquidations": (_WIDTH - _SIDE, _TOP + _HALF + _GAP, _SIDE, _HALF),
}
"""Left, top, width and height of each panel of one market."""
_PLACES_OF_SEVERAL: Final = {
    "MarketHeader": _PLACES["MarketHeader"],
    "CandleChart": (0.0, _TOP, _CHART, _TALL),
    "OrderBook": _PLACES["OrderBook"],
    "Tape": (_WIDTH - _SIDE, _TOP, _SIDE, _TALL),
}
"""The same where there are several: as on the dashboard, without depth and liquidations."""


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
        patient_until = asyncio.get_running_loop().time() + (_MARK_S if stream == "ticker" else _PAST_S)
        with suppress(TimeoutError):
            async with asyncio.timeout(_SETTLE_S), engine.desk.frames(key) as reader:
                async for one in reader:
                    seen: dict[str, Any] = msgspec.json.decode(one.text)
                    frame = seen
                    # A list that is live is whole, also where it is empty.
                    empty = "mark" in seen and seen["mark"] is None
                    empty = empty or seen.get("liquidation_history") == "missing"
                    empty = empty or (seen.get("liquidation_quality") or {}).get("state") in _EARLY
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
    kind: str,
    options: dict[str, Any],
    colours: Colours,
    fetch: Fetch,
    *,
    origin: Callable[[], str],
    size: tuple[float, float] | None = None,
) -> tuple[str, float, float, float]:
    """Draw one widget.

    Args:
        kind: Name of the widget's class.
        options: Its traits, as far as they matter.
        colours: Of the theme.
        fetch: Gives its frame.
        origin: Says where the data comes from, in words; asked when a frame is there.
        size: Width and height; its own when not given.

    Returns:
        The SVG's content, its width and height, and the frame's time in ms.

    Raises:
        KeyError: There is no still of such a widget.
    """
    symbol = options["symbol"]
    whole = options.get("whole_market", False) or symbol == WHOLE_MARKET
    match kind:
        case "OrderBook":
            rows = 20 if options["rows"] == "fit" else options["rows"]
            frame = fetch(symbol, "book", rounding=options["rounding"], rows=rows)
            width, height = size or (320.0, 35 + 24 + 32 + 6 + 40.0 * rows)
            content = book_svg(frame, colours, width=width, height=height)
        case "DepthChart" | "DepthLayer":
            frame = fetch(symbol, "depth", range=f"{options['percent']:g}")
            width, height = size or (640.0, 320.0)
            content = depth_svg(frame, colours, width=width, height=height)
        case "Tape":
            frame = fetch(symbol, "trades", rows=50)
            width, height = size or (300.0, 400.0)
            least = options.get("minimum_notional", 0.0)
            content = tape_svg(frame, colours, width=width, height=height, minimum_notional=least)
        case "Liquidations":
            frame = fetch(WHOLE_MARKET if whole else symbol, "liquidations", rows=50)
            width, height = size or (400.0 if whole else 300.0, 400.0)
            content = liquidations_svg(frame, colours, width=width, height=height, span=options.get("span", "1h"))
        case "CandleChart" | "CandleLayer":
            frame = fetch(symbol, "candles", bars=options.get("bars", 200), interval=options["timeframe"])
            width, height = size or (760.0, 520.0)
            content = candles_svg(frame, colours, width=width, height=height, shown=_shown(options))
        case "MarketHeader" | "QualityBadge":
            frame = fetch(symbol, "ticker")
            width, height = size or (900.0, HEAD)
            content = market_svg(frame, colours, origin=origin(), width=width, height=height)
        case "SymbolPicker":
            frame = fetch("*", "symbols")
            width, height = size or (420.0, 400.0)
            content = symbols_svg(frame, colours, width=width, height=height)
        case _:
            raise KeyError(kind)
    return content, width, height, float(frame.get("time") or 0)


def _shown(options: dict[str, Any]) -> Shown:
    names = {
        "overlays": "overlays", "show_volume": "volume", "show_liquidations": "liquidations",
        "show_liquidation_average": "average", "show_lapses": "lapses", "log_scale": "log",
    }  # fmt: skip
    return Shown(**{field: options[trait] for trait, field in names.items() if trait in options})


def still_of(
    kind: str, options: dict[str, Any], *, theme: str = "dark", palette: str = "standard", fetch: Fetch = fetch_frame
) -> Still:
    """Return the still of one widget, with a line below that says what and of when it is."""
    colours = colours_of(theme, palette)
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
        columns: Traits of the panels of each market.
        theme: dark or light.
        palette: standard or safe.
        fetch: Gives the frames.
    """
    colours = colours_of(theme, palette)
    origin = _origin_of(fetch)
    parts: list[str] = []
    y, time_ms = 0.0, 0.0
    places = _PLACES if len(columns) == 1 else _PLACES_OF_SEVERAL
    for options in columns:
        for kind, (x, below, width, height) in places.items():
            content, *_, at_ms = draw(kind, options, colours, fetch, origin=origin, size=(width, height))
            parts.append(group(x, y + below, content))
            time_ms = max(time_ms, at_ms)
        y += HEAD + _TALL + 2 * _GAP
    names = ", ".join(options["symbol"] for options in columns)
    return _framed("".join(parts), _WIDTH, y - _GAP, colours, f"{origin()} · {names} · {time_text(time_ms)}")


def _origin_of(fetch: Fetch) -> Callable[[], str]:
    # Another server's source is known once it has answered: what it invents must not be called remote.
    return origin_text if fetch is fetch_frame else lambda: "SIMULATED"


def _framed(content: str, width: float, height: float, colours: Colours, words: str) -> Still:
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
