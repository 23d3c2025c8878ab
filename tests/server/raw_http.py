"""Requests that two servers may read differently: the body of one is the next request of the other."""

from __future__ import annotations

import asyncio
from typing import Final

HEADS: Final = {
    "two lengths": b"Content-Length: 4\r\nContent-Length: 46\r\n",
    "list of lengths": b"Content-Length: 4, 46\r\n",
    "length and chunks": b"Content-Length: 4\r\nTransfer-Encoding: chunked\r\n",
    "chunks and length": b"Transfer-Encoding: chunked\r\nContent-Length: 4\r\n",
    "unknown encoding": b"Transfer-Encoding: xchunked\r\n",
    "two encodings": b"Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n",
    "list of encodings": b"Transfer-Encoding: gzip, chunked\r\n",
    "encoding before a space": b"Transfer-Encoding : chunked\r\n",
    "encoding behind a vertical tab": b"Transfer-Encoding: \x0bchunked\r\n",
    "folded encoding": b"Transfer-Encoding:\r\n chunked\r\n",
    "length with a sign": b"Content-Length: +4\r\n",
    "length of other digits": "Content-Length: ٤\r\n".encode(),
    "length with an underscore": b"Content-Length: 0_4\r\n",
    "negative length": b"Content-Length: -4\r\n",
    "endless length": b"Content-Length: 99999999999999999999\r\n",
    "header in a header": b"X: a\rContent-Length: 4\r\n",
    "zero byte": b"X: a\x00\r\n",
    "two hosts": b"Host: evil.example\r\n",
}
"""Of a request, beside its host; ``0\\r\\n\\r\\n`` and another request follow."""

CHUNKS: Final = {
    "sign": b"+4\r\nabcd\r\n",
    "prefix": b"0x4\r\nabcd\r\n",
    "underscore": b"0_4\r\nabcd\r\n",
    "extension": b"4;a=b\r\nabcd\r\n",
    "too large": b"ffffffffffffffff\r\nabcd\r\n",
    "too long": b"3\r\nabcd\r\n",
}
"""First chunks of a body that are none."""


def requests(host: bytes) -> dict[str, bytes]:
    """Return each such request, for a host that is served."""
    smuggled = b"GET /smuggled HTTP/1.1\r\nHost: " + host + b"\r\n\r\n"
    line = b"POST /health HTTP/1.1\r\nHost: " + host + b"\r\n"
    heads = {name: line + head + b"\r\n0\r\n\r\n" + smuggled for name, head in HEADS.items()}
    chunked = line + b"Transfer-Encoding: chunked\r\n\r\n"
    return heads | {f"chunk: {name}": chunked + chunk + b"0\r\n\r\n" + smuggled for name, chunk in CHUNKS.items()}


async def until_closed(reader: asyncio.StreamReader, *, seconds: float | None = None) -> bytes:
    """Read until the other side ends the connection, for a minute at most or for so many seconds."""
    got = bytearray()
    try:
        async with asyncio.timeout(60 if seconds is None else seconds):
            while chunk := await reader.read(65_536):
                got += chunk
    except ConnectionError:
        pass
    except TimeoutError:
        if seconds is None:
            raise
    return bytes(got)
