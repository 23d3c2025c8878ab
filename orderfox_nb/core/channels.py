"""The channels: one row each, which every other module asks. A channel is added by a row here and its fold."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import msgspec

from orderfox_nb.core.book import Book
from orderfox_nb.core.candles import CandleState
from orderfox_nb.core.events import (
    WHOLE_MARKET,
    BookDelta,
    BookSnapshot,
    Candle,
    Channel,
    Coverage,
    Event,
    Liquidation,
    MarkPrice,
    OpenInterest,
    Ticker,
    Topic,
    Trade,
)
from orderfox_nb.core.fold import Fold
from orderfox_nb.core.instrument import Instrument
from orderfox_nb.core.liquidation_volume import LiquidationState
from orderfox_nb.core.market_state import Latest
from orderfox_nb.core.tape import TapeState
from orderfox_nb.core.timeframes import TIMEFRAME_US
from orderfox_nb.errors import BadValue, EventError


def _always(_: Any) -> bool:
    return True


class ChannelSpec(msgspec.Struct, frozen=True, kw_only=True):
    """A channel: its fold, its kinds of events and its rules of quality."""

    name: Channel
    title: str
    """For people."""
    fold: Callable[[Instrument, str], Fold[Any]]
    """Makes the empty fold of an instrument and an interval."""
    market_fold: Callable[[], Fold[Any]] | None = None
    """Makes the fold of the whole market; None if the channel is about one symbol only."""
    kinds: tuple[type[Event], ...]
    """Kinds of its live events."""
    needs_interval: bool = False
    summed: bool = False
    """The past is also known as sums by interval, which the fold accepts beside the events."""
    is_past: bool = False
    """Its events, one after the other, are its past; otherwise they are states, of which the next replaces the last."""
    by_period: bool = False
    """The past is also known at the start of each interval."""
    coverage: Coverage = "complete"
    whole: Callable[[Any], bool] = _always
    """Whether a fold whose prelude is over has everything."""
    snapshot: type[Event] | None = None
    """The event that alone begins the state again. With one, nothing else ends a gap, and known events prove nothing
    once they are counted by other steps."""
    joins: bool = False
    """Whether events carry ids by which a stream joins what came before, however much was missed in between."""
    sparse: bool = False
    """Events are rare, late and in no strict order: a gap ends once it is reported, and times measure no clock."""
    polled: bool = False
    """Asked for, not pushed: an answer says as much as a live event."""
    silence_s: float | None = None
    """How long it may be silent before its data is called stale; None: forever."""
    renew_s: float | None = None
    """After how long a silence the venue has forgotten the stream, so that it is subscribed to again; None: never."""
    neighbour_checks: int | None = None
    """For how many checks it may lag behind what the symbol's other channels prove; None: any."""


CHANNELS: Final[dict[Channel, ChannelSpec]] = {
    spec.name: spec
    for spec in (
        ChannelSpec(
            name="book",
            title="Order book",
            fold=lambda instrument, _: Book(instrument),
            kinds=(BookSnapshot, BookDelta),
            whole=lambda book: book.synced,
            snapshot=BookSnapshot,
            silence_s=10,  # a diff each 100 ms while anything changes
            renew_s=15,
            neighbour_checks=10,  # a trade may be against an order that no book shows: only many of them prove anything
        ),
        ChannelSpec(
            name="trades",
            title="Trades",
            fold=lambda instrument, _: TapeState(instrument),
            kinds=(Trade,),
            is_past=True,
            joins=True,
            # A small symbol trades less than once a minute at night: its neighbours show silence.
            neighbour_checks=2,  # what a kline shows was traded, the tape has within 100 ms
        ),
        ChannelSpec(
            name="candles",
            title="Candles",
            fold=CandleState,
            kinds=(Candle,),
            is_past=True,
            needs_interval=True,
            # Klines are sent when there are trades.
            neighbour_checks=2,  # a kline follows a trade within 250 ms
        ),
        ChannelSpec(
            name="liquidations",
            title="Liquidations",
            fold=lambda instrument, _: LiquidationState(instrument),
            kinds=(Liquidation,),
            market_fold=lambda: LiquidationState(None),
            is_past=True,
            coverage="sampled",
            sparse=True,
            summed=True,
        ),
        ChannelSpec(
            name="mark",
            title="Mark price",
            fold=lambda instrument, _: Latest(instrument, MarkPrice),
            kinds=(MarkPrice,),
            by_period=True,
            silence_s=1.75,  # each second; checked four times a second, so noticed within two
            renew_s=3,
        ),
        ChannelSpec(
            name="ticker",
            title="Ticker",
            fold=lambda instrument, _: Latest(instrument, Ticker),
            kinds=(Ticker,),
            silence_s=60,
            renew_s=60,
            neighbour_checks=6,  # each second or two while there are trades
        ),
        ChannelSpec(
            name="open_interest",
            title="Open interest",
            fold=lambda instrument, _: Latest(instrument, OpenInterest),
            kinds=(OpenInterest,),
            by_period=True,
            polled=True,
            silence_s=60,
        ),
    )
}


def channel_spec(name: Channel) -> ChannelSpec:
    """Return the row of a channel.

    Raises:
        BadValue: No such channel.
    """
    try:
        return CHANNELS[name]
    except KeyError:
        raise BadValue("channel", name, "one of " + ", ".join(CHANNELS)) from None


def check_interval(spec: ChannelSpec, interval: str) -> None:
    """Check that a channel has an interval if, and only if, it needs one.

    Raises:
        BadValue: No timeframe, or one for a channel that has none.
    """
    if spec.needs_interval != bool(interval) or (interval and interval not in TIMEFRAME_US):
        timed = ", ".join(known.name for known in CHANNELS.values() if known.needs_interval)
        raise BadValue("interval", interval, f"a timeframe, for {timed} only")


def is_whole_market(topic: Topic) -> bool:
    """Return whether a topic carries every symbol of its venue, in a channel that does so."""
    return topic.symbol == WHOLE_MARKET and channel_spec(topic.channel).market_fold is not None


def fold_for(topic: Topic, instrument: Instrument | None) -> Fold[Any]:
    """Make the empty fold of a topic.

    Args:
        topic: What the events are about.
        instrument: The topic's instrument; None only for a whole market.

    Raises:
        BadValue: No such channel, or an interval that is not a timeframe.
        EventError: No fold exists for such a topic, or it needs an instrument.
    """
    spec = channel_spec(topic.channel)
    if topic.symbol == WHOLE_MARKET and spec.market_fold is not None:
        return spec.market_fold()
    if instrument is None or instrument.symbol != topic.symbol:
        raise EventError(f"no fold for {topic} without its instrument")
    return spec.fold(instrument, topic.interval)
