# pandas has no stubs.
# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false
"""The bots of the kernel's server, as its REST routes list them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from orderfox_nb.config import load_settings
from orderfox_nb.engine import shared_engine
from orderfox_nb.errors import SettingError
from orderfox_nb.market.bot_server import ANSWER_S, BotServer

if TYPE_CHECKING:
    import pandas as pd


def read_bots() -> list[dict[str, Any]]:
    """Return the bots of the server that started this kernel, newest first, as ``GET /api/v1/bots`` gives them.

    Raises:
        SettingError: The kernel has no server.
        FeedError: The server cannot be asked.
    """
    settings = load_settings()
    if not settings.server_url:
        raise SettingError("ORDERFOX_URL", "", "the address of a server: bots run on one, not in a kernel")
    server = BotServer(settings.server_url, settings.server_token.get_secret_value())
    return shared_engine(settings).run(server.bots(), timeout_s=ANSWER_S)


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
