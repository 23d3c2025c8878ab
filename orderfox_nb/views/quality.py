"""Lapses and states of topics, as frames and answers carry them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from orderfox_nb.core.lapses import Lapse
from orderfox_nb.core.quality import Quality

MOST_IN_FRAMES: Final = 200


def lapse_rows(lapses: Sequence[Lapse]) -> list[list[Any]]:
    """Return ``[state, start ms, end ms, reason, lost]`` of each, oldest first; one that lasts has an end of 0."""
    return [
        [lapse.state, lapse.start_us // 1000, lapse.end_us // 1000, lapse.reason, lapse.lost]
        for lapse in lapses[-MOST_IN_FRAMES:]
    ]


def lapse_objects(lapses: Sequence[Lapse]) -> list[dict[str, Any]]:
    """Return lapses as the objects of the REST answer, oldest first."""
    return [
        {
            "state": lapse.state,
            "start": lapse.start_us // 1000,
            "end": lapse.end_us // 1000 or None,
            "reason": lapse.reason,
            "lost": None if lapse.lost < 0 else lapse.lost,
        }
        for lapse in lapses
    ]


def topic_quality(quality: Quality, *, topic: str, open_now: bool) -> dict[str, Any]:
    """Return a topic's state with its lapses of the last 24 h.

    Args:
        quality: The topic's.
        topic: Its name.
        open_now: Whether anybody reads it: a topic that nobody reads has lapses and no state.
    """
    return {
        "topic": topic,
        "channel": quality.channel,
        "state": quality.state.value if open_now else None,
        "coverage": quality.coverage,
        "history": quality.history,
        "since": quality.wire().since if open_now else None,
        "reason": quality.reason,
        "lapses": lapse_objects(quality.intervals() if open_now else list(quality.lapses)),
        "lapses_total": quality.lapses.added,
        "lost_total": quality.lapses.lost,
    }
