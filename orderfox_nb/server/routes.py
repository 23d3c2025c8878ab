"""Every route of the server, in one table: the applications and the OpenAPI document are made from it."""

from __future__ import annotations

from typing import Any, Final

from orderfox_nb.desk.streams.registry import STREAMS
from orderfox_nb.server.base_url import base_pattern
from orderfox_nb.server.handlers import (
    bot_checks,
    bot_rows,
    bot_socket,
    bots,
    docs,
    history,
    live,
    market,
    notebooks,
    streams,
    system,
    trading,
)
from orderfox_nb.server.handlers.no_route import NoRoute
from orderfox_nb.server.handlers.symbol_socket import SymbolSocket, stream_socket
from orderfox_nb.server.service import DeskService

_SYMBOL: Final = r"([^/]+(?:/[^/]+)?)"
_TIMEFRAME: Final = r"([^/]+)"
# A second segment is a timeframe where it looks like one, otherwise the quote of BTC/USDT.
_SYMBOL_THEN_TIMEFRAME: Final = r"([^/]+?(?:/[^/]+?)??)(?:/([0-9]+[A-Za-z]+))?"

REST: Final[list[tuple[str, type[Any]]]] = [
    (r"/api/v1/health", system.HealthRoute),
    (r"/api/v1/metrics", system.MetricsRoute),
    (r"/api/v1/openapi\.json", system.OpenApiRoute),
    (r"/api/v1/symbols", market.SymbolsRoute),
    (r"/api/v1/symbol-cache-stats", market.SymbolCacheRoute),
    (r"/api/v1/refresh-symbols", market.RefreshSymbolsRoute),
    (rf"/api/v1/orderbook/{_SYMBOL}", market.OrderBookRoute),
    (rf"/api/v1/trades/{_SYMBOL}", market.TradesRoute),
    (rf"/api/v1/candles/{_SYMBOL}", market.CandlesRoute),
    (rf"/api/v1/quality/{_SYMBOL}", market.QualityRoute),
    (rf"/api/v1/liquidations/{_SYMBOL}", market.LiquidationsRoute),
    (rf"/api/v1/funding/{_SYMBOL}", history.FundingRoute),
    (rf"/api/v1/open-interest/{_SYMBOL}", history.OpenInterestRoute),
    (rf"/api/v1/mark/{_SYMBOL}", history.MarkRoute),
    (rf"/api/v1/past/{_SYMBOL}", history.PastRoute),
    (rf"/api/v1/liquidation-volume/{_SYMBOL}/{_TIMEFRAME}", market.LiquidationVolumeRoute),
    (r"/api/v1/strategies", bots.StrategiesRoute),
    (r"/api/v1/bots", bots.BotsRoute),
    (r"/api/v1/bots/health", bots.BotsHealthRoute),
    (r"/api/v1/bots/kill", bots.KillRoute),
    (r"/api/v1/bots/symbols/active", bots.ActiveSymbolsRoute),
    (r"/api/v1/bots/symbols/stats", bots.SymbolStatsRoute),
    (rf"/api/v1/bots/symbols/{_SYMBOL}", bots.SymbolBotsRoute),
    (r"/api/v1/bots/([^/]+)", bots.BotRoute),
    (r"/api/v1/bots/([^/]+)/status", bots.BotStatusRoute),
    (r"/api/v1/bots/([^/]+)/orders", bot_rows.BotOrdersRoute),
    (r"/api/v1/bots/([^/]+)/fills", bot_rows.BotFillsRoute),
    (r"/api/v1/bots/([^/]+)/equity", bot_rows.BotEquityRoute),
    (r"/api/v1/bots/([^/]+)/report", bot_checks.BotReportRoute),
    (r"/api/v1/bots/([^/]+)/parity", bot_checks.BotParityRoute),
    (r"/api/v1/trade", trading.TradeRoute),
    (r"/api/v1/positions", trading.PositionsRoute),
    (r"/api/v1/set_trading_mode", trading.TradingModeRoute),
]

SOCKETS: Final[list[tuple[str, type[Any]]]] = [
    (rf"/api/v1/ws/orderbook(?:/{_SYMBOL})?", streams.OrderBookSocket),
    (rf"/api/v1/ws/trades(?:/{_SYMBOL})?", streams.TradesSocket),
    (rf"/api/v1/ws/candles(?:/{_SYMBOL_THEN_TIMEFRAME})?", streams.CandlesSocket),
    (rf"/api/v1/ws/liquidations(?:/{_SYMBOL})?", streams.LiquidationsSocket),
    (r"/api/v1/ws/bots(?:/([^/]+))?", bot_socket.BotsSocket),
    (r"/api/v1/ws/live", live.LiveSocket),
]

PAGES: Final[list[tuple[str, type[Any]]]] = [
    (r"/api/v1/docs(?:/([a-z.-]+))?", docs.ApiDocs),
    (r"/api/v1/notebooks/([0-9A-Za-z_]{1,60})\.ipynb", notebooks.ShippedNotebook),
]
TOP_LEVEL: Final[list[tuple[str, type[Any]]]] = [
    (r"/health", system.HealthRoute),
    (r"/metrics", system.MetricsRoute),
    (r"/docs", docs.ToApiDocs),
]
CATCH_ALL: Final[list[tuple[str, type[Any]]]] = [(r"/api/v1(?:/.*)?", NoRoute)]


def routes(base_url: str, service: DeskService, *, top_level: bool, catch_all: bool) -> list[tuple[str, Any, Any]]:
    """Return tornado's table of our routes.

    Args:
        base_url: Prefix of every path.
        service: What the handlers share.
        top_level: Also ``/health``, ``/metrics`` and ``/docs``: only where no other application's routes are.
        catch_all: Also answer every other path under ``/api/v1``.
    """
    table = [*REST, *sockets(), *PAGES, *(TOP_LEVEL if top_level else []), *(CATCH_ALL if catch_all else [])]
    return [_rule(base_url, path, handler, service) for path, handler in table]


def catch_all(base_url: str, service: DeskService) -> list[tuple[str, Any, Any]]:
    """Return the rule that answers every other path under ``/api/v1``, to be added after all other routes."""
    return [_rule(base_url, path, handler, service) for path, handler in CATCH_ALL]


def sockets() -> list[tuple[str, type[Any]]]:
    """Return every WebSocket: those above, and one for each public stream that needs no class of its own."""
    served = {handler.declared.name for _, handler in SOCKETS if issubclass(handler, SymbolSocket)}
    plain = [stream for stream in STREAMS.values() if stream.public and stream.per_symbol and stream.name not in served]
    handlers = [stream_socket(stream) for stream in plain]
    return [*SOCKETS, *((rf"/api/v1/{handler.route}(?:/{_SYMBOL})?", handler) for handler in handlers)]


def _rule(base_url: str, path: str, handler: type[Any], service: DeskService) -> tuple[str, Any, Any]:
    described = {"routes": REST, "sockets": sockets()} if handler is system.OpenApiRoute else {}
    return base_pattern(base_url) + path.removeprefix("/"), handler, {"service": service, **described}
