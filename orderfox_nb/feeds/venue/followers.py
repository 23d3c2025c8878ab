"""Makes the follower of a topic's stream."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

from orderfox_nb.core.channels import channel_spec
from orderfox_nb.core.events import WHOLE_MARKET, Candle, Event, Gap, Topic, Trade
from orderfox_nb.core.timeframes import TIMEFRAME_US
from orderfox_nb.errors import BadValue
from orderfox_nb.feeds.liquidation_history import LiquidationHistory
from orderfox_nb.feeds.past import Past, Span, read_past
from orderfox_nb.feeds.venue.book import BookFollower
from orderfox_nb.feeds.venue.candles import CandlesFollower
from orderfox_nb.feeds.venue.dialect import MAX_CANDLES, Dialect, VenueRest
from orderfox_nb.feeds.venue.fetches import Fetches
from orderfox_nb.feeds.venue.follower import Follower, StatusReporter
from orderfox_nb.feeds.venue.latest import POLL_S, LatestFollower
from orderfox_nb.feeds.venue.liquidations import LiquidationsFollower
from orderfox_nb.feeds.venue.pace import ResyncPace
from orderfox_nb.feeds.venue.past_liquidations import liquidations_since, past_liquidations
from orderfox_nb.feeds.venue.streamed_book import StreamedBookFollower
from orderfox_nb.feeds.venue.trades import TradesFollower
from orderfox_nb.feeds.venue.unordered_trades import UnorderedTradesFollower


def follower_of(  # noqa: PLR0911  (one a channel)
    reporter: StatusReporter,
    fetches: Fetches,
    *,
    dialect: Dialect,
    rest: VenueRest,
    history: LiquidationHistory | None,
    pace: Callable[[], ResyncPace],
    renew: Callable[[], None],
    streamed: bool,
    sampled: bool,
) -> Follower:
    """Make the follower of the reporter's topic.

    Args:
        dialect: What the venue's streams promise.
        rest: Asked for what was before.
        history: Asked for past liquidations, if there is one.
        pace: Makes the pace of a book's snapshots.
        streamed: A stream carries the topic; if not, it is requested over REST.
        sampled: The stream leaves events out.
        renew: Subscribes to the topic's stream again.

    Raises:
        BadValue: A channel that the venue does not have.
    """
    topic = reporter.topic
    symbol = topic.symbol
    match topic.channel:
        case "book" if dialect.streams_snapshots:
            return StreamedBookFollower(reporter, fetches, renew=renew, pace=pace(), check=partial(rest.ticker, symbol))
        case "book":
            return BookFollower(reporter, fetches, partial(rest.book, symbol), pace())
        case "trades" if not dialect.ordered_trades:
            return UnorderedTradesFollower(reporter, fetches, partial(newest_trades, rest, topic))
        case "trades":
            return TradesFollower(
                reporter,
                fetches,
                newest=partial(newest_trades, rest, topic),
                between=partial(trades_between, rest, topic),
                unbroken=dialect.unbroken_trades,
            )
        case "candles":
            return CandlesFollower(reporter, fetches, partial(candles_since, rest, topic, reporter.now_us))
        case "liquidations":
            asked = history if symbol != WHOLE_MARKET else None
            return LiquidationsFollower(
                reporter,
                fetches,
                history=partial(past_liquidations, asked, symbol, reporter.now_us) if asked is not None else None,
                since=partial(liquidations_since, asked, symbol, reporter.now_us) if asked is not None else None,
                check=partial(rest.mark, symbol),
                renew=renew,
                sampled=sampled,
            )
        case "mark":
            return LatestFollower(reporter, fetches, partial(rest.mark, symbol))
        case "ticker":
            return LatestFollower(reporter, fetches, partial(rest.ticker, symbol))
        case "open_interest":
            return LatestFollower(
                reporter, fetches, partial(rest.open_interest, symbol), poll_s=0 if streamed else POLL_S
            )
        case _:
            raise BadValue("channel", topic.channel, "one that this venue has")


def events_of(topic: Topic) -> Callable[[Event], bool]:
    """Return what says whether an event of a shared stream is one of a topic."""
    spec, symbol = channel_spec(topic.channel), topic.symbol
    # A loss in the stream shows in the ids of its other events, but not in those of the rare ones, which have none.
    kinds = (*spec.kinds, Gap) if spec.sparse else spec.kinds
    if symbol == WHOLE_MARKET:
        return lambda event: type(event) in kinds
    return lambda event: type(event) in kinds and event.symbol == symbol


async def newest_trades(past: Past, topic: Topic) -> Sequence[Event]:
    """Return one page of the newest trades."""
    return (await past.page(topic, Span())).events


async def trades_between(past: Past, topic: Topic, first: int, last: int) -> Sequence[Event]:
    """Return the trades from one id up to and including another, as far as the venue still has them."""
    trades, _ = await read_past(past, topic, Trade, Span(from_id=str(first), before_id=str(last + 1)))
    return trades


async def candles_since(past: Past, topic: Topic, now_us: Callable[[], int], start_us: int | None) -> Sequence[Event]:
    """Return the bars that open at or after a time, the newest 1,500 of them, or simply the newest."""
    span = Span(limit=MAX_CANDLES)
    if start_us is not None:
        bars_since = (now_us() - start_us) // TIMEFRAME_US[topic.interval] + 2
        if bars_since < MAX_CANDLES:
            span = Span(start_us=start_us, limit=max(2, bars_since))
    bars, _ = await read_past(past, topic, Candle, span)
    return bars
