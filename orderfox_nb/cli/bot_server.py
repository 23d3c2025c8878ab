"""``orderfox bot list`` and the other commands that manage a server's bots."""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections.abc import Callable, Coroutine, Sequence
from typing import TYPE_CHECKING, Any, Final, TypeVar
from urllib.parse import quote, urlsplit

from orderfox_nb.cli.command import Command, Example
from orderfox_nb.cli.options import duration
from orderfox_nb.cli.output import print_json, print_pairs, print_table, utc_text
from orderfox_nb.cli.strategies import parameters_of
from orderfox_nb.errors import SettingError, VenueRefused, VenueUnreachable

if TYPE_CHECKING:
    from orderfox_nb.market.bot_server import BotServer

Answer = TypeVar("Answer")

_LOCAL: Final = ("127.0.0.1", "localhost", "::1")
_MIN_PREFIX: Final = 4
"""Characters of an id that a list shows."""
_SHOWN_ID: Final = 8


def _ask(options: argparse.Namespace, question: Callable[[BotServer], Coroutine[Any, Any, Answer]]) -> Answer:
    """Ask the server that the options and the settings name.

    Raises:
        FeedError: It cannot be asked, or refuses; the error says what to do.
    """
    from orderfox_nb.config import load_settings  # noqa: PLC0415
    from orderfox_nb.market.bot_server import BotServer  # noqa: PLC0415

    settings = load_settings(BACKEND_URL=options.url, ORDERFOX_URL="" if options.url else None)
    url = settings.server_url or settings.backend_url or f"http://127.0.0.1:{settings.port}"
    # The token of this machine's server opens every route of that one, so that no other server may get it.
    ours = url == settings.server_url or urlsplit(url).hostname in _LOCAL
    token = (settings.server_token if ours else settings.source_token).get_secret_value()
    try:
        return asyncio.run(question(BotServer(url, token, answer_s=options.timeout)))
    except VenueUnreachable as error:
        advice = "Start one with orderfox serve, or name it with --url"
        if isinstance(error.__context__, TimeoutError):
            advice = "A busy server may need longer: --timeout 2m"
        raise VenueUnreachable(error.venue, f"{error.reason}. {advice}") from None
    except VenueRefused as error:
        if error.status not in (401, 403):
            raise
        variable = "ORDERFOX_TOKEN" if ours else "ORDERFOX_SOURCE_TOKEN"
        advice = f"Set {variable} to the token with which {url} was started"
        if ours:
            advice += " (ORDERFOX_TOKEN=<one of your choice> orderfox serve; by default it is random)"
        raise VenueRefused(error.venue, f"{error.reason}. {advice}", status=error.status) from None


def _add_server(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--url", help="address of the server (default: ORDERFOX_URL, BACKEND_URL, or this machine at BACKEND_PORT)"
    )
    parser.add_argument("--timeout", type=duration, metavar="S", help="seconds to wait for each answer (default: 30)")


def _add_json(parser: argparse.ArgumentParser) -> None:
    _add_server(parser)
    parser.add_argument("--json", action="store_true", help="print JSON")


async def _found(server: BotServer, names: Sequence[str]) -> Sequence[dict[str, Any]]:
    """Return bots by their ids, beginnings of them, or names.

    Raises:
        SettingError: There is none, or several.
    """
    bots = await server.bots()
    found: list[dict[str, Any]] = []
    for name in names:
        same = [bot for bot in bots if name in (bot["id"], bot["name"])]
        same = same or [bot for bot in bots if len(name) >= _MIN_PREFIX and bot["id"].startswith(name)]
        if len(same) != 1:
            several = ", ".join(bot["id"] for bot in same[:5])
            raise SettingError("BOT", name, f"one of these ids: {several}" if same else "a bot of orderfox bot list")
        found += [bot for bot in same if bot not in found]
    return found


def _list(options: argparse.Namespace) -> int:
    bots = _ask(options, lambda server: server.bots())
    if options.json:
        print_json(bots)
        return 0
    if not bots:
        print("no bots: orderfox bot create makes one")
        return 0
    rows = [
        (
            bot["id"][:_SHOWN_ID],
            bot["name"],
            bot["symbol"],
            bot["strategy"] or "–",
            bot["state"],
            _band(bot["account"]),
            bot["account"]["position"] if bot["account"] else "",
        )
        for bot in bots
    ]
    head = ("id", "name", "symbol", "strategy", "state", "profit", "position")
    print_table(head, rows, right=("profit", "position"))
    for bot in bots:
        if bot["note"]:
            print(f"{bot['id'][:_SHOWN_ID]} {bot['name']}: {bot['note']}")
    return 0


def _show(options: argparse.Namespace) -> int:
    async def question(server: BotServer) -> tuple[dict[str, Any], list[dict[str, Any]]]:
        (bot,) = await _found(server, [options.bot])
        return bot, await server.ask(f"/{quote(bot['id'])}/fills", query={"limit": "10"})

    bot, fills = _ask(options, question)
    if options.json:
        print_json({**bot, "fills": fills})
        return 0
    account: dict[str, Any] = bot["account"] or {}
    names = ("equity", "position", "entry", "unrealizedPnl", "fees", "funding", "openOrders")
    rows = [(name, bot[name] or "") for name in ("id", "name", "venue", "symbol", "strategy", "state", "note")]
    rows += [("params", ", ".join(f"{name}={value}" for name, value in bot["params"].items()))]
    rows += [("profit", _band(bot["account"]))]
    rows += [(name, str(account[name])) for name in names if account.get(name) is not None]
    print_pairs([("live trading", "yes: its orders are real" if bot["liveTrading"] else ""), *rows])
    if fills:
        print()
        shown = [
            (utc_text(fill["timestamp"] * 1_000), fill["side"], fill["amount"], fill["price"], fill["fee"])
            for fill in fills
        ]
        print_table(("newest fills (UTC)", "side", "size", "price", "fee"), shown, right=("size", "price", "fee"))
    return 0


def _create(options: argparse.Namespace) -> int:
    strategy = options.strategy
    body = {
        "name": options.name or " ".join(filter(None, (strategy or "Watch", options.symbol))),
        "symbol": options.symbol,
        "isActive": not options.stopped,
        "strategy": strategy,
        "params": dict(parameters_of(options.set)),
        "venue": options.venue,
        "description": options.description,
    }
    bot = _ask(options, lambda server: server.ask(method="POST", body=body))
    print(f"{bot['id']}  {bot['name']}: {bot['state']}")
    return 0


def _set_active(options: argparse.Namespace, *, active: bool) -> int:
    async def question(server: BotServer) -> list[dict[str, Any]]:
        query = {"is_active": str(active).lower()}
        bots = await _found(server, options.bots)
        return [await server.ask(f"/{quote(bot['id'])}/status", method="PATCH", query=query) for bot in bots]

    for bot in _ask(options, question):
        print(f"{bot['id'][:_SHOWN_ID]} {bot['name']}: {bot['state']}")
    return 0


def _start(options: argparse.Namespace) -> int:
    return _set_active(options, active=True)


def _stop(options: argparse.Namespace) -> int:
    return _set_active(options, active=False)


def _kill(options: argparse.Namespace) -> int:
    print(_ask(options, lambda server: server.ask("/kill", method="POST"))["message"])
    return 0


def _delete(options: argparse.Namespace) -> int:
    async def question(server: BotServer) -> None:
        for bot in await _found(server, options.bots):
            await server.ask(f"/{quote(bot['id'])}", method="DELETE")
            print(f"{bot['id'][:_SHOWN_ID]} {bot['name']}: deleted")

    if not options.yes:
        if not sys.stdin.isatty():
            raise SettingError("--yes", "", "this option, since there is no terminal to confirm the deletion")
        answer = input(f"Delete {', '.join(options.bots)} with all orders, fills and equity? [y/N] ")
        if answer.strip().lower() not in ("y", "yes"):
            return 1
    _ask(options, question)
    return 0


def _band(account: dict[str, Any] | None) -> str:
    if account is None:
        return ""
    low, high = (float(account["pnl"][name]) for name in ("low", "high"))
    return f"{low:,.2f}" if low == high else f"{low:,.2f} to {high:,.2f}"


def _add_bots(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("bots", nargs="+", metavar="BOT", help="an id, its first characters, or a name")
    _add_server(parser)


def _add_bot(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("bot", metavar="BOT", help="an id, its first characters, or a name")
    _add_json(parser)


def _add_deletion(parser: argparse.ArgumentParser) -> None:
    _add_bots(parser)
    parser.add_argument("--yes", action="store_true", help="do not ask")


def _add_new_bot(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("symbol", metavar="SYMBOL", help="in any usual form: btc, BTCUSDT, BTC/USDT")
    parser.add_argument("--strategy", metavar="NAME", help="one of the server; without it the bot only watches")
    parser.add_argument(
        "--set", action="append", default=[], metavar="NAME=VALUE", help="a parameter of the strategy; may be repeated"
    )
    parser.add_argument("--name", help="1 to 100 characters (default: strategy and symbol)")
    parser.add_argument("--description", metavar="TEXT", help="up to 200 characters")
    parser.add_argument("--venue", help="a venue of the server (default: its first)")
    parser.add_argument("--stopped", action="store_true", help="do not start it")
    _add_server(parser)


LIST = Command(
    description="List the bots of a server, newest first, with the band of their profit.",
    arguments=_add_json,
    run=_list,
    examples=(
        Example("The bots of the server on this machine", "orderfox bot list"),
        Example("The bots of another server", "orderfox bot list --url https://desk.example/desk"),
    ),
)
SHOW = Command(
    description="Show a bot, its account and its newest fills.",
    arguments=_add_bot,
    run=_show,
    examples=(Example("By the first characters of its id", "orderfox bot show 3f0c"),),
)
CREATE = Command(
    description="Create a bot on a server, and start it on paper. Its strategy must be installed on the server.",
    arguments=_add_new_bot,
    run=_create,
    examples=(
        Example("A strategy with its defaults", "orderfox bot create BTCUSDT --strategy EmaCross"),
        Example("With parameters", "orderfox bot create eth --strategy GridMaker --set levels=4 --name grid"),
    ),
)
START = Command(
    description="Start bots: each continues with its account.",
    arguments=_add_bots,
    run=_start,
    examples=(Example("Two of them", "orderfox bot start grid 3f0c"),),
)
STOP = Command(
    description="Stop bots: their orders are cancelled, positions stay.",
    arguments=_add_bots,
    run=_stop,
    examples=(Example("By name", "orderfox bot stop grid"),),
)
KILL = Command(
    description="Stop every active bot that has a strategy, at once, and cancel its orders. Positions stay.",
    arguments=_add_server,
    run=_kill,
    examples=(Example("Now", "orderfox bot kill"),),
)
DELETE = Command(
    description="Delete bots with their orders, fills and equity.",
    arguments=_add_deletion,
    run=_delete,
    examples=(Example("Without a question", "orderfox bot delete grid --yes"),),
)
