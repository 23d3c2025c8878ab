"""Which follower a topic's stream has, and whom it asks."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from orderfox_nb.core.events import WHOLE_MARKET
from orderfox_nb.feeds.binance.book import BookFollower
from orderfox_nb.feeds.binance.candles import CandlesFollower
from orderfox_nb.feeds.binance.fetches import Fetches
from orderfox_nb.feeds.binance.follower import Follower, StatusReporter
from orderfox_nb.feeds.binance.latest import POLL_S, LatestFollower
from orderfox_nb.feeds.binance.liquidations import LiquidationsFollower
from orderfox_nb.feeds.binance.pace import ResyncPace
from orderfox_nb.feeds.binance.past import Past
from orderfox_nb.feeds.binance.trades import TradesFollower
from orderfox_nb.feeds.liquidation_history import LiquidationHistory


def follower_of(  # noqa: PLR0911  (one a channel)
    reporter: StatusReporter,
    fetches: Fetches,
    *,
    past: Past,
    history: LiquidationHistory | None,
    pace: Callable[[], ResyncPace],
    renew: Callable[[], None],
) -> Follower:
    """Make the follower of the reporter's topic.

    Args:
        past: Asked for what was before.
        history: Asked for past liquidations, if there is one.
        pace: Makes the pace of a book's snapshots.
        renew: Subscribes to the topic's stream once more.
    """
    topic = reporter.topic
    symbol = topic.symbol
    match topic.channel:
        case "book":
            return BookFollower(reporter, fetches, partial(past.book, symbol), pace())
        case "trades":
            return TradesFollower(
                reporter, fetches, newest=partial(past.trades, symbol), between=partial(past.trades_between, symbol)
            )
        case "candles":
            return CandlesFollower(reporter, fetches, partial(past.candles_since, symbol, topic.interval))
        case "liquidations":
            asked = history if symbol != WHOLE_MARKET else None
            return LiquidationsFollower(
                reporter,
                fetches,
                history=partial(past.liquidations, asked, symbol) if asked is not None else None,
                since=partial(past.liquidations_since, asked, symbol) if asked is not None else None,
                check=partial(past.mark, symbol),
                renew=renew,
            )
        case "mark":
            return LatestFollower(reporter, fetches, partial(past.mark, symbol))
        case "ticker":
            return LatestFollower(reporter, fetches, partial(past.ticker, symbol))
        case "open_interest":
            return LatestFollower(reporter, fetches, partial(past.open_interest, symbol), poll_s=POLL_S)
