# pandas has no stubs.
# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false
"""The bots of the kernel's server, as its REST routes list them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import aiohttp
import msgspec

from orderfox_nb.config import Settings, load_settings
from orderfox_nb.engine import shared_engine
from orderfox_nb.errors import SettingError, VenueRefused, VenueUnreachable
from orderfox_nb.feeds.http import AnswerRefused, decode_json, fetch, new_session, short

if TYPE_CHECKING:
    import pandas as pd

_ANSWER_S: Final = 15.0
_MAX_BYTES: Final = 4_000_000
"""Of a page of 100 bots, whose texts and parameters are bounded."""
_PAGE: Final = 100
_MAX_PAGES: Final = 10
"""A server stores 1,000 bots."""
_SERVER: Final = "the server"


class _PageOfBots(msgspec.Struct):
    bots: list[dict[str, Any]]
    total: int


class _BotsRefused(msgspec.Struct):
    detail: str = ""


def read_bots() -> list[dict[str, Any]]:
    """Return the bots of the server that started this kernel, newest first, as ``GET /api/v1/bots`` gives them.

    Raises:
        SettingError: The kernel has no server.
        FeedError: The server cannot be asked.
    """
    settings = load_settings()
    if not settings.server_url:
        raise SettingError("ORDERFOX_URL", "", "the address of a server: bots run on one, not in a kernel")
    return shared_engine(settings).run(_read(settings), timeout_s=_ANSWER_S)


async def _read(settings: Settings) -> list[dict[str, Any]]:
    token = settings.server_token.get_secret_value()
    headers = {"Authorization": f"token {token}"} if token else {}
    url = f"{settings.server_url.rstrip('/')}/api/v1/bots"
    found: list[dict[str, Any]] = []
    try:
        async with new_session(connections=1, headers=headers) as session:
            for number in range(1, _MAX_PAGES + 1):
                query = {"page": str(number), "page_size": str(_PAGE)}
                answer = await fetch(session, url, query, max_bytes=_MAX_BYTES)
                if answer.status != 200:
                    detail = short(decode_json(answer.body, _BotsRefused).detail)
                    raise VenueRefused(_SERVER, detail, status=answer.status)
                page = decode_json(answer.body, _PageOfBots)
                found += page.bots
                if not page.bots or len(found) >= page.total:
                    break
    except (aiohttp.ClientError, OSError, AnswerRefused, msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise VenueUnreachable(_SERVER, f"{url} does not answer as expected ({short(str(error))})") from error
    return found


def server_bots() -> pd.DataFrame:
    """Return the bots of the server by id, newest first.

    Columns: name, venue, symbol, strategy, state, running, note, and of the account in quote currency equity, pnl_low,
    pnl_high, the position in base quantity; NaN for a bot that never ran.

    Raises:
        SettingError: The kernel has no server.
        FeedError: The server cannot be asked.
    """
    import pandas as pd  # noqa: PLC0415 - a dashboard's kernel never asks

    bots = read_bots()
    texts = ("name", "venue", "symbol", "strategy", "state", "running", "note")
    rows = [{name: bot.get(name) for name in texts} | _figures(bot.get("account")) for bot in bots]
    columns = [*texts, "equity", "pnl_low", "pnl_high", "position"]
    return pd.DataFrame(rows, columns=columns, index=pd.Index([bot["id"] for bot in bots], name="id"))


def _figures(account: dict[str, Any] | None) -> dict[str, float]:
    if account is None:
        return {}
    band = account["pnl"]
    figures = (account["equity"], band["low"], band["high"], account["position"])
    return dict(zip(("equity", "pnl_low", "pnl_high", "position"), map(float, figures), strict=True))
