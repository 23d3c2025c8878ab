"""The root of every error, and what a notebook shows of one."""

from __future__ import annotations

import traceback
from pathlib import Path
from typing import Final

_HERE: Final = str(Path(__file__).parents[1])


class OrderFoxError(Exception):
    """Root of every error of this package."""

    def _render_traceback_(self) -> list[str]:
        """Return what IPython shows below a cell: the caller's lines and the sentence, no line of this package."""
        lines: list[str] = []
        for frame in traceback.extract_tb(self.__traceback__):
            if frame.filename.startswith(_HERE):
                break
            if "/IPython/" not in frame.filename.replace("\\", "/"):
                lines.append(f"line {frame.lineno}: {frame.line}")
        return [*lines, f"{type(self).__name__}: {self}"]
