"""Digest of a strategy's code, which identifies it in a report."""

from __future__ import annotations

import inspect
from hashlib import blake2b
from types import CodeType, FunctionType

from orderfox_nb import __version__
from orderfox_nb.bots.strategy import Strategy


def code_digest(strategy: type[Strategy]) -> str:
    """Hash the source of a strategy's class and of its bases up to ``Strategy``, with the version of this package.

    If there is no source, as for a class that is made at run time, the compiled methods are hashed. Imported modules
    are not included.
    """
    state = blake2b(__version__.encode(), digest_size=16)
    for owner in strategy.__mro__:
        if owner is Strategy:
            break
        try:
            state.update(inspect.getsource(owner).encode())
        except (OSError, TypeError):
            for name, member in sorted(vars(owner).items()):
                if isinstance(member, FunctionType):
                    _add(state, name, member.__code__)
    return state.hexdigest()


def _add(state: blake2b, name: str, code: CodeType) -> None:
    constants = [one for one in code.co_consts if not isinstance(one, CodeType)]
    state.update(repr((name, code.co_code, code.co_names, constants)).encode())
    for one in code.co_consts:
        if isinstance(one, CodeType):
            _add(state, one.co_name, one)
