"""The studies: one row each. A study is added by a row here and its fold.

A study is a fold over the events of several channels of one symbol. It is watched under a topic of its own, with the
study's name in place of a channel, and has a frame (the stream ``study``) and a DataFrame from the same columns.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import msgspec

from orderfox_nb.core.bars import BarColumns
from orderfox_nb.core.candles import CandleState
from orderfox_nb.core.channels import channel_spec
from orderfox_nb.core.events import Channel, Topic
from orderfox_nb.core.fold import Fold
from orderfox_nb.core.instrument import Instrument
from orderfox_nb.core.timeframes import TIMEFRAME_US
from orderfox_nb.errors import BadValue

Columns = Mapping[str, Sequence[Any]]
"""Plain numbers and texts of equal length, oldest first; ``time_us`` is one of them."""


def _always(_: Any) -> bool:
    return True


class Study(msgspec.Struct, frozen=True, kw_only=True):
    """A kind of study: its inputs, its fold and its columns."""

    name: str
    """No channel's."""
    inputs: tuple[Channel, ...]
    """Opened with the study, whose quality is the worst of theirs and which is whole once they all are."""
    beside: tuple[Channel, ...] = ()
    """Read only while open for other readers: they refine the study, which is complete without them."""
    fold: Callable[[Instrument, str], Fold[Any]]
    """Makes the empty fold of an instrument and an interval.

    It gets every event of its inputs: first their preludes, one after the other, then what comes, as it comes. After a
    restart of the venue a new fold is made.
    """
    columns: Callable[[Any], Columns]
    """Returns a view as columns, for frames and DataFrames."""
    whole: Callable[[Any], bool] = _always
    """Whether the fold of whole inputs has everything."""
    needs_interval: bool = False

    def topics(self, topic: Topic, channels: Sequence[Channel]) -> list[Topic]:
        """Return the topics of some of its channels; the study's interval is that of those which need one."""
        return [
            Topic(topic.venue, topic.symbol, name, topic.interval if channel_spec(name).needs_interval else "")
            for name in channels
        ]


def _bar_columns(bars: BarColumns) -> Columns:
    return {"time_us" if name == "open_us" else name: getattr(bars, name).tolist() for name in bars.__struct_fields__}


LIVE_CANDLES: Final = "live_candles"

STUDIES: Final[dict[str, Study]] = {
    study.name: study
    for study in (
        # The venue's klines are the authority for a bar; trades move the newest one until the next kline.
        Study(
            name=LIVE_CANDLES,
            inputs=("candles",),
            beside=("trades",),
            fold=CandleState,
            columns=_bar_columns,
            needs_interval=True,
        ),
    )
}


def study_of(name: str) -> Study:
    """Return the row of a study.

    Raises:
        BadValue: No such study.
    """
    try:
        return STUDIES[name]
    except KeyError:
        raise BadValue("study", name, "one of " + ", ".join(STUDIES)) from None


def check_study(name: str, interval: str) -> Study:
    """Return the row of a study that is to be opened at an interval.

    Raises:
        BadValue: No such study, or an interval that does not fit it.
    """
    study = study_of(name)
    if study.needs_interval != bool(interval) or (interval and interval not in TIMEFRAME_US):
        raise BadValue("interval", interval, f"a timeframe for {name}" if study.needs_interval else f"none for {name}")
    return study


def input_topics(topic: Topic) -> Sequence[Topic]:
    """Return the channels' topics that are open while a topic is: a study's inputs, otherwise the topic itself."""
    study = STUDIES.get(topic.channel)
    return (topic,) if study is None else study.topics(topic, study.inputs)
