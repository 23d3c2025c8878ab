"""Which fold a topic's events go into."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from orderfox_nb.core.book import Book
from orderfox_nb.core.candles import Candles
from orderfox_nb.core.events import WHOLE_MARKET, Channel, MarkPrice, OpenInterest, Ticker, Topic
from orderfox_nb.core.fold import Fold
from orderfox_nb.core.instrument import Instrument
from orderfox_nb.core.liquidation_volume import LiquidationState
from orderfox_nb.core.market_state import Latest
from orderfox_nb.core.tape import Tape
from orderfox_nb.errors import EventError

_FOLDS: Final[dict[Channel, Callable[[Instrument, Topic], Fold[Any]]]] = {
    "book": lambda instrument, _: Book(instrument),
    "trades": lambda instrument, _: Tape(instrument),
    "candles": lambda instrument, topic: Candles(instrument, topic.interval),
    "liquidations": lambda instrument, _: LiquidationState(instrument),
    "mark": lambda instrument, _: Latest(instrument, MarkPrice),
    "ticker": lambda instrument, _: Latest(instrument, Ticker),
    "open_interest": lambda instrument, _: Latest(instrument, OpenInterest),
}


def fold_for(topic: Topic, instrument: Instrument | None) -> Fold[Any]:
    """Make the empty fold of a topic.

    Args:
        topic: What the events are about.
        instrument: The topic's instrument; None only for the liquidations of a whole market.

    Raises:
        BadValue: A candles topic whose interval is no timeframe.
        EventError: No fold exists for such a topic, or it needs an instrument.
    """
    if topic.channel == "liquidations" and topic.symbol == WHOLE_MARKET:
        return LiquidationState(None)
    if instrument is None or instrument.symbol != topic.symbol:
        raise EventError(f"no fold for {topic} without its instrument")
    return _FOLDS[topic.channel](instrument, topic)
