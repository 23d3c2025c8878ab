"""Structs as tables of their fields, with the texts that stand below the fields in the source."""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Any, Final

import griffe
import msgspec

_REFERENCE: Final = "#/components/schemas/"


@cache
def module(name: str) -> griffe.Module:
    """Return the parsed source of a module; ``griffe.load`` would read the whole package."""
    path = Path(importlib.import_module(name).__file__ or "")
    return griffe.visit(name, path, path.read_text(encoding="utf-8"))


def one_line(text: str) -> str:
    """Return a text as one cell of a table."""
    return " ".join(text.split()).replace("``", "`").replace("|", "\\|")


def field_texts(kind: type[Any]) -> dict[str, str]:
    """Return the text below each field of a class and of its bases, by the field's name."""
    texts: dict[str, str] = {}
    for base in reversed(kind.__mro__):
        if not base.__module__.startswith("orderfox_nb"):
            continue
        members = module(base.__module__).members.get(base.__name__)
        if members is None:
            continue
        for name, member in members.members.items():
            if member.is_attribute and member.docstring:
                texts[name] = one_line(member.docstring.value)
    return texts


def schemas(kinds: Iterable[type[Any]]) -> dict[str, Any]:
    """Return the JSON schema of structs and of those inside them, by name."""
    _, components = msgspec.json.schema_components(list(kinds), ref_template=_REFERENCE + "{name}")
    return components


def structs(module_name: str) -> dict[str, type[msgspec.Struct]]:
    """Return the public structs that a module defines, by name, in the order of the source."""
    owner = importlib.import_module(module_name)
    return {
        name: value
        for name, value in vars(owner).items()
        if inspect.isclass(value)
        and issubclass(value, msgspec.Struct)
        and value.__module__ == module_name
        and not name.startswith("_")
    }


def type_text(schema: dict[str, Any]) -> str:
    """Describe the type of a schema in a few words."""
    if "$ref" in schema:
        name = schema["$ref"].removeprefix(_REFERENCE)
        return f"[{name}](#{name.lower()})"
    if values := schema.get("enum") or [schema[key] for key in ("const",) if key in schema]:
        return " or ".join(f"`{value}`" for value in values)
    if options := schema.get("anyOf") or schema.get("oneOf"):
        return " or ".join(dict.fromkeys(type_text(one) for one in options))
    kind = schema.get("type", "anything")
    if kind == "array":
        return " of ".join(["list", *map(type_text, filter(None, [schema.get("items")]))])
    if kind == "object":
        inside = schema.get("additionalProperties")
        return " of ".join(["object", *([type_text(inside)] if isinstance(inside, dict) and inside else [])])
    return f"{kind}{_bounds(schema)}"


def _bounds(schema: dict[str, Any]) -> str:
    parts = [
        f"{sign} {schema[key]}"
        for key, sign in (("minimum", "≥"), ("exclusiveMinimum", ">"), ("maximum", "≤"), ("exclusiveMaximum", "<"))
        if key in schema
    ]
    return " " + ", ".join(parts) if parts else ""


def struct_table(name: str, schema: dict[str, Any], kind: type[Any] | None, *, level: int = 3) -> list[str]:
    """Return a struct as a heading, its docstring and a table of its fields."""
    texts = field_texts(kind) if kind is not None else {}
    about = inspect.cleandoc(kind.__doc__ or "") if kind is not None else schema.get("description", "")
    lines = [f"{'#' * level} {name} {{ #{name.lower()} }}", "", about.replace("``", "`"), ""]
    if not schema.get("properties"):
        return [*lines, f"Type: {type_text(schema)}.", ""] if "properties" not in schema else lines
    names: dict[str, str] = {} if kind is None else _encoded_names(kind)
    own = {shown: field for field, shown in names.items()}
    required = set(schema.get("required", ()))
    rows: list[tuple[str, str, str]] = []
    for shown, inside in schema["properties"].items():
        text = texts.get(own.get(str(shown), str(shown)), "")
        if shown not in required:
            text += f" Default: `{inside['default']!r}`." if "default" in inside else " Optional."
        rows.append((f"`{shown}`", one_line(type_text(inside)), text.strip()))
    # A column that is empty says nothing.
    columns = ("field", "type", "meaning")[: 3 if any(row[2] for row in rows) else 2]
    lines += ["| " + " | ".join(columns) + " |", "|---" * len(columns) + "|"]
    return [*lines, *("| " + " | ".join(row[: len(columns)]) + " |" for row in rows), ""]


def _encoded_names(kind: type[Any]) -> dict[str, str]:
    return {field.name: str(field.encode_name) for field in msgspec.structs.fields(kind)}
