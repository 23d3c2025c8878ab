# A metaclass compares the type of an instance with itself.
# pyright: reportUnnecessaryComparison=false
"""bqplot without its import cost: it imports pandas (0.4 s and 50 MB per kernel) to convert arrays that we never pass.

A dashboard's kernel only declares what is on the screen, so the import of pandas waits until a mark is given data.
"""

from __future__ import annotations

import sys
from importlib import import_module
from types import ModuleType
from typing import Any


class _LateClass(type):
    """A class of pandas that is named while bqplot is imported and used later, if ever."""

    def __instancecheck__(cls, instance: object) -> bool:
        if type(instance) is cls:
            return True
        # No instance can exist before pandas is imported.
        return _is_loaded() and isinstance(instance, getattr(import_module("pandas"), cls.__name__))

    def __call__(cls, *args: Any, **kwargs: Any) -> Any:
        if not _is_loaded():
            # bqplot's Radar makes an empty frame as its default when its class is made.
            return super().__call__()
        return getattr(import_module("pandas"), cls.__name__)(*args, **kwargs)


class _OnDemand(ModuleType):
    """Stands for pandas until one of its names is used."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        if sys.modules.get(self.__name__) is self:
            # Required by traittypes of a default value: it is empty, and not equal to any other value.
            return _LateClass(name, (), {"empty": True, "equals": _differs})
        return getattr(import_module(self.__name__), name)


def _differs(_self: object, _other: object) -> bool:
    return False


def _is_loaded() -> bool:
    return "pandas" in sys.modules and not isinstance(sys.modules["pandas"], _OnDemand)


def import_bqplot() -> ModuleType:
    """Import bqplot with the import of pandas deferred; if pandas is loaded already, it is used."""
    if "pandas" in sys.modules or "bqplot" in sys.modules:
        return import_module("bqplot")
    sys.modules["pandas"] = _OnDemand("pandas")
    try:
        return import_module("bqplot")
    finally:
        # Later imports get the real pandas; bqplot's own reference resolves to it on first use.
        if isinstance(sys.modules.get("pandas"), _OnDemand):
            del sys.modules["pandas"]
