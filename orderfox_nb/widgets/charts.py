"""bqplot, without its price: it imports pandas (0.4 s and 50 MB of every kernel) to convert arrays that we never pass.

A dashboard's kernel only declares what is on the screen. So pandas is put off until somebody really gives a mark data.
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
        # Nobody can hold one before pandas is there.
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
            # What traittypes asks of a default value: it is empty, and equal to nothing.
            return _LateClass(name, (), {"empty": True, "equals": lambda _self, _other: False})
        return getattr(import_module(self.__name__), name)


def _is_loaded() -> bool:
    return "pandas" in sys.modules and not isinstance(sys.modules["pandas"], _OnDemand)


def import_bqplot() -> ModuleType:
    """Import bqplot with pandas put off; where pandas is loaded already, it is used as it is."""
    if "pandas" in sys.modules or "bqplot" in sys.modules:
        return import_module("bqplot")
    sys.modules["pandas"] = _OnDemand("pandas")
    try:
        return import_module("bqplot")
    finally:
        # Whoever imports pandas from now on gets the real one; bqplot's own name finds it when it is used.
        if isinstance(sys.modules.get("pandas"), _OnDemand):
            del sys.modules["pandas"]
