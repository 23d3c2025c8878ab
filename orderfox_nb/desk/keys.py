"""Keys of frames: ``<venue>/<symbol>/<stream>?<parameters>``, one distinct frame for one canonical key."""

from __future__ import annotations

from urllib.parse import quote

import msgspec


class FrameKey(msgspec.Struct, frozen=True):
    """Identity of a frame. Equal keys share one computation, one encoding and one sequence."""

    venue: str
    symbol: str
    stream: str
    parameters: tuple[tuple[str, str], ...] = ()
    """Names and values in alphabetical order, every one that the stream has."""

    def __getitem__(self, name: str) -> str:
        return dict(self.parameters)[name]

    def integer(self, name: str) -> int:
        """Return a parameter that is a whole number."""
        return int(self[name])

    @property
    def text(self) -> str:
        """The canonical text of the key."""
        query = "&".join(f"{name}={quote(value, safe=':/+')}" for name, value in self.parameters)
        return f"{self.venue}/{self.symbol}/{self.stream}" + (f"?{query}" if query else "")
