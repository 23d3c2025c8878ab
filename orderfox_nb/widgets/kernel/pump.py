# ipywidgets has no stubs.
# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false, reportUnknownVariableType=false
"""Frames through the kernel's comm, where the page has no OrderFox server to take them from."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

from ipywidgets import Widget

if TYPE_CHECKING:
    from orderfox_nb.engine import Engine


class Pump(Widget):
    """One a market: the page sends it what the server's socket would get, and it answers with batches of messages.

    It does nothing until a page asks, so that it costs nothing if the server is there.

    Args:
        engine: Engine of the market, if it is not that of the page's server.
    """

    def __init__(self, engine: Engine | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._engine = engine
        self.ended = False
        """Whether its market is closed: it opens no more."""
        self.on_msg(self._asked)

    def end(self) -> None:
        """Close it for good: its market is."""
        self.ended = True
        if self._engine is not None:
            _pumps.pop(self._engine, None)
        self.close()

    def _asked(self, _: Widget, content: dict[str, Any], __: list[memoryview]) -> None:
        from orderfox_nb.widgets.kernel.pumping import pumping_for  # noqa: PLC0415 - feeds are paid for when they are needed

        pumping_for(self, self._engine).receive(content)


def page_pump() -> Pump:
    """Return the kernel's pump, made when the first widget is, and open: ``Widget.close_all()`` closes it too."""
    pump = _only_pump()
    if pump.comm is None:
        pump.open()
    return pump


@cache
def _only_pump() -> Pump:
    return Pump()


_pumps: dict[Engine, Pump] = {}
"""Those of other markets than the page's, until they end."""


def pump_of(engine: Engine) -> Pump:
    """Return the pump of a market that the kernel reads itself, made with the first widget of it, and open."""
    pump = _pumps.get(engine)
    if pump is None:
        pump = _pumps[engine] = Pump(engine)
    if pump.comm is None:
        pump.open()
    return pump
