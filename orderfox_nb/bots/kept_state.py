"""A strategy's attributes as builtins and back: what a snapshot keeps of them.

Kept exactly: None, bool, int, float, str, bytes, Decimal, list, tuple, dict, set, deque, numpy arrays and scalars,
events, order handles, fills and timers, also inside one another, and also where two names mean one list.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from decimal import Decimal
from typing import Any, Final, cast, get_args

import numpy as np

from orderfox_nb.bots.handles import FillReport, OrderHandle, Timer
from orderfox_nb.core.events import Event, decode_event, encode_event
from orderfox_nb.errors import BadValue

_EVENTS: Final = frozenset(get_args(Event))
_INT_RANGE: Final = range(-(1 << 63), 1 << 63)
_MAX_DEPTH: Final = 100


class StateEncoder:
    """Encodes the attributes of one strategy.

    Args:
        owner: Names the attribute in an error.
    """

    def __init__(self, owner: str) -> None:
        self._owner = owner
        self.handles: dict[int, OrderHandle] = {}
        """Orders that were met, by number: their content is not in the encoding."""
        self._known: dict[int, int] = {}
        self._alive: list[object] = []
        """Keeps what ``_known`` identifies."""

    def encode(self, name: str, value: object, depth: int = 0) -> Any:
        """Return an attribute as builtins.

        Raises:
            BadValue: A value of another type, or nested deeper than 100.
        """
        if value is None or isinstance(value, bool | float | str | bytes):
            return value if not isinstance(value, np.generic) else self._compound(name, value, depth)
        if isinstance(value, int):
            return value if value in _INT_RANGE else ["i", str(value)]
        if depth > _MAX_DEPTH:
            raise BadValue(f"attribute {self._owner}.{name}", "", f"at most {_MAX_DEPTH} levels of nesting")
        if isinstance(value, list | dict | set | deque | np.ndarray):
            place = self._known.get(id(cast("object", value)))
            if place is not None:
                return ["again", place]
            self._known[id(cast("object", value))] = len(self._alive)
            self._alive.append(cast("object", value))
        return self._compound(name, value, depth + 1)

    def _compound(self, name: str, value: Any, depth: int) -> Any:  # noqa: PLR0911  (one line a type)
        def all_of(values: Iterable[object]) -> list[Any]:
            return [self.encode(name, each, depth) for each in values]

        kind: type[Any] = cast("Any", type(value))
        if kind is list or kind is tuple:
            return [kind.__name__, all_of(value)]
        if kind is dict:
            return ["dict", [all_of(item) for item in value.items()]]
        if kind is set or kind is frozenset:
            return [kind.__name__, all_of(sorted(value, key=repr))]
        if kind is deque:
            return ["deque", value.maxlen, all_of(value)]
        if kind is Decimal:
            return ["decimal", str(value)]
        if kind is OrderHandle:
            self.handles[value.number] = value
            return ["order", value.number]
        if kind is FillReport:
            number = self.encode(name, value.order, depth)
            fields = {each: getattr(value, each) for each in value.__struct_fields__ if each != "order"}
            return ["fill_report", number, fields]
        if kind is Timer:
            return ["ring", value.name]
        if kind in _EVENTS:
            return ["event", encode_event(value)]
        if isinstance(value, np.ndarray | np.generic):
            array = cast("Any", value)
            if array.dtype.kind in "biufSU":
                return ["array", array.dtype.str, list(array.shape), array.tobytes(), isinstance(value, np.generic)]
        raise BadValue(
            f"attribute {self._owner}.{name}",
            kind.__name__,
            "a type that a snapshot can keep: numbers, texts, lists, dicts, sets, deques, arrays, events or orders",
        )


class StateDecoder:
    """Decodes what ``StateEncoder`` made.

    Args:
        handle: Returns the order of a number.
        timer: Returns the timer of a name.
    """

    def __init__(self, handle: Callable[[int], OrderHandle], timer: Callable[[str], Timer]) -> None:
        self._handle = handle
        self._timer = timer
        self._known: list[object] = []

    def decode(self, state: Any) -> Any:
        """Return the value; equal to the one that was encoded."""
        if not isinstance(state, list | tuple):
            return state
        kind, *rest = cast("list[Any]", state)
        return getattr(self, f"_{kind}")(*rest)

    def _again(self, place: int) -> object:
        return self._known[place]

    def _i(self, text: str) -> int:
        return int(text)

    def _list(self, items: list[Any]) -> list[Any]:
        made: list[Any] = []
        self._known.append(made)
        made.extend(map(self.decode, items))
        return made

    def _tuple(self, items: list[Any]) -> tuple[Any, ...]:
        return tuple(map(self.decode, items))

    def _dict(self, items: list[list[Any]]) -> dict[Any, Any]:
        made: dict[Any, Any] = {}
        self._known.append(made)
        for key, value in items:
            decoded = self.decode(key)
            made[decoded] = self.decode(value)
        return made

    def _set(self, items: list[Any]) -> set[Any]:
        made: set[Any] = set()
        self._known.append(made)
        made.update(map(self.decode, items))
        return made

    def _frozenset(self, items: list[Any]) -> frozenset[Any]:
        return frozenset(map(self.decode, items))

    def _deque(self, maxlen: int | None, items: list[Any]) -> deque[Any]:
        made: deque[Any] = deque(maxlen=maxlen)
        self._known.append(made)
        made.extend(map(self.decode, items))
        return made

    def _decimal(self, text: str) -> Decimal:
        return Decimal(text)

    def _order(self, number: int) -> OrderHandle:
        return self._handle(number)

    def _fill_report(self, order: Any, fields: dict[str, Any]) -> FillReport:
        return FillReport(order=self.decode(order), **fields)

    def _ring(self, name: str) -> Timer:
        return self._timer(name)

    def _event(self, text: bytes) -> Event:
        return decode_event(text)

    def _array(self, dtype: str, shape: list[int], data: bytes, is_scalar: bool) -> Any:
        made = np.frombuffer(data, dtype=np.dtype(dtype)).reshape(shape).copy()
        if is_scalar:
            return made[()]
        self._known.append(made)
        return made
