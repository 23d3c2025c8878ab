"""A short hash of the integers of a state, equal where two states are equal."""

from __future__ import annotations

from collections.abc import Iterable
from hashlib import blake2b

import numpy as np
from numpy.typing import NDArray


def digest_of(*parts: Iterable[int] | NDArray[np.int64]) -> str:
    """Hash sequences of whole numbers; their order and their lengths count."""
    state = blake2b(digest_size=16)
    for part in parts:
        column = np.ascontiguousarray(part if isinstance(part, np.ndarray) else list(part), dtype="<i8")
        state.update(len(column).to_bytes(8, "little"))
        state.update(column.tobytes())
    return state.hexdigest()
