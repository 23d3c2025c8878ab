"""Methods of routes, for the OpenAPI document."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from orderfox_nb.desk.parameters import Parameter


class Operation(msgspec.Struct, frozen=True, kw_only=True):
    """One method of a route."""

    name: str
    """Unique among all operations."""
    summary: str
    model: Any = None
    """Type of the answer; None if it has no structure, or no body."""
    body: Any = None
    """Type of the request's body; None if there is none."""
    status: int = 200
    content: str = "application/json"
    headers: Mapping[str, str] = {}
    query: Sequence[Parameter] = ()
