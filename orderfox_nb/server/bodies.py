"""Bodies of requests: JSON objects that fit a struct, with their names in camelCase or in snake_case."""

from __future__ import annotations

from typing import Any, TypeVar, cast

import msgspec

from orderfox_nb.errors import BodyMismatch

Body = TypeVar("Body", bound=msgspec.Struct)


def read_body(text: bytes, kind: type[Body]) -> Body:
    """Return what a body says; fields that the struct does not have are ignored.

    Raises:
        BodyMismatch: It is not a JSON object, or does not fit; the text names the field.
    """
    try:
        found: Any = msgspec.json.decode(text)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise BodyMismatch("The body has to be a JSON object") from None
    if not isinstance(found, dict):
        raise BodyMismatch("The body has to be a JSON object")
    given = cast("dict[str, Any]", found)
    for field in msgspec.structs.fields(kind):
        if field.name in given:
            given.setdefault(field.encode_name, given.pop(field.name))
    try:
        return msgspec.convert(given, kind)
    except msgspec.ValidationError as error:
        raise BodyMismatch(f"The body does not fit: {error}") from None
