"""Options of a source: their names, defaults and which values they may have."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, Final, NamedTuple

_NUMBER: Final = re.compile(r"[0-9]{1,4}(\.[0-9]{1,6})?")
_SUFFIX: Final = re.compile(r"[a-z0-9]{1,12}")

_MOMENT: Final = re.compile(r"([0-9]{4}-[0-9]{2}-[0-9]{2}[T ])?[0-9]{1,2}:[0-9]{2}(:[0-9]{2})?(Z|\+00:00)?")


class Option(NamedTuple):
    """An option of a source, as ``?name=value``.

    Args:
        name: As it is written.
        default: Its value where it is left out, as text.
        help: What it does, for a person.
        expected: Which values it may have, for a person.
        read: Returns the value of a text.

    ``read`` raises a ValueError for a text that is not such a value.
    """

    name: str
    default: str
    help: str
    expected: str
    read: Callable[[str], Any]


def whole(name: str, default: int, help_: str, *, low: int, high: int) -> Option:
    """Describe an option that is a whole number."""

    def read(text: str) -> int:
        if not re.fullmatch(r"-?[0-9]{1,18}", text) or not low <= int(text) <= high:
            raise ValueError(text)
        return int(text)

    return Option(name, str(default), help_, f"from {low} to {high}", read)


def factor(name: str, help_: str, *, max_word: str = "") -> Option:
    """Describe an option that is a factor, 1 by default; ``max_word`` stands for infinity."""

    def read(text: str) -> float:
        if max_word and text == max_word:
            return float("inf")
        if not _NUMBER.fullmatch(text) or not 0 < float(text) <= 1000:
            raise ValueError(text)
        return float(text)

    also = f", or {max_word}" if max_word else ""
    return Option(name, "1", help_, f"above 0 up to 1000{also}", read)


def signed(name: str, help_: str, *, highest: int) -> Option:
    """Describe an option that is a number on either side of 0, which is its default."""

    def read(text: str) -> float:
        if not _NUMBER.fullmatch(text.removeprefix("-")) or abs(float(text)) > highest:
            raise ValueError(text)
        return float(text)

    return Option(name, "0", help_, f"from -{highest} to {highest}", read)


def suffix(name: str, help_: str, *taken: str) -> Option:
    """Describe an option that ends a venue's name; the word that is its default reads as an empty text."""

    def read(text: str) -> str:
        if text == "none":
            return ""
        if not _SUFFIX.fullmatch(text) or text in taken:
            raise ValueError(text)
        return text

    other = f" other than {', '.join(taken)}" if taken else ""
    return Option(name, "none", help_, f"none, or 1 to 12 lower-case letters and digits{other}", read)


def choice(name: str, help_: str, *known: str) -> Option:
    """Describe an option that has one of some values, the first one by default."""

    def read(text: str) -> str:
        if text not in known:
            raise ValueError(text)
        return text

    return Option(name, known[0], help_, f"one of {', '.join(known)}", read)


def moment(name: str, help_: str, default: str) -> Option:
    """Describe an option that is a time; the word that is its default reads as an empty text."""

    def read(text: str) -> str:
        if text == default:
            return ""
        if not _MOMENT.fullmatch(text):
            raise ValueError(text)
        return text

    return Option(name, default, help_, f"{default}, or a time in UTC such as 10:30 or 2026-10-01T10:30", read)


def path(name: str, help_: str) -> Option:
    """Describe an option that is a file; the word that is its default reads as an empty text."""

    def read(text: str) -> str:
        if not text or "\0" in text:
            raise ValueError(text)
        return "" if text == "none" else text

    return Option(name, "none", help_, "none, or a file", read)
