# ipywidgets has no stubs.
# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false, reportUnknownVariableType=false
"""Pictures that a page draws and sends back to the kernel."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Generator
from concurrent.futures import Future, InvalidStateError
from contextlib import suppress
from itertools import count
from pathlib import Path
from typing import Any

from ipywidgets import Widget

NO_ANSWER = "No page answered: is the widget on the screen, and was its cell run with this kernel?"


class Picture(Future[bytes]):
    """A picture on its way: ``await`` it for its bytes, or continue and find it in its file.

    ``result()`` blocks, so use it only where the page's messages reach the kernel on another thread.
    """

    def __await__(self) -> Generator[Any, None, bytes]:
        return asyncio.wrap_future(self).__await__()

    def __repr__(self) -> str:
        state = "on its way" if not self.done() else f"failed: {error}" if (error := self.exception()) else "done"
        return f"<Picture {state}>"


class Pictures:
    """Asks the pages that show a widget for its picture; the first answer counts.

    Args:
        widget: Widget whose page answers the message ``save_png`` (picture.js).
    """

    def __init__(self, widget: Widget) -> None:
        self._widget = widget
        self._asked: dict[int, tuple[Picture, Path | None]] = {}
        self._numbers = count(1)
        widget.on_msg(self._answered)

    def ask(self, path: Path | None, timeout_s: float) -> Picture:
        """Ask for a picture, written to the path when it comes."""
        number = next(self._numbers)
        picture = Picture()
        self._asked[number] = picture, path
        timer = threading.Timer(timeout_s, self._fail, (number, TimeoutError(f"{NO_ANSWER} ({timeout_s:g} s)")))
        timer.daemon = True
        timer.start()
        picture.add_done_callback(lambda _: timer.cancel())
        self._widget.send({"type": "save_png", "id": number})
        return picture

    def _answered(self, _: Widget, content: dict[str, Any], buffers: list[Any]) -> None:
        match content:
            case {"type": "png", "id": int(number)} if buffers:
                picture, path = self._asked.pop(number, (None, None))
                if picture is None:
                    return
                data = bytes(buffers[0])
                try:
                    if path is not None:
                        path.write_bytes(data)
                except OSError as error:
                    picture.set_exception(error)
                    return
                with suppress(InvalidStateError):
                    picture.set_result(data)
            case {"type": "png_failed", "id": int(number), "message": str(message)}:
                self._fail(number, RuntimeError(f"The page could not draw it: {message}"))
            case _:
                pass

    def _fail(self, number: int, error: Exception) -> None:
        picture, _ = self._asked.pop(number, (None, None))
        if picture is not None:
            with suppress(InvalidStateError):
                picture.set_exception(error)
