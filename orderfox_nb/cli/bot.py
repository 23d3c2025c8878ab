"""``orderfox bot``: strategies, a bot on paper in this terminal, and the bots of a server."""

from __future__ import annotations

from orderfox_nb.cli.command import CommandGroup, Example, ListedCommand

COMMAND = CommandGroup(
    "Bots trade on paper: in this terminal, or on a server, which stores them and runs the active ones. A command that "
    "asks a server finds it by --url, ORDERFOX_URL or BACKEND_URL, else on this machine at BACKEND_PORT.",
    {
        "on this machine": {
            "strategies": ListedCommand("bot_strategies", "list the installed strategies and their parameters"),
            "run": ListedCommand("bot_run", "run a strategy on paper in this terminal"),
        },
        "on a server": {
            "list": ListedCommand("bot_server", "list the bots", "LIST"),
            "show": ListedCommand("bot_server", "show a bot, its account and its newest fills", "SHOW"),
            "create": ListedCommand("bot_server", "create a bot and start it", "CREATE"),
            "start": ListedCommand("bot_server", "start bots", "START"),
            "stop": ListedCommand("bot_server", "stop bots: their orders are cancelled, positions stay", "STOP"),
            "kill": ListedCommand("bot_server", "stop every bot at once", "KILL"),
            "delete": ListedCommand("bot_server", "delete bots with their orders, fills and equity", "DELETE"),
        },
    },
    (
        Example(
            "A market maker on the embedded exchange, for a minute", "orderfox bot run GridMaker BTCUSDT --duration 1m"
        ),
        Example("A bot on the server of this machine", "orderfox bot create BTCUSDT --strategy EmaCross"),
        Example("The bots with their profit", "orderfox bot list"),
    ),
)
