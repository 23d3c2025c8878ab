# Tornado's methods have no complete types.
# pyright: reportUnknownMemberType=false
"""Sends large bodies in pieces, so that a peer that reads slowly holds one piece in memory and not a copy of all."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import suppress
from typing import Final

from tornado.iostream import StreamClosedError
from tornado.web import RequestHandler

MAX_PIECE: Final = 65_536
"""Largest size of a piece, in bytes, or in characters of a text."""


async def send_in_pieces(handler: RequestHandler, body: bytes) -> None:
    """Send a body that its handler keeps anyway, or its headers alone to a ``HEAD`` request; a peer may leave.

    Args:
        handler: Its other headers are set.
        body: All of it.
    """
    handler.set_header("Content-Length", str(len(body)))
    if handler.request.method == "HEAD":
        return
    with suppress(StreamClosedError):
        for at in range(0, len(body), MAX_PIECE):
            handler.write(body[at : at + MAX_PIECE])
            await handler.flush()


def in_pieces(texts: Iterable[str]) -> Iterator[str]:
    """Yield texts as pieces: short ones joined, long ones cut, and never a copy of all of them."""
    joined: list[str] = []
    size = 0
    for text in texts:
        for at in range(0, len(text), MAX_PIECE):
            part = text[at : at + MAX_PIECE]
            if size + len(part) > MAX_PIECE:
                yield "".join(joined)
                joined, size = [], 0
            joined.append(part)
            size += len(part)
    if joined:
        yield "".join(joined)
