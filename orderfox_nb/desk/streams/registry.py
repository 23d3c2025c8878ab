"""Every stream of this package by its name, and the keys of their frames."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from pkgutil import iter_modules
from typing import Final
from urllib.parse import parse_qsl

from orderfox_nb.core.symbols import canonical
from orderfox_nb.core.wire import MAX_KEY_LENGTH
from orderfox_nb.desk import streams
from orderfox_nb.desk.across.markets import ACROSS, join_markets, split_markets
from orderfox_nb.desk.across.recipes import ACROSS_STREAMS
from orderfox_nb.desk.keys import FrameKey
from orderfox_nb.desk.parameters import key_parameters
from orderfox_nb.desk.streams.base import Stream
from orderfox_nb.errors import BadValue


def find_streams() -> dict[str, Stream]:
    """Return what the files of ``desk/streams`` declare as ``STREAM``, by name."""
    names = [module.name for module in iter_modules(streams.__path__) if module.name != "registry"]
    modules = (import_module(f"{streams.__name__}.{name}") for name in sorted(names))
    found: list[Stream] = [module.STREAM for module in modules if hasattr(module, "STREAM")]
    return {stream.name: stream for stream in found}


STREAMS: Final = find_streams()


def frame_key(venue: str, symbol: str, stream: str, parameters: Mapping[str, object] | None = None) -> FrameKey:
    """Make the canonical key of a stream; parameters that are left out get their default.

    Raises:
        BadValue: No such stream, or a parameter that it does not have or that is outside its range.
    """
    if venue == ACROSS:
        if stream not in ACROSS_STREAMS:
            raise BadValue("stream", stream, "one of " + ", ".join(ACROSS_STREAMS) + " over several venues")
        across = key_parameters(ACROSS_STREAMS[stream].parameters, parameters or {})
        return FrameKey(venue, join_markets(split_markets(symbol)), stream, across)
    if stream not in STREAMS:
        raise BadValue("stream", stream, "one of " + ", ".join(STREAMS))
    checked = key_parameters(STREAMS[stream].parameters, parameters or {})
    return FrameKey(venue, symbol if symbol == "*" else canonical(symbol), stream, checked)


def parse_key(text: str) -> FrameKey:
    """Read a key.

    Raises:
        BadValue: Not a key.
    """
    if len(text) > MAX_KEY_LENGTH:
        raise BadValue("key", text, f"at most {MAX_KEY_LENGTH} characters")
    path, _, query = text.partition("?")
    venue, slash, rest = path.partition("/")
    symbol, second, stream = rest.rpartition("/")
    if not (slash and second and venue and symbol):
        raise BadValue("key", text, "<venue>/<symbol>/<stream>?<parameters>")
    try:
        pairs = parse_qsl(query, keep_blank_values=True, strict_parsing=True) if query else []
    except ValueError:
        raise BadValue("key", text, "parameters as name=value&name=value") from None
    return frame_key(venue, symbol, stream, dict(pairs))
