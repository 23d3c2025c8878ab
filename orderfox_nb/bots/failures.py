"""An error of a strategy, as its owner needs it: where in their own code, and what."""

from __future__ import annotations

import traceback
from pathlib import Path
from typing import Final

import msgspec

_HERE: Final = str(Path(__file__).parent)
_MAX_TEXT: Final = 20_000


class StrategyFailure(msgspec.Struct, frozen=True, kw_only=True):
    """An error of a callback, which stops the bot."""

    callback: str
    time_us: int
    """By the event clock."""
    error: str
    """Class and message."""
    file: str
    line: int
    """Line number in the strategy's own code; 0 if the error did not pass through it."""
    code: str
    """That line."""
    trace: str
    """The traceback, from the strategy's callback on."""

    @classmethod
    def of(cls, callback: str, time_us: int, error: Exception) -> StrategyFailure:
        """Describe what a callback has raised."""
        frames = traceback.extract_tb(error.__traceback__)
        # The first frame is the session's call; of the rest the last one outside this package is the user's line.
        inner = frames[1:] or frames
        own = [frame for frame in inner if not frame.filename.startswith(_HERE)] or list(inner)
        text = "".join(["Traceback (most recent call last):\n", *traceback.format_list(list(inner))])
        text += "".join(traceback.format_exception_only(error))
        where = own[-1] if own else None
        return cls(
            callback=callback,
            time_us=time_us,
            error=f"{type(error).__name__}: {error}"[:_MAX_TEXT],
            file=where.filename if where else "",
            line=(where.lineno or 0) if where else 0,
            code=(where.line or "") if where else "",
            trace=text if len(text) <= _MAX_TEXT else "…" + text[-_MAX_TEXT:],
        )

    def __str__(self) -> str:
        return f"{self.callback}, line {self.line}: {self.code}\n{self.error}"
