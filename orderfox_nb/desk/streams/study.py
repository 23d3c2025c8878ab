"""Stream ``study``: the newest rows of the columns that any study makes of its view."""

from __future__ import annotations

from typing import Any, Final

from orderfox_nb.analytics.studies import Columns, check_study, study_of
from orderfox_nb.core.events import Topic
from orderfox_nb.desk.keys import FrameKey
from orderfox_nb.desk.parameters import TIMEFRAME, Parameter, rows
from orderfox_nb.desk.streams.base import OneTopic, Sources, Stream
from orderfox_nb.views.stamp import Stamp, live_frame


class StudyRecipe(OneTopic[Any]):
    """Frames of a study; every one is full, since it may change in every row.

    Raises:
        BadValue: No such study, or an interval that does not fit it.
    """

    def __init__(self, key: FrameKey, sources: Sources) -> None:
        self._study = check_study(key["name"], key["interval"])
        super().__init__(key, sources, object, Topic(key.venue, key.symbol, self._study.name, key["interval"]))

    def capture(self) -> Columns:
        return self._study.columns(self.fold.view())

    def full(self, view: Columns, stamp: Stamp) -> tuple[bytes, ...]:
        count = self.key.integer("rows")
        newest = {name: column[-count:] for name, column in view.items()}
        times = [time_us // 1000 for time_us in newest.pop("time_us")]
        return (live_frame(stamp, {"columns": {"time": times, **newest}}),)


def _interval(_: str, text: str) -> str:
    return TIMEFRAME.read(text) if text else text


STREAM: Final = Stream(
    "study",
    (
        Parameter(name="name", default="", check=lambda _, text: study_of(text).name, description="Name of the study"),
        Parameter(name="interval", default="", check=_interval, description="Length of a bar, if it has bars"),
        rows(200, 50, 200, 1000),
    ),
    StudyRecipe,
)
