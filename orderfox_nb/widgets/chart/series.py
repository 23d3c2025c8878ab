"""Converts a user's series for a mark of bqplot."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

_SECONDS_BELOW: Final = 1e11
"""Unix times below it are seconds (until the year 5138), above it milliseconds."""


def series_times(times: Any) -> NDArray[np.datetime64]:
    """Return times as UTC milliseconds.

    Args:
        times: datetimes (UTC where they name no zone), a DataFrame's index, numpy times, or Unix times in seconds or
            milliseconds.

    Raises:
        ValueError: Something that is not a time.
    """
    array = np.asarray(times)
    if array.dtype == object:
        array = np.asarray([_unix(time) for time in array.tolist()])
    if array.dtype.kind in "iuf":
        numbers = array.astype(np.float64)
        if not np.all(np.isfinite(numbers)):
            raise ValueError("Times must be finite")
        in_seconds = not numbers.size or np.max(np.abs(numbers)) < _SECONDS_BELOW
        array = np.round(numbers * 1000 if in_seconds else numbers).astype(np.int64)
    elif array.dtype.kind != "M":
        raise ValueError(f"Expected times, got {array.dtype}")
    return array.astype("datetime64[ms]").ravel()


def series_values(values: Any, length: int) -> NDArray[np.float64]:
    """Return values as numbers, one a time.

    Raises:
        ValueError: Another number of values than of times.
    """
    array = np.asarray(values, np.float64).ravel()
    if len(array) != length:
        raise ValueError(f"{len(array)} values for {length} times")
    return array


def _unix(time: Any) -> Any:
    if not isinstance(time, datetime):
        return time
    return (time if time.tzinfo is not None else time.replace(tzinfo=UTC)).timestamp()
