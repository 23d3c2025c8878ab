"""Settings that make a server start sooner."""

from __future__ import annotations

import sys
from typing import Any, cast


def skip_address_grammar() -> None:
    """Leave out what jsonschema builds at its import: a grammar of international addresses, 2 s of a start of 5.

    No schema of a server has such an address; without the module jsonschema leaves that one format unchecked.
    """
    sys.modules.setdefault("rfc3987_syntax", cast("Any", None))
