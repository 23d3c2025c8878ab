"""The errors, from their classes."""

from __future__ import annotations

import inspect
from typing import Final

from orderfox_nb import errors

_HEAD: Final = """# Errors

Errors of markets, recordings and bots are `orderfox_nb.errors.OrderFoxError`s. They carry data and compute their text:
the text says what is wrong and what to do. Widgets raise `TraitError` for an invalid value and `TypeError` for an
unknown argument.

```text
"""


def page() -> str:
    """Return the page."""
    tree = inspect.cleandoc(errors.__doc__ or "").split("\n\n")[1]
    members = "\n".join(f"::: orderfox_nb.errors.{name}" for name in errors.__all__ if name[0].isupper())
    return f"{_HEAD}{tree}\n```\n\n## Classes\n\n{members}\n"
