"""The base class of strategies: parameters are annotated class attributes, callbacks are optional methods.

    class Fade(Strategy):
        size: Size = "0.010"

        def on_trade(self, trade, desk): ...

Callbacks; each gets the event and the desk:

====================  ==========================================================================
``on_start(desk)``    all data are complete for the first time
``on_trade``          a ``Trade``
``on_book``           the book has changed; it gets ``desk.book``
``on_candle``         a closed ``Candle``
``on_liquidation``    a ``Liquidation``
``on_mark``           a ``MarkPrice``
``on_fill``           a part of an order was traded: a ``FillReport``
``on_order``          an ``OrderHandle`` whose state has changed
``on_timer``          a ``Timer`` of ``desk.every``
``on_stop(desk)``     the bot is stopped, or the data have ended
====================  ==========================================================================

The same object trades on paper, in a backtest and on a rewind. Its state is plain attributes.
"""

from __future__ import annotations

from collections.abc import Mapping
from difflib import get_close_matches
from typing import Any, ClassVar, Final

from orderfox_nb.analytics.studies import check_study
from orderfox_nb.bots.parameters import ParameterSpec, ParameterValue, read_parameters
from orderfox_nb.core.channels import channel_spec
from orderfox_nb.core.events import Topic
from orderfox_nb.core.timeframes import TIMEFRAME_US
from orderfox_nb.errors import BadValue

CALLBACKS: Final = (
    "on_start",
    "on_trade",
    "on_book",
    "on_candle",
    "on_liquidation",
    "on_mark",
    "on_fill",
    "on_order",
    "on_timer",
    "on_stop",
)
DEFAULT_TIMEFRAME: Final = "1m"
_TIMEFRAMES: Final = tuple(TIMEFRAME_US)


class Strategy:
    """One strategy with its parameters.

    State that a callback needs is set in ``on_start`` or as a class attribute without an annotation.

    Args:
        parameters: Values by name; omitted ones have their default.

    Raises:
        BadValue: An unknown parameter, an invalid value, or a missing one.
    """

    reads: ClassVar[tuple[str, ...]] = ("book", "trades", "mark", "liquidations")
    """Channels to read besides candles. The bot does nothing while one of them is incomplete; fewer run faster."""
    studies: ClassVar[tuple[str, ...]] = ()
    """Studies that ``desk.study`` returns: ``name``, or ``name@timeframe``."""

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        for name in vars(cls):
            if name.startswith("on_") and name not in CALLBACKS:
                close = get_close_matches(name, CALLBACKS, n=1)
                hint = f"{close[0]}, or a name that does not begin with on_" if close else ", ".join(CALLBACKS)
                raise BadValue(f"callback of {cls.__name__}", name, hint)

    def __init__(self, **parameters: object) -> None:
        specs = {spec.name: spec for spec in self.parameters()}
        for name, value in parameters.items():
            if name not in specs:
                close = get_close_matches(name, specs, n=1)
                known = close[0] if close else ", ".join(specs) or "no parameters"
                raise BadValue(f"parameter of {type(self).__name__}", name, known)
            setattr(self, name, specs[name].convert(value))
        for name, spec in specs.items():
            if name not in parameters:
                if spec.default is None:
                    raise BadValue(name, "", spec.expected)
                setattr(self, name, spec.default)

    @classmethod
    def parameters(cls) -> tuple[ParameterSpec, ...]:
        """Return the parameters with type, default, bounds and unit, as a form shows them.

        Raises:
            BadValue: An annotation or a default that a parameter cannot have.
        """
        return read_parameters(cls)

    @property
    def values(self) -> Mapping[str, ParameterValue]:
        """The parameters' values by name."""
        return {spec.name: getattr(self, spec.name) for spec in self.parameters()}

    @property
    def candle_timeframe(self) -> str:
        """The timeframe of its candles: its first parameter of that type; empty if it reads none."""
        from_parameters = [
            str(getattr(self, spec.name))
            for spec in self.parameters()
            if spec.kind == "choice" and spec.choices == _TIMEFRAMES
        ]
        if from_parameters:
            return from_parameters[0]
        return DEFAULT_TIMEFRAME if hasattr(self, "on_candle") or "candles" in self.reads else ""

    def topics(self, venue: str, symbol: str) -> list[Topic]:
        """Return the topics that it reads, each once.

        Raises:
            BadValue: ``reads`` or ``studies`` contain an unknown name.
        """
        timeframe = self.candle_timeframe
        wanted = [(name, "") for name in self.reads if not channel_spec(name).needs_interval]
        if timeframe:
            wanted.append(("candles", timeframe))
        for text in self.studies:
            name, _, interval = text.partition("@")
            study = check_study(name, interval)
            inputs = (*study.inputs, *study.beside)
            wanted.extend((each, interval if channel_spec(each).needs_interval else "") for each in inputs)
        return [Topic(venue, symbol, name, interval) for name, interval in dict.fromkeys(wanted)]

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(f'{name}={value}' for name, value in self.values.items())})"
