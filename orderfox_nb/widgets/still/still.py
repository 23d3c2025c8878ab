"""A still of a widget: live frames fetched on demand and drawn in Python, for pages without a kernel."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Protocol

import msgspec

from orderfox_nb.market.svg.pieces import Colours, Drawing, colours_of, document, group, rect, text, time_text
from orderfox_nb.widgets.still.market import HEAD

if TYPE_CHECKING:
    from orderfox_nb.engine import Engine

_SETTLE_S: Final = 10.0
"""How long a topic that was just opened may take to be live; after that its state is shown as it is."""
_RETRY_S: Final = 0.1
_EARLY: Final = ("syncing", "gap")
_PAST_S: Final = 1.0
"""How long past liquidations may be missing when bars are already live."""
_MARK_S: Final = 2.5
"""How long the mark price, which comes once a second, may be missing; a recording may have none."""
_GAP: Final = 8.0
_FOOT: Final = 24.0
_LINE: Final = 15.0
_NARROW: Final = 560.0
"""A still below this width writes its caption in two lines."""

_WIDTH: Final = 1400.0
"""Width of a dashboard's still in pixels; ``_TALL`` is the height of a market's panels below its header."""
_TALL: Final = 640.0
_SIDE: Final = 300.0
_BOOK: Final = 320.0
_DEPTH: Final = 200.0
_CHART: Final = _WIDTH - _SIDE - _BOOK - 2 * _GAP
_TOP: Final = HEAD + _GAP
_HALF: Final = (_TALL - _GAP) / 2
_PLACES: Final[dict[str, tuple[float, float, float, float]]] = {
    "header": (0.0, 0.0, _WIDTH, HEAD),
    "chart": (0.0, _TOP, _CHART, _TALL - _GAP - _DEPTH),
    "depth": (0.0, _TOP + _TALL - _DEPTH, _CHART, _DEPTH),
    "book": (_CHART + _GAP, _TOP, _BOOK, _TALL),
    "tape": (_WIDTH - _SIDE, _TOP, _SIDE, _HALF),
    "liquidations": (_WIDTH - _SIDE, _TOP + _HALF + _GAP, _SIDE, _HALF),
}
"""Left, top, width and height of each panel of one market."""
_PLACES_OF_SEVERAL: Final = {
    "header": _PLACES["header"],
    "chart": (0.0, _TOP, _CHART, _TALL),
    "book": _PLACES["book"],
    "tape": (_WIDTH - _SIDE, _TOP, _SIDE, _TALL),
}
"""The same where there are several: as on the dashboard, without depth and liquidations."""


@dataclass(frozen=True)
class Still:
    """A self-contained SVG; shows itself in a notebook and in pages that are rendered from it."""

    svg: str
    alt: str

    def _repr_svg_(self) -> str:
        return self.svg

    def __str__(self) -> str:
        return self.svg

    @property
    def html(self) -> str:
        """An image element: scripts in the SVG could not affect the page."""
        data = base64.b64encode(self.svg.encode()).decode()
        return f'<img alt="{escape(self.alt)}" src="data:image/svg+xml;base64,{data}" style="max-width:100%">'

    def save(self, path: str | Path) -> Path:
        """Write the SVG to a file."""
        target = Path(path)
        target.write_text(self.svg, encoding="utf-8")
        return target


Fetch = Callable[..., dict[str, Any]]
"""``fetch(symbol, stream, venue=…, **parameters)`` gives a full frame of docs/live.md."""


def fetch_frame(
    symbol: str, stream: str, *, venue: str = "", engine: Engine | None = None, **parameters: object
) -> dict[str, Any]:
    """Return one full frame of what the live widgets show, from a venue of the kernel's server or source.

    Args:
        symbol: Symbol of the venue.
        stream: One of the streams of docs/live.md.
        venue: The venue, by default the first one.
        engine: Engine of the venue, by default that of the kernel's server or source.
        **parameters: Parameters of the stream.

    Raises:
        OrderFoxError: The frame cannot be fetched.
        TimeoutError: No frame came in time.
    """
    from orderfox_nb.config import load_settings  # noqa: PLC0415 - a dashboard's kernel pays for feeds when it needs them
    from orderfox_nb.desk.across.markets import ACROSS  # noqa: PLC0415
    from orderfox_nb.desk.streams.registry import parse_key  # noqa: PLC0415
    from orderfox_nb.engine import shared_engine  # noqa: PLC0415

    engine = engine or shared_engine(load_settings())
    if venue == ACROSS:
        frames, name = engine.desks.across.frames, venue
    else:
        desk = engine.desks.of(venue)
        frames, name = desk.frames, desk.venue
    query = "&".join(f"{name}={parameters[name]}" for name in sorted(parameters))
    key = parse_key(f"{name}/{symbol}/{stream}{'?' if query else ''}{query}")

    async def first() -> dict[str, Any]:
        frame: dict[str, Any] | None = None
        patient_until = asyncio.get_running_loop().time() + (_MARK_S if stream == "ticker" else _PAST_S)
        with suppress(TimeoutError):
            async with asyncio.timeout(_SETTLE_S), frames(key) as reader:
                async for one in reader:
                    seen: dict[str, Any] = msgspec.json.decode(one.text)
                    frame = seen
                    # A list that is live is whole, also where it is empty.
                    empty = "mark" in seen and seen["mark"] is None
                    empty = empty or seen.get("liquidation_history") == "missing"
                    empty = empty or _state(seen, "liquidation_quality") in _EARLY
                    patient = empty and asyncio.get_running_loop().time() < patient_until
                    if _state(seen, "quality") not in _EARLY and not patient:
                        break
                    await asyncio.sleep(_RETRY_S)
                    reader.resume()  # the next one must be full, too
        if frame is None:
            raise TimeoutError(f"no frame of {key.text}")
        return frame

    return engine.run(first(), timeout_s=2 * _SETTLE_S)


def origin_text(venue: str = "", engine: Engine | None = None) -> str:
    """Return the origin of a venue's data in unambiguous words."""
    from orderfox_nb.config import load_settings  # noqa: PLC0415
    from orderfox_nb.engine import shared_engine  # noqa: PLC0415

    origin = (engine or shared_engine(load_settings())).desks.of(venue).origin
    kinds = ["SIMULATED"] * origin.simulated + ["RECORDED"] * origin.recorded
    return ", ".join(kinds) or origin.venue.upper()


class Sketch:
    """Colours of a theme and frames of a market, with which a widget draws its still."""

    def __init__(
        self,
        *,
        theme: str = "dark",
        palette: str = "standard",
        engine: Engine | None = None,
        fetch: Fetch | None = None,
    ) -> None:
        self.colours: Colours = colours_of(theme, palette)
        self.time_ms = 0.0
        """Time of the newest frame."""
        self._engine = engine
        self._is_given = fetch is not None
        self._fetch: Fetch = fetch or partial(fetch_frame, engine=engine)

    def frame(self, symbol: str, stream: str, *, venue: str = "", **parameters: object) -> dict[str, Any]:
        """Return one full frame of a venue, by default of the first one.

        Raises:
            OrderFoxError: The frame cannot be fetched.
            TimeoutError: No frame came in time.
        """
        named: dict[str, object] = {"venue": venue} if venue else {}
        frame = self._fetch(symbol, stream, **named, **parameters)
        self.time_ms = max(self.time_ms, float(frame.get("time") or 0))
        return frame

    def venue_name(self, venue: str = "") -> str:
        """Return the name of a venue, by default of the first one."""
        if venue or self._is_given:
            return venue or "sim"
        from orderfox_nb.config import load_settings  # noqa: PLC0415 - as in fetch_frame
        from orderfox_nb.engine import shared_engine  # noqa: PLC0415

        return (self._engine or shared_engine(load_settings())).desks.of(venue).venue

    def origin(self, venue: str = "") -> str:
        """Return where a venue's data comes from, in words; known once a frame is there.

        The source of another server is known once it has answered; its data may be simulated.
        """
        return "SIMULATED" if self._is_given else origin_text(venue, self._engine)


class Drawn(Protocol):
    """A widget that can draw a still from its traits."""

    @property
    def subject(self) -> str:
        """Name of what it shows, for the caption."""
        ...

    @property
    def origin_venue(self) -> str:
        """The venue whose origin the caption states, empty for the first one."""
        ...

    def draw(self, sketch: Sketch, size: tuple[float, float] | None = None) -> Drawing:
        """Draw the widget; ``size`` is width and height in pixels, by default its own."""
        ...


def still_of(widget: Drawn, sketch: Sketch) -> Still:
    """Return the still of one widget, with a caption that gives its contents and time."""
    content, width, height = widget.draw(sketch)
    return _framed(content, width, height, sketch, subject=widget.subject, venues=[widget.origin_venue])


def dashboard_still(columns: Sequence[Mapping[str, Drawn]], sketch: Sketch) -> Still:
    """Return the still of a dashboard, one market below the other.

    Args:
        columns: The panels of each market by their places.
        sketch: Draws them.
    """
    parts: list[str] = []
    y = 0.0
    places = _PLACES if len(columns) == 1 else _PLACES_OF_SEVERAL
    for panels in columns:
        for name, (x, below, width, height) in places.items():
            parts.append(group(x, y + below, panels[name].draw(sketch, (width, height)).content))
        y += HEAD + _TALL + 2 * _GAP
    subject = ", ".join(dict.fromkeys(panels[name].subject for panels in columns for name in ("header", "book")))
    venues = [panels["header"].origin_venue for panels in columns]
    return _framed("".join(parts), _WIDTH, y - _GAP, sketch, subject=subject, venues=venues)


def _framed(content: str, width: float, height: float, sketch: Sketch, *, subject: str, venues: Sequence[str]) -> Still:
    colours = sketch.colours
    origins = ", ".join(dict.fromkeys(sketch.origin(venue) for venue in venues))
    lines = [f"{origins} · {subject} · {time_text(sketch.time_ms)}.", "A still: run the cell for live data."]
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


def _state(frame: dict[str, Any], name: str) -> str:
    quality: dict[str, Any] = frame.get(name) or {}
    return str(quality.get("state", ""))
