# ipywidgets has no stubs.
# pyright: reportMissingTypeStubs=false, reportUnknownArgumentType=false, reportUnknownMemberType=false, reportUnknownVariableType=false
"""Arguments of widgets: the signature that completion shows, and a short error with suggestions for anything else."""

from __future__ import annotations

import inspect
import re
import sys
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from difflib import get_close_matches
from typing import Any, Final, TypeVar

import traitlets
from ipywidgets import Widget

from orderfox_nb.core.instrument import Instrument
from orderfox_nb.core.symbols import VENUE_FORM, canonical, resolve_symbol
from orderfox_nb.core.timeframes import TIMEFRAME_US, near_timeframes
from orderfox_nb.errors import OrderFoxError, UnknownSymbol

WidgetT = TypeVar("WidgetT", bound=Widget)

DEFAULT_SYMBOL: Final = "BTCUSDT"
_LIST_WAIT_S: Final = 2.0
_HIDDEN: Final = frozenset({"pump", "own_market", "arrangement"})
_FIRST: Final = ("symbol", "venue", "market")
_VENUE: Final = re.compile(VENUE_FORM)
_OF_A_TRAIT: Final = re.compile(r"^The '(\w+)' trait of an? \w+ instance expected ")
_MAX_TEXT: Final = 200

_from_page: ContextVar[bool] = ContextVar("from_page", default=False)


class _Short(Exception):
    """An error that a notebook shows as one line, without a traceback: the mistake is in the cell itself."""

    def _render_traceback_(self) -> list[str]:
        return [f"{type(self).__name__}: {self}"]


class UnknownArgument(_Short, TypeError):
    """A keyword argument that a widget does not have."""


class WrongValue(_Short, traitlets.TraitError):
    """A value that a widget cannot show."""


def with_arguments(kind: type[WidgetT]) -> type[WidgetT]:
    """Give a widget the signature of its arguments, and refuse any other keyword argument.

    ipywidgets silently accepts every keyword: ``CandleChart(symbl="ETHUSDT")`` showed the default market.
    """
    original: Any = kind.__init__
    given = [one for one in inspect.signature(original).parameters.values() if one.kind is one.KEYWORD_ONLY]
    own = {one.name for one in given}
    traits = {
        name: trait
        for name, trait in kind.class_traits().items()
        if not name.startswith("_") and name not in own | _HIDDEN and _is_ours(trait)
    }
    keyword = inspect.Parameter.KEYWORD_ONLY
    parameters = [
        *given,
        *(inspect.Parameter(name, keyword, default=_default(traits[name])) for name in sorted(traits)),
    ]
    # The market comes first: its names are the most common arguments.
    parameters.sort(key=lambda one: _FIRST.index(one.name) if one.name in _FIRST else len(_FIRST))
    if "layout" not in own:
        parameters.append(inspect.Parameter("layout", keyword, default=None))

    def __init__(self: Any, **kwargs: Any) -> None:  # noqa: N807 - it takes the place of the class's own
        known = own | set(type(self).class_trait_names()) | {"model_id"}
        if unknown := sorted(kwargs.keys() - known):
            offered = [one.name for one in parameters]
            raise UnknownArgument(f"{type(self).__name__} has no argument {unknown[0]!r}.{_meant(unknown[0], offered)}")
        try:
            original(self, **kwargs)
        except traitlets.TraitError as error:  # also of a part of the widget
            raise _short(error) from None

    def __setattr__(self: Any, name: str, value: Any) -> None:  # noqa: N807 - as above
        try:
            super(kind, self).__setattr__(name, value)
        except traitlets.TraitError as error:
            raise _short(error) from None

    me = inspect.Parameter("self", inspect.Parameter.POSITIONAL_OR_KEYWORD)
    __init__.__signature__ = inspect.Signature([me, *parameters])  # type: ignore[attr-defined]
    __init__.__doc__ = original.__doc__
    kind.__init__ = __init__  # type: ignore[method-assign]
    kind.__setattr__ = __setattr__  # type: ignore[method-assign]
    kind.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    return kind


def _short(error: traitlets.TraitError) -> WrongValue:
    """Return an error of a trait as one short line, whichever library has raised it."""
    if isinstance(error, WrongValue):
        return error
    text = _OF_A_TRAIT.sub(r"\1: expected ", " ".join(str(error).split()))
    return WrongValue(text if len(text) <= _MAX_TEXT else f"{text[: _MAX_TEXT - 1]}…")


class Choice(traitlets.Enum[Any]):
    """One of a few values; any other is refused with a line that suggests the nearest ones."""

    def error(self, obj: Any, value: Any, error: Exception | None = None, info: str | None = None) -> Any:  # noqa: ARG002
        options = [str(one) for one in self.values or ()]
        near = near_timeframes(str(value)) if options == list(TIMEFRAME_US) else None
        meant = _meant(str(value), options) if near is None else _offer(near)
        name = self.name or "value"
        raise WrongValue(f"{name} {shown_value(value)}: expected one of {', '.join(options)}.{meant}")


class VenueName(traitlets.Unicode[str, Any]):
    """A venue by its name in keys; empty for the first one of the kernel's source."""

    def validate(self, obj: Any, value: Any) -> str:  # noqa: ARG002 - the form that traitlets calls
        if value is None or value == "":
            return ""
        if not isinstance(value, str) or _VENUE.fullmatch(value) is None:
            raise WrongValue(f"venue {shown_value(value)} must be a name such as 'binance'")
        return value


def canonical_market(text: object) -> str:
    """Return a symbol's id as ``canonical_symbol`` does, with its venue before it where one is named: ``okx:BTCUSDT``.

    Raises:
        TraitError: As ``canonical_symbol``.
    """
    venue, colon, symbol = text.partition(":") if isinstance(text, str) else ("", "", "")
    if colon and _VENUE.fullmatch(venue):
        return f"{venue}:{canonical_symbol(symbol, venue)}"
    return canonical_symbol(text)


def canonical_symbol(text: object, venue: str = "") -> str:
    """Return the venue's id of a symbol in any form that people write: ``btc/usdt`` is ``BTCUSDT``.

    If the venue's list is available in the kernel, the symbol is looked up in it; otherwise the page reports an unknown
    symbol.

    Raises:
        TraitError: Not a text, an empty one, or not listed.
    """
    symbol = canonical(text) if isinstance(text, str) else ""
    if not symbol:
        raise WrongValue(f"symbol {shown_value(text)} must be a name such as 'BTCUSDT'")
    # A page chooses from the venue's list, and the default symbol was not requested explicitly.
    if symbol in ("*", DEFAULT_SYMBOL) or _from_page.get() or not (listed := listed_symbols(venue)):
        return symbol
    try:
        return resolve_symbol(str(text), [one.symbol for one in listed], [one.unified for one in listed])
    except UnknownSymbol as error:
        raise WrongValue(str(error)) from None


def listed_symbols(venue: str = "") -> Sequence[Instrument]:
    """Return the instruments of a venue of the kernel's source, largest volume first, if they are available; else none.

    They are available if the server that started this kernel has them, or if a market already runs in this process:
    nothing is started just for this check, and no constructor waits for a venue.
    """
    from orderfox_nb.config import load_settings  # noqa: PLC0415 - a dashboard's kernel never asks

    try:
        settings = load_settings()
        if not settings.server_url and "orderfox_nb.engine" not in sys.modules:
            return ()
        from orderfox_nb.engine import running_engine, shared_engine  # noqa: PLC0415 - as above

        engine = shared_engine(settings) if settings.server_url else running_engine(settings)
        if engine is None:
            return ()
        catalogue = engine.desks.of(venue).catalogue
        rows = engine.run(catalogue.rows(), timeout_s=_LIST_WAIT_S) if settings.server_url else catalogue.known
    except (OrderFoxError, TimeoutError):
        return ()
    if catalogue.demo or catalogue.problem:
        return ()  # an older list may not know a symbol that is listed today
    return tuple(row.instrument for row in rows)


@contextmanager
def chosen_by_page() -> Generator[None]:
    """Mark changes within the context as the page's choice."""
    token = _from_page.set(True)
    try:
        yield
    finally:
        _from_page.reset(token)


def is_from_page() -> bool:
    """Return whether the current change is the page's choice."""
    return _from_page.get()


def _is_ours(trait: traitlets.TraitType[Any, Any]) -> bool:
    owner = trait.this_class
    if owner is None or not owner.__module__.startswith("orderfox_nb."):
        return False
    return isinstance(trait, traitlets.Container) or not isinstance(trait, traitlets.Instance)


def _default(trait: traitlets.TraitType[Any, Any]) -> Any:
    value = trait.default()
    return inspect.Parameter.empty if value is traitlets.Undefined else value


def shown_value(value: object) -> str:
    """Return a short text of any value, for an error."""
    text = repr(value)
    return text if len(text) <= 60 else text[:59] + "…"


def _meant(text: str, options: Sequence[str]) -> str:
    return _offer(get_close_matches(text, options, n=3, cutoff=0.6))


def _offer(near: Sequence[str]) -> str:
    return f" Did you mean: {', '.join(near)}?" if near else ""
