"""Loads one exchange of ccxt, and not the other two hundred: ``import ccxt`` takes 2 s and 60 MB more.

A package is imported before its modules, and ccxt's packages import every exchange. So the packages are put in place
empty, and load what is asked of them: an exchange's module by its name, everything on the first other name.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from importlib import import_module
from importlib.machinery import PathFinder
from importlib.util import find_spec
from pathlib import Path
from threading import Lock
from types import ModuleType
from typing import Any, Final

from orderfox_nb.errors import MissingExtra

_PACKAGES: Final = ("ccxt", "ccxt.async_support", "ccxt.pro")
_BASE: Final = ("ccxt.base.errors", "ccxt.base.exchange")
"""Modules whose names ccxt's own modules import from the package."""
_NOT_EXCHANGES: Final = frozenset({"__init__", "prediction_exchange"})
_lock = Lock()


class _LazyPackage(ModuleType):
    """A package of ccxt before its ``__init__`` has run."""

    def __setattr__(self, name: str, value: object) -> None:
        # As the package does: an exchange's name is its class, not the module of that name.
        if isinstance(value, ModuleType) and isinstance(exchange := vars(value).get(name), type):
            value = exchange
        super().__setattr__(name, value)

    def __getattr__(self, name: str) -> Any:
        known = vars(self)
        if name.startswith("__") and name not in {"__all__", "__version__"}:
            raise AttributeError(name)
        if self.__name__ == "ccxt":
            for module in map(import_module, _BASE):
                if name in vars(module):
                    return vars(module)[name]
        if name in known or (_is_module(self, name) and import_module(f"{self.__name__}.{name}")):
            return known[name]
        loader = self.__spec__.loader if self.__spec__ is not None else None
        assert loader is not None
        loader.exec_module(self)
        try:
            return known[name]
        except KeyError:
            raise AttributeError(f"module {self.__name__!r} has no attribute {name!r}") from None


def _is_module(package: ModuleType, name: str) -> bool:
    return PathFinder.find_spec(f"{package.__name__}.{name}", package.__path__) is not None


def exchange_ids() -> Sequence[str]:
    """Return the ids of ccxt's exchanges, without loading any of them.

    Raises:
        MissingExtra: ccxt is not installed.
    """
    folder = _folder()
    names = {file.stem for part in ("async_support", "pro") for file in (folder / part).glob("*.py")}
    return sorted(names - _NOT_EXCHANGES)


def load_exchange(exchange_id: str, config: Mapping[str, Any]) -> Any:
    """Make an exchange with websockets where ccxt has them for it, otherwise with requests only.

    Raises:
        MissingExtra: ccxt is not installed.
    """
    websockets = (_folder() / "pro" / f"{exchange_id}.py").is_file()
    with _lock:
        for name in _PACKAGES:
            if name not in sys.modules:
                _place(name)
        module = import_module(f"ccxt.{'pro' if websockets else 'async_support'}.{exchange_id}")
    return vars(module)[exchange_id](config)


def ccxt_errors() -> Any:
    """Return the module of ccxt's errors, once an exchange is loaded."""
    return import_module("ccxt.base.errors")


def _folder() -> Path:
    spec = find_spec("ccxt")
    if spec is None or not spec.submodule_search_locations:
        raise MissingExtra("ccxt", "venues")
    return Path(spec.submodule_search_locations[0])


def _place(name: str) -> None:
    parent, _, own = name.rpartition(".")
    spec = PathFinder.find_spec(name, sys.modules[parent].__path__ if parent else None)
    assert spec is not None
    assert spec.submodule_search_locations is not None
    package = _LazyPackage(name)
    package.__path__ = list(spec.submodule_search_locations)
    package.__spec__, package.__file__ = spec, spec.origin
    sys.modules[name] = package
    if parent:
        setattr(sys.modules[parent], own, package)
