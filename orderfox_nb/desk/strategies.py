"""The strategies that are installed: a request names one, and never brings code."""

from __future__ import annotations

import inspect
import logging
from collections.abc import Mapping
from decimal import Decimal
from importlib.metadata import entry_points
from typing import TYPE_CHECKING, Any, Final

from orderfox_nb.errors import BadValue
from orderfox_nb.views.bot_contract import StrategyAnswer, StrategyParameter

if TYPE_CHECKING:
    from orderfox_nb.bots.parameters import ParameterSpec
    from orderfox_nb.bots.strategy import Strategy

_log = logging.getLogger(__name__)

GROUP: Final = "orderfox_nb.strategies"
"""Group of entry points by which a package adds its strategies."""

MAX_DOC: Final = 2_000
"""Characters of a strategy's docstring that are passed on."""

MANUAL: Final = "Manual"
"""Name of the strategy that does nothing by itself: its orders are given by hand."""


def strategy_names() -> list[str]:
    """Return the names of the installed strategies, in alphabetical order."""
    return sorted(entry_points(group=GROUP).names)


def load_strategy(name: str) -> type[Strategy]:
    """Return an installed strategy. Importing it may take a while: call this in a thread.

    Raises:
        BadValue: It is not installed, or cannot be imported.
    """
    # A server without bots does not import what they are made of.
    from orderfox_nb.bots.strategy import Strategy  # noqa: PLC0415

    if name == MANUAL:
        from orderfox_nb.desk.bot_runs.manual_strategy import ManualTrading  # noqa: PLC0415

        return ManualTrading
    found = entry_points(group=GROUP, name=name)
    if not found:
        names = strategy_names()
        raise BadValue("strategy", name, f"one of {', '.join(names)}" if names else f"a package with {GROUP}")
    try:
        kind: Any = next(iter(found)).load()
    except Exception as error:
        _log.warning("strategy=%s cannot be imported", name, exc_info=error)
        raise BadValue("strategy", name, "one that can be imported: the server's log has its error") from error
    if not (isinstance(kind, type) and issubclass(kind, Strategy)):
        raise BadValue("strategy", name, f"a subclass of Strategy behind its entry point in {GROUP}")
    return kind


def check_strategy(name: str, params: Mapping[str, Any]) -> None:
    """Check that a strategy is installed and accepts its parameters. As ``load_strategy``, call this in a thread.

    Raises:
        BadValue: It is not, or does not.
    """
    load_strategy(name)(**params)


def described_strategies() -> list[StrategyAnswer]:
    """Return every installed strategy with its parameters. As ``load_strategy``, call this in a thread."""
    return [_described(name) for name in strategy_names()]


def _described(name: str) -> StrategyAnswer:
    try:
        kind = load_strategy(name)
        parameters = [_parameter(spec) for spec in kind.parameters()]
    except BadValue as error:
        return StrategyAnswer(name=name, doc="", problem=str(error), parameters=[])
    # ``getdoc`` would return the base class's text for a strategy that has none.
    doc = inspect.cleandoc(vars(kind).get("__doc__") or "")
    return StrategyAnswer(name=name, doc=doc[:MAX_DOC], problem="", parameters=parameters)


def _parameter(spec: ParameterSpec) -> StrategyParameter:
    return StrategyParameter(
        name=spec.name,
        kind=spec.kind,
        default=str(spec.default) if isinstance(spec.default, Decimal) else spec.default,
        required=spec.default is None,
        minimum=spec.minimum,
        above=spec.above,
        maximum=spec.maximum,
        unit=spec.unit,
        choices=list(spec.choices),
        help=spec.help,
        expected=spec.expected,
    )
