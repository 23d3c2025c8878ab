"""Parameters of a strategy: annotated class attributes, read once, from which forms, checks and reports follow.

``size: Size = "0.010"`` or ``ticks: Annotated[int, Bounds(minimum=1, unit="ticks")] = 5``.
"""

from __future__ import annotations

from decimal import Decimal, InvalidOperation
from inspect import get_annotations
from math import isfinite
from typing import Annotated, Any, ClassVar, Final, Literal, TypeAlias, cast, get_args, get_origin, get_type_hints

import msgspec

from orderfox_nb.bots.durations import duration_us
from orderfox_nb.core.timeframes import TIMEFRAME_US
from orderfox_nb.errors import BadValue

ParameterKind: TypeAlias = Literal["int", "float", "decimal", "bool", "text", "choice", "duration"]
ParameterValue: TypeAlias = int | float | Decimal | bool | str

MAX_TEXT: Final = 200
MAX_WHOLE: Final = 10**15


class Bounds(msgspec.Struct, frozen=True, kw_only=True):
    """Bounds and unit of a parameter, in its annotation."""

    minimum: float | None = None
    above: float | None = None
    """A bound that the value must exceed."""
    maximum: float | None = None
    unit: str = ""
    """Unit to show: ticks, s, %, base, quote."""
    help: str = ""
    kind: ParameterKind | None = None
    """By default that of the type."""
    choices: tuple[str, ...] = ()


class ParameterSpec(msgspec.Struct, frozen=True, kw_only=True):
    """One parameter of a strategy, as a form shows it."""

    name: str
    kind: ParameterKind
    default: ParameterValue | None
    """None: it must be given."""
    minimum: float | None = None
    above: float | None = None
    maximum: float | None = None
    unit: str = ""
    help: str = ""
    choices: tuple[str, ...] = ()

    @property
    def expected(self) -> str:
        """Description of a valid value."""
        if self.kind == "choice":
            return "one of " + ", ".join(self.choices)
        words = _WORDS[self.kind]
        bounds = [
            f"{name} {bound:g}"
            for name, bound in (("of at least", self.minimum), ("above", self.above), ("of at most", self.maximum))
            if bound is not None
        ]
        return " ".join([words, " and ".join(bounds)]).strip() + (f" ({self.unit})" if self.unit else "")

    def convert(self, value: object) -> ParameterValue:
        """Convert a value to the parameter's type, also from text, and check it.

        Raises:
            BadValue: Not of the type, or out of bounds.
        """
        try:
            converted = _CONVERT[self.kind](value)
        except (ValueError, TypeError, KeyError, OverflowError, InvalidOperation, BadValue):
            raise BadValue(self.name, value, self.expected) from None
        number = not isinstance(converted, str | bool)
        if (
            (number and not isfinite(converted))
            or (number and self.minimum is not None and converted < self.minimum)
            or (number and self.above is not None and converted <= self.above)
            or (number and self.maximum is not None and converted > self.maximum)
            or (self.kind == "choice" and converted not in self.choices)
        ):
            raise BadValue(self.name, value, self.expected)
        return converted


def _plain(value: object) -> object:
    """Refuse texts such as ``1_0`` that Python reads as numbers."""
    if isinstance(value, bool) or (isinstance(value, str) and (not value.isascii() or "_" in value)):
        raise TypeError
    return value


def _whole(value: object) -> int:
    number = _decimal(value)
    # An exponent of millions would be computed digit by digit.
    if not -MAX_WHOLE <= number <= MAX_WHOLE or number != int(number):
        raise ValueError
    return int(number)


def _number(value: object) -> float:
    return float(cast("Any", _plain(value)))


def _decimal(value: object) -> Decimal:
    return value if isinstance(value, Decimal) else Decimal(str(_plain(value)).strip())


def _bool(value: object) -> bool:
    return value if isinstance(value, bool) else _BOOLS[str(value).strip().lower()]


def _text(value: object) -> str:
    if not isinstance(value, str) or len(value) > MAX_TEXT:
        raise TypeError
    return value


def _duration(value: object) -> str:
    if isinstance(value, bool):
        raise TypeError
    text = value.strip() if isinstance(value, str) else f"{_number(value):g}s"
    duration_us(text)
    return text


_BOOLS: Final = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}
_CONVERT: Final[dict[str, Any]] = {
    "int": _whole,
    "float": _number,
    "decimal": _decimal,
    "bool": _bool,
    "text": _text,
    "choice": _text,
    "duration": _duration,
}
_WORDS: Final = {
    "int": "a whole number",
    "float": "a number",
    "decimal": "a decimal number",
    "bool": "true or false",
    "text": f"a text of at most {MAX_TEXT} characters",
    "duration": "a duration such as 500ms, 10s, 5m or 1h",
}
_KINDS: Final[dict[object, ParameterKind]] = {
    int: "int",
    float: "float",
    Decimal: "decimal",
    bool: "bool",
    str: "text",
}

Size = Annotated[Decimal, Bounds(above=0, unit="base")]
"""Base quantity of an order."""
Ticks = Annotated[int, Bounds(minimum=1, unit="ticks")]
"""A distance between prices."""
Notional = Annotated[float, Bounds(above=0, unit="quote")]
"""An amount of quote currency."""
Duration = Annotated[str, Bounds(kind="duration")]
"""A text such as ``500ms``, ``10s`` or ``1h``."""
Timeframe = Annotated[str, Bounds(kind="choice", choices=tuple(TIMEFRAME_US))]
"""A timeframe of candles: a strategy with such a parameter gets candles of this timeframe."""


def read_parameters(owner: type) -> tuple[ParameterSpec, ...]:
    """Return the parameters of a strategy's class, base classes first, in the order of their definition.

    Raises:
        BadValue: An annotation that a parameter cannot have, or a default that does not fit it.
    """
    try:
        hints = get_type_hints(owner, include_extras=True)
    except NameError as error:
        raise BadValue(
            f"annotations of {owner.__name__}", error.name, "names that its module defines or imports"
        ) from None
    names = [name for base in reversed(owner.__mro__) for name in get_annotations(base)]
    return tuple(
        _spec(owner, name, hints[name])
        for name in dict.fromkeys(names)
        if not name.startswith("_") and get_origin(hints[name]) is not ClassVar and hints[name] is not ClassVar
    )


def _spec(owner: type, name: str, hint: Any) -> ParameterSpec:
    extra = Bounds()
    if get_origin(hint) is Annotated:
        hint, *notes = get_args(hint)
        extra = next((note for note in notes if isinstance(note, Bounds)), extra)
    choices = extra.choices
    kind = extra.kind or _KINDS.get(hint)
    if get_origin(hint) is Literal:
        kind, choices = "choice", tuple(map(str, get_args(hint)))
    if kind is None:
        raise BadValue(
            f"annotation of {owner.__name__}.{name}",
            getattr(hint, "__name__", hint),
            "int, float, Decimal, bool, str, Literal or a type of orderfox_nb.bots.parameters; "
            "state needs no annotation, or ClassVar",
        )
    spec = ParameterSpec(
        name=name,
        kind=kind,
        default=None,
        minimum=extra.minimum,
        above=extra.above,
        maximum=extra.maximum,
        unit=extra.unit,
        help=extra.help,
        choices=choices,
    )
    default = getattr(owner, name, None)
    return spec if default is None else msgspec.structs.replace(spec, default=spec.convert(default))
