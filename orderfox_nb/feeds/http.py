"""Requests to servers that may be broken or hostile: every answer has a limit in bytes, also once it is decompressed.

Redirects are refused, not followed, because the user chose only the address in the settings. The caller sets a time
limit around the whole request, which also ends a body that arrives too slowly.
"""

from __future__ import annotations

import logging
import zlib
from collections.abc import Mapping
from typing import Any, Final, NamedTuple, TypeVar
from urllib.parse import urlsplit

import aiohttp
import msgspec

from orderfox_nb.feeds.transport import ConnectionLost

Answer = TypeVar("Answer")

_log = logging.getLogger(__name__)

MAX_ERROR_BYTES: Final = 64_000
"""Largest body of an error."""
MAX_VALUES: Final = 1_000_000
"""Values in one JSON text: what it takes in memory follows from them, not from its bytes."""
MAX_TEXT: Final = 200
"""Characters that are shown of a text from an upstream."""
_GZIP_BITS: Final = 31
_NOT_GZIP: Final = "its answer cannot be decompressed"


class AnswerRefused(ConnectionLost):
    """An answer that is abandoned before its end; the error's text is readable."""


class HttpAnswer(NamedTuple):
    """The answer of a server."""

    status: int
    reason: str
    headers: Mapping[str, str]
    body: bytes


def new_session(*, connections: int, headers: Mapping[str, str] | None = None) -> aiohttp.ClientSession:
    """Make a session whose idle connections close by themselves, and whose bodies ``fetch`` decompresses."""
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=connections, keepalive_timeout=5.0),
        # The callers' own clock measures it.
        timeout=aiohttp.ClientTimeout(total=None),
        headers={"Accept-Encoding": "gzip", **(headers or {})},
        # Cookies of a server would be kept forever, and none is needed.
        cookie_jar=aiohttp.DummyCookieJar(),
        auto_decompress=False,
    )


async def fetch(
    session: aiohttp.ClientSession,
    url: str,
    parameters: Mapping[str, str],
    *,
    max_bytes: int,
    method: str = "GET",
    body: bytes | None = None,
) -> HttpAnswer:
    """Send a request and read its answer.

    Args:
        session: One of ``new_session``.
        url: Without the query.
        parameters: The query.
        max_bytes: Largest body of the answer, decompressed; an error has a limit of its own.
        method: Method of the request.
        body: What is sent with it, JSON.

    Raises:
        AnswerRefused: A redirect, a body beyond the limit, or one that cannot be decompressed.
        aiohttp.ClientError: The network failed.
    """
    headers = {} if body is None else {"Content-Type": "application/json"}
    async with session.request(
        method, url, params=parameters, data=body, headers=headers, allow_redirects=False
    ) as response:
        if 300 <= response.status < 400:
            raise AnswerRefused(_redirect(response))
        limit = max_bytes if 200 <= response.status < 300 else MAX_ERROR_BYTES
        try:
            answer = await _read(response, limit)
        except AnswerRefused:
            # If it stayed open, the connection would be reused for the next request.
            response.close()
            raise
        return HttpAnswer(response.status, short(response.reason or ""), response.headers, answer)


async def _read(response: aiohttp.ClientResponse, limit: int) -> bytes:
    encoding = response.headers.get("Content-Encoding", "identity").strip().lower()
    if encoding not in ("", "identity", "gzip", "x-gzip"):
        raise AnswerRefused(f"its answer is encoded as {short(encoding)}, which was not asked for")
    if (response.content_length or 0) > limit:
        raise AnswerRefused(too_large(limit))
    inflate = zlib.decompressobj(_GZIP_BITS) if "gzip" in encoding else None
    body = bytearray()
    async for chunk in response.content.iter_any():
        if inflate is not None and inflate.eof:
            raise AnswerRefused(_NOT_GZIP)
        try:
            # Data beyond the limit is never decompressed.
            body += chunk if inflate is None else inflate.decompress(chunk, limit + 1 - len(body))
        except zlib.error:
            raise AnswerRefused(_NOT_GZIP) from None
        if len(body) > limit:
            raise AnswerRefused(too_large(limit))
    if inflate is not None and not inflate.eof:
        raise AnswerRefused("its answer was cut off")
    return bytes(body)


def _redirect(response: aiohttp.ClientResponse) -> str:
    try:
        host = urlsplit(response.headers.get("Location", "")).netloc
    except ValueError:
        host = ""
    # Viewers see the error, so only the log has the address.
    _log.info("%s redirects to %s", response.url.origin(), short(host) or "an address that cannot be read")
    return f"it redirects (HTTP {response.status}), which is not followed: set the address that answers itself"


def too_large(limit: int) -> str:
    """Return the error text for an answer or a message that exceeds a limit in bytes."""
    size = f"{limit / 1e6:g} MB" if limit >= 1_000_000 else f"{limit / 1e3:g} kB"
    return f"it sent more than {size} at once, which is refused"


def short(text: str) -> str:
    """Return a text of an upstream as one line of bounded length.

    Characters that print nothing are left out: among them are those that turn the direction of what follows.
    """
    line = " ".join("".join(one if one.isprintable() else " " for one in text[: 4 * MAX_TEXT]).split())
    return line if len(line) <= MAX_TEXT else f"{line[: MAX_TEXT - 1]}…"


def decode_json(text: bytes | str, kind: type[Answer] | Any) -> Answer:
    """Decode JSON of an upstream.

    Raises:
        msgspec.MsgspecError: It has another structure, too many values, or is nested too deep.
        UnicodeDecodeError: It is not text.
    """
    return checked(msgspec.json.Decoder(kind, strict=False), text)


def checked(decoder: msgspec.json.Decoder[Answer], text: bytes | str) -> Answer:
    """Decode JSON of an upstream with an existing decoder.

    Raises:
        msgspec.MsgspecError: It has another structure, too many values, or is nested too deep.
        UnicodeDecodeError: It is not text.
    """
    if len(text) > MAX_VALUES and (text.count(b",") if isinstance(text, bytes) else text.count(",")) > MAX_VALUES:
        raise msgspec.DecodeError(f"more than {MAX_VALUES:,} values")
    try:
        return decoder.decode(text)
    except RecursionError:
        raise msgspec.DecodeError("nested too deep") from None
