"""The bots of a server over its REST routes."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any, Final

import aiohttp
import msgspec

from orderfox_nb.errors import VenueRefused, VenueUnreachable
from orderfox_nb.feeds.http import AnswerRefused, decode_json, fetch, new_session, short

ANSWER_S: Final = 30.0
"""Default time limit of one answer."""
_MAX_BYTES: Final = 4_000_000
"""Largest answer: a page of 100 bots, whose texts and parameters are bounded."""
_PAGE: Final = 100
_MAX_PAGES: Final = 10
"""A server stores 1,000 bots."""
_NAME: Final = "the server"


class _BotsRefused(msgspec.Struct):
    detail: str = ""


class BotServer:
    """A server that has bots.

    Args:
        url: Its address, with its prefix.
        token: Token that is sent with every request; empty for none.
        answer_s: Time limit of one answer, seconds; by default ``ANSWER_S``.
    """

    def __init__(self, url: str, token: str = "", *, answer_s: float | None = None) -> None:
        self._root = f"{url.rstrip('/')}/api/v1/bots"
        self._answer_s = ANSWER_S if answer_s is None else answer_s
        self._headers = {"Authorization": f"token {token}"} if token else {}

    async def bots(self) -> list[dict[str, Any]]:
        """Return all bots, newest first.

        Raises:
            FeedError: The server cannot be asked, or refuses.
        """
        found: list[dict[str, Any]] = []
        for number in range(1, _MAX_PAGES + 1):
            page = await self.ask(query={"page": str(number), "page_size": str(_PAGE)})
            found += page["bots"]
            if not page["bots"] or len(found) >= page["total"]:
                break
        return found

    async def ask(
        self, path: str = "", *, method: str = "GET", query: Mapping[str, str] | None = None, body: Any = None
    ) -> Any:
        """Send one request below ``/api/v1/bots`` and return its answer, None if it has none.

        Args:
            path: Below that route: empty, or with its slash.
            method: Method of the request.
            query: Query of the URL.
            body: Sent as JSON; None for no body.

        Raises:
            FeedError: The server cannot be asked, or refuses.
        """
        url = self._root + path
        sent = None if body is None else msgspec.json.encode(body)
        try:
            async with asyncio.timeout(self._answer_s), new_session(connections=1, headers=self._headers) as session:
                answer = await fetch(session, url, query or {}, max_bytes=_MAX_BYTES, method=method, body=sent)
            if not 200 <= answer.status < 300:
                refused = decode_json(answer.body, _BotsRefused)
                raise VenueRefused(_NAME, short(refused.detail) or answer.reason, status=answer.status)
            return decode_json(answer.body, object) if answer.body else None
        except TimeoutError:
            raise VenueUnreachable(_NAME, f"{_NAME} at {url} does not answer within {self._answer_s:g} s") from None
        except (AnswerRefused, msgspec.MsgspecError, UnicodeDecodeError) as error:
            raise VenueUnreachable(_NAME, f"{_NAME} at {url} answers in another form ({short(str(error))})") from error
        except (aiohttp.ClientError, OSError) as error:
            raise VenueUnreachable(_NAME, f"{_NAME} at {url} cannot be reached ({short(str(error))})") from error
