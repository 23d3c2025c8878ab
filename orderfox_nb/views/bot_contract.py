"""Bodies and answers of the routes for bots, and the answers made of what is stored."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any, Literal, TypeAlias

import msgspec
from msgspec import UNSET, Meta, UnsetType

BotName: TypeAlias = Annotated[
    str, Meta(min_length=1, max_length=100, pattern=r"^[^\x00-\x1f]*[^\x00-\x20][^\x00-\x1f]*$")
]
Description: TypeAlias = Annotated[str, Meta(max_length=200, pattern=r"^[^\x00]*$")]
StrategyName: TypeAlias = Annotated[str, Meta(min_length=1, max_length=100)]
SymbolText: TypeAlias = Annotated[str, Meta(min_length=1, max_length=100)]
Params: TypeAlias = dict[str, Any]


class NewBot(msgspec.Struct, kw_only=True, rename="camel"):
    """A bot to create."""

    name: BotName
    symbol: SymbolText
    is_active: bool = True
    is_paper_trading: bool = True
    description: Description | None = None
    strategy: StrategyName | None = None
    """Name of an installed strategy; without one the bot only watches its symbol."""
    params: Params = {}
    """Parameters of the strategy; omitted ones have their defaults."""
    venue: str | None = None
    """One of the server's venues, by default the first."""


class BotChanges(msgspec.Struct, kw_only=True, rename="camel"):
    """Changes of a bot."""

    name: BotName | UnsetType = UNSET
    symbol: SymbolText | UnsetType = UNSET
    is_active: bool | UnsetType = UNSET
    is_paper_trading: bool | UnsetType = UNSET
    description: Description | UnsetType | None = UNSET
    strategy: StrategyName | UnsetType | None = UNSET
    params: Params | UnsetType = UNSET
    venue: str | UnsetType = UNSET


BotStateName: TypeAlias = Literal[
    "stopped", "failed", "watching", "starting", "waiting", "running", "paused", "elsewhere", "problem"
]
"""``failed``: stopped by an error; ``watching``: active without a strategy; ``waiting``: for whole data, before its
first call; ``paused``: data are missing; ``elsewhere``: another server runs it; ``problem``: the note says why not."""


class ProfitBand(msgspec.Struct, kw_only=True, rename="camel"):
    """The lowest and the highest profit of the queue models, quote currency."""

    low: str
    high: str


class BotAccount(msgspec.Struct, kw_only=True, rename="camel"):
    """A bot's paper account, as decimal strings in quote currency.

    If the bot is not running, it is the last stored one, and its other figures are null.
    """

    deposit: str
    equity: str
    """Equity by the worst-case queue model, as all figures below except the band."""
    pnl: ProfitBand
    cash: str
    position: str
    """Base quantity, negative when short."""
    entry: str | None = None
    mark: str | None = None
    unrealized_pnl: str | None = None
    fees: str | None = None
    funding: str | None = None
    open_orders: int = 0
    time: int
    """Milliseconds of the venue's clock."""


class BotAnswer(msgspec.Struct, kw_only=True, rename="camel"):
    """A bot."""

    id: str
    name: str
    venue: str
    symbol: str
    is_active: bool
    """Whether it should run."""
    is_paper_trading: bool
    description: str | None
    strategy: str | None
    params: Params
    created_at: datetime
    updated_at: datetime
    running: bool
    """Whether it trades at present."""
    note: str
    """Why it does not trade although it is active, or why it was stopped; empty otherwise."""
    live_trading: bool
    """Whether its orders are real: it is not on paper, and live trading is unlocked on this server."""
    state: BotStateName
    account: BotAccount | None
    """None before it has ever run."""


class BotPage(msgspec.Struct, kw_only=True, rename="camel"):
    """A page of bots, newest first."""

    bots: list[BotAnswer]
    total: int
    page: int
    page_size: int


class BotsKilled(msgspec.Struct, kw_only=True, rename="camel"):
    """The bots that the kill switch has stopped."""

    status: Literal["success"] = "success"
    stopped: list[str]
    """Their ids."""
    message: str


class BotCounts(msgspec.Struct, kw_only=True, rename="camel"):
    """Number of bots of a symbol."""

    symbol: str
    total_count: int
    active_count: int


class BotService(msgspec.Struct, kw_only=True):
    """Counts of the stored bots."""

    bots: int
    active: int
    running: int
    symbols_tracked: int


class BotsHealth(msgspec.Struct, kw_only=True):
    """Whether bots can be stored."""

    status: Literal["healthy"]
    timestamp: int
    database: str
    bot_service: BotService


class BotOrder(msgspec.Struct, kw_only=True, rename="camel"):
    """An order of a bot; prices and sizes are decimal strings."""

    number: int
    timestamp: int
    updated: int
    side: Literal["buy", "sell"]
    type: str
    price: str | None
    trigger_price: str | None
    amount: str
    filled: str
    time_in_force: str
    reduce_only: bool
    state: str
    code: int | None
    """Code of the venue, if it rejected the order."""
    reason: str


class BotFill(msgspec.Struct, kw_only=True, rename="camel"):
    """A part of an order that was traded; prices, sizes and amounts are decimal strings."""

    number: int
    order: int
    timestamp: int
    side: Literal["buy", "sell"]
    price: str
    amount: str
    fee: str
    maker: bool
    liquidation: bool


class BotEquity(msgspec.Struct, kw_only=True, rename="camel"):
    """Equity of a bot's account at a moment, as decimal strings."""

    timestamp: int
    equity: str
    """Equity by the worst-case queue model."""
    cash: str
    position: str
    low: str
    """The lowest and the highest of all queue models."""
    high: str


class RunDifference(msgspec.Struct, kw_only=True):
    """A difference between a run and its replay."""

    cause: Literal["strategy", "latency", "venue rules", "fill", "follows"]
    """``follows``: it came after an earlier difference, which may be its cause."""
    number: int
    """Number of the order; 0 for an order of the venue."""
    time: int
    what: str
    first: str
    """Value in the run; empty if it has none."""
    second: str
    """Value in the replay; empty if it has none."""


class BotParity(msgspec.Struct, kw_only=True):
    """A run of a bot compared with a replay of its recording."""

    same: bool
    orders: int
    """Number of compared orders."""
    fills: int
    start: int
    end: int
    differences: list[RunDifference]
    """The earliest first, at most 200."""
    more: int
    """Number of further differences."""
    notes: list[str]


class BotRoundTrip(msgspec.Struct, kw_only=True):
    """A position from flat to flat; amounts are decimal strings."""

    side: Literal["long", "short"]
    opened: int
    closed: int | None
    """None while it is open."""
    amount: str
    entry: float
    exit: float | None
    """None if nothing was closed."""
    fees: str
    funding: str
    profit: str
    liquidated: bool


class BotReport(msgspec.Struct, kw_only=True):
    """Figures of a bot since its account was opened."""

    bot: str
    strategy: str
    symbol: str
    params: dict[str, str]
    start: int
    end: int
    low: float
    """Lowest profit of the queue models, quote currency."""
    high: float
    metrics: dict[str, float | None]
    """By name, of the worst-case queue model; null if a figure is not defined."""
    trades: list[BotRoundTrip]
    """The newest 500, oldest first."""
    notes: list[str]


Quantity: TypeAlias = Annotated[float, Meta(gt=0, le=1e12)]


class NewTrade(msgspec.Struct, kw_only=True, rename="camel"):
    """An order by hand."""

    symbol: SymbolText
    side: Literal["buy", "sell", "long", "short", "close"]
    """``long`` buys and ``short`` sells; ``close`` closes the position."""
    amount: Quantity | None = None
    """Base quantity; only ``close`` needs none."""
    type: Literal["market", "limit"] = "market"
    price: Quantity | None = None
    """Price of a limit order."""
    venue: str | None = None


class PositionAnswer(msgspec.Struct, kw_only=True, rename="camel"):
    """An open position on paper."""

    symbol: str
    venue: str
    bot_id: str
    side: Literal["long", "short"]
    size: float
    """Base quantity."""
    entry_price: float
    mark_price: float | None
    """None before the first."""
    unrealized_pnl: float
    """Quote currency."""


class TradeAnswer(msgspec.Struct, kw_only=True, rename="camel"):
    """Result of an order by hand."""

    status: Literal["success"] = "success"
    message: str
    order_id: str
    """Its number among those of the bot that holds the position."""
    state: str
    bot_id: str
    position_info: PositionAnswer | None
    """None without a position."""


class TradingMode(msgspec.Struct, kw_only=True):
    """The account that orders by hand go to."""

    mode: Annotated[str, Meta(max_length=20)]


class TradingModeSet(msgspec.Struct, kw_only=True):
    """The current trading mode."""

    mode: Literal["paper", "live"]
    message: str
    status: Literal["success"] = "success"


class StrategyParameter(msgspec.Struct, kw_only=True, rename="camel"):
    """A parameter of a strategy, with all that a form needs."""

    name: str
    kind: Literal["int", "float", "decimal", "bool", "text", "choice", "duration"]
    default: int | float | str | bool | None
    """A decimal is text; null if a value must be given."""
    required: bool
    minimum: float | None
    above: float | None
    """A bound that the value must exceed."""
    maximum: float | None
    unit: str
    """Unit to show: ticks, s, %, base, quote."""
    choices: list[str]
    help: str
    expected: str
    """Description of a valid value."""


class StrategyAnswer(msgspec.Struct, kw_only=True, rename="camel"):
    """An installed strategy."""

    name: str
    """Name by which a bot refers to it."""
    doc: str
    problem: str
    """Why it cannot be used; it then has no parameters. Empty if it can be used."""
    parameters: list[StrategyParameter]


class StrategiesAnswer(msgspec.Struct, kw_only=True, rename="camel"):
    """The installed strategies, by name."""

    strategies: list[StrategyAnswer]


def utc(time_us: int) -> datetime:
    """Return a time with its zone."""
    return datetime.fromtimestamp(time_us // 1_000_000, UTC).replace(microsecond=time_us % 1_000_000)
