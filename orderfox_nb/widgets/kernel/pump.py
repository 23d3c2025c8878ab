# ipywidgets has no stubs.
# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false, reportUnknownVariableType=false
"""Frames through the kernel's comm, where the page has no server of ours to take them from."""

from __future__ import annotations

from functools import cache
from typing import Any

from ipywidgets import Widget


class Pump(Widget):
    """One a kernel: the page sends it what the server's socket would get, and it answers with batches of messages.

    It does nothing until a page asks, so that it costs nothing where the server is there.
    """

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.on_msg(self._asked)

    def _asked(self, _: Widget, content: dict[str, Any], __: list[memoryview]) -> None:
        from orderfox_nb.widgets.kernel.pumping import pumping_for  # noqa: PLC0415 - feeds are paid for when they are needed

        pumping_for(self).receive(content)


def page_pump() -> Pump:
    """Return the kernel's pump, made when the first widget is, and open: ``Widget.close_all()`` closes it too."""
    pump = _only_pump()
    if pump.comm is None:
        pump.open()
    return pump


@cache
def _only_pump() -> Pump:
    return Pump()
