"""The trades of a recording as columns, without keeping an event of each."""

from __future__ import annotations

from itertools import groupby
from typing import cast

from orderfox_nb.core.events import Event, Topic, Trade
from orderfox_nb.core.quality import QualityTracker
from orderfox_nb.market.trade_log import TradeColumns, in_order_of_receipt, joined
from orderfox_nb.recording.recording import Recording


def recorded_trades(recording: Recording, topic: Topic) -> tuple[TradeColumns, QualityTracker]:
    """Return the trades of a recording by time, each id once, and how far they can be trusted.

    Args:
        recording: A recording or a part of one; trades before the start of a part are left out.
        topic: A topic of trades.
    """
    start_us = recording.start_us
    whole = start_us <= recording.files.head.created_us
    quality = QualityTracker(topic.channel, recorded=True, opened_us=start_us)
    parts = [in_order_of_receipt(())]
    for run in recording.runs(topic):
        for are_trades, events in groupby(run, key=_is_trade):
            if not are_trades:
                for event in events:
                    quality.apply(event)
                continue
            trades = cast("list[Trade]", list(events))
            columns = in_order_of_receipt(trades)
            quality.apply_all(trades, columns.time_us)
            # A prelude brings again what is there already.
            parts.append(columns if whole else columns.since(start_us))
    return joined(parts), quality


def _is_trade(event: Event) -> bool:
    return type(event) is Trade
