"""Followers of ccxt's topics: a book that is already joined, and the engine's own followers."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

from orderfox_nb.core.events import BookDelta, BookSnapshot, Event, Topic
from orderfox_nb.feeds.ccxt.offer import Offer
from orderfox_nb.feeds.ccxt.rest import CcxtRest
from orderfox_nb.feeds.venue.candles import CandlesFollower
from orderfox_nb.feeds.venue.fetches import Fetches
from orderfox_nb.feeds.venue.follower import Follower, StatusReporter
from orderfox_nb.feeds.venue.followers import candles_since, newest_trades, trades_between
from orderfox_nb.feeds.venue.items import Inconsistent, Item, Lost, Overflowed, Restarted
from orderfox_nb.feeds.venue.latest import LatestFollower
from orderfox_nb.feeds.venue.liquidations import LiquidationsFollower
from orderfox_nb.feeds.venue.trades import TradesFollower
from orderfox_nb.feeds.venue.unordered_trades import UnorderedTradesFollower


def follower_of(  # noqa: PLR0911  (one a channel)
    reporter: StatusReporter,
    fetches: Fetches,
    *,
    rest: CcxtRest,
    offer: Offer,
    present: Callable[[], BookSnapshot | None],
    renew: Callable[[], None],
) -> Follower:
    """Make the follower of the reporter's topic, which the exchange offers.

    Args:
        rest: Asked for what was before.
        offer: How the channel is read.
        present: Returns the topic's book as the others have it.
        renew: Subscribes to the topic again.
    """
    topic: Topic = reporter.topic
    symbol = topic.symbol
    match topic.channel:
        case "book":
            return JoinedBookFollower(reporter, present, renew)
        case "trades" if offer.ordered_trades:
            return TradesFollower(
                reporter,
                fetches,
                newest=partial(newest_trades, rest, topic),
                between=partial(trades_between, rest, topic),
                unbroken=offer.unbroken_trades,
            )
        case "trades":
            return UnorderedTradesFollower(reporter, fetches, partial(newest_trades, rest, topic))
        case "candles":
            return CandlesFollower(reporter, fetches, partial(candles_since, rest, topic, reporter.now_us))
        case "liquidations":
            return LiquidationsFollower(
                reporter,
                fetches,
                history=None,
                since=None,
                check=partial(rest.known, symbol),
                renew=renew,
                sampled=offer.coverage(topic.channel) == "sampled",
            )
        case "mark":
            return LatestFollower(reporter, fetches, partial(rest.mark, symbol), poll_s=offer.poll_s("mark"))
        case "ticker":
            return LatestFollower(reporter, fetches, partial(rest.ticker, symbol), poll_s=offer.poll_s("ticker"))
        case _:
            now = partial(rest.open_interest, symbol)
            return LatestFollower(reporter, fetches, now, poll_s=offer.poll_s(topic.channel))


class JoinedBookFollower:
    """Passes on a book that ccxt has joined; whether an update was lost is for ccxt to notice.

    Args:
        present: Returns the book as the other readers have it.
        renew: Subscribes again.
    """

    def __init__(
        self, reporter: StatusReporter, present: Callable[[], BookSnapshot | None], renew: Callable[[], None]
    ) -> None:
        self._reporter = reporter
        self._present = present
        self._renew = renew
        self._synced = False
        self._last_id = -1

    @property
    def holding(self) -> bool:
        return False

    def start(self) -> None:
        """Wait for the first book."""

    def follows(self, event: Event) -> bool:
        if type(event) is not BookDelta or not self._synced or event.previous_id != self._last_id:
            return False
        self._last_id = event.last_id
        return True

    def handle(self, item: Item) -> Iterator[Event]:
        match item:
            case BookSnapshot():
                yield from self._begin(item)
            case BookDelta():
                if self._synced and item.last_id > self._last_id:
                    yield from self._lose(f"expected the update after {self._last_id}")
                    self._renew()
            case Lost(reason):
                yield self._reporter.status("down", reason)
                yield from self._lose(reason)
            case Overflowed(lost):
                yield from self._lose("the reader did not keep up", lost=lost)
                if (snapshot := self._present()) is not None:
                    yield from self._begin(snapshot)
            case Inconsistent(reason):
                yield from self._lose(reason)
            case Restarted(reason):
                if self._synced:
                    yield self._reporter.restart(reason)
                self._synced = False
                self._renew()
            case _:
                return

    def _begin(self, snapshot: BookSnapshot) -> Iterator[Event]:
        self._synced, self._last_id = True, snapshot.update_id
        self._reporter.resyncs += 1
        yield snapshot
        yield self._reporter.status("live")

    def _lose(self, reason: str, *, lost: int = -1) -> Iterator[Event]:
        if self._synced:
            yield self._reporter.gap(reason, lost=lost)
        self._synced = False
