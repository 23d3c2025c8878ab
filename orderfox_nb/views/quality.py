"""Lapses and states of topics, as frames and answers carry them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from orderfox_nb.core.channels import channel_spec
from orderfox_nb.core.lapses import Lapse
from orderfox_nb.core.quality import QualityState, QualityTracker
from orderfox_nb.views.contract import LapseRow, TopicQuality

MAX_IN_FRAMES: Final = 200

_STATES: Final = {
    QualityState.SYNCING: "loading",
    QualityState.LIVE: "live again",
    QualityState.STALE: "stale",
    QualityState.GAP: "incomplete",
    QualityState.SKEWED: "the venue's clock jumped",
    QualityState.DOWN: "no connection, trying again",
}


def status_text(quality: QualityTracker, *, symbol: str, ended: bool = False) -> str:
    """Return a topic's state as a sentence for a person, with its reason where there is one.

    Args:
        quality: The topic's.
        symbol: Symbol of the topic.
        ended: Whether the stream has ended for good.
    """
    state = "ended" if ended else _STATES[quality.state]
    reason = f" ({quality.reason})" if quality.reason else ""
    return f"{channel_spec(quality.channel).title} of {symbol}: {state}{reason}"


def lapse_rows(lapses: Sequence[Lapse]) -> list[list[Any]]:
    """Return ``[state, start ms, end ms, reason, lost]`` of each, oldest first; one that lasts has an end of 0."""
    return [
        [lapse.state, lapse.start_us // 1000, lapse.end_us // 1000, lapse.reason, lapse.lost]
        for lapse in lapses[-MAX_IN_FRAMES:]
    ]


def lapse_objects(lapses: Sequence[Lapse]) -> list[LapseRow]:
    """Return lapses as the objects of the REST answer, oldest first."""
    return [
        LapseRow(
            state=lapse.state,
            start=lapse.start_us // 1000,
            end=lapse.end_us // 1000 or None,
            reason=lapse.reason,
            lost=None if lapse.lost < 0 else lapse.lost,
        )
        for lapse in lapses
    ]


def topic_quality(quality: QualityTracker, *, topic: str, open_now: bool) -> TopicQuality:
    """Return a topic's state with its lapses of the last 24 h.

    Args:
        quality: The topic's.
        topic: Its name.
        open_now: Whether it has readers: a topic without readers has lapses and no state.
    """
    return TopicQuality(
        topic=topic,
        channel=quality.channel,
        state=quality.state.value if open_now else None,
        coverage=quality.coverage,
        history=quality.history,
        since=quality.wire().since if open_now else None,
        reason=quality.reason,
        lapses=lapse_objects(quality.intervals() if open_now else list(quality.lapses)),
        lapses_total=quality.lapses.added,
        lost_total=quality.lapses.lost,
    )
