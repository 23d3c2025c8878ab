"""Every setting and every source, from ``config.Settings`` and the table of sources."""

from __future__ import annotations

from typing import Any, Final

from pydantic import SecretStr

from generate.models import field_texts, one_line
from orderfox_nb.config import Settings
from orderfox_nb.feeds.sources import SOURCES

_INTERNAL: Final = {"ORDERFOX_URL"}
"""Set by a server for its kernels, never by a user."""
_TYPES: Final = {"int": "whole number", "float": "number", "bool": "`true` or `false`", "Path": "folder"}
_BOUNDS: Final = {"ge": "from", "gt": "above", "le": "to", "lt": "below"}
_HEAD: Final = """# Settings

Every environment variable that OrderFox reads, and every source.

Command-line options override environment variables, which override defaults. An invalid value prints one line that
names the variable, and the command exits with code 2. In JupyterLab the line is logged, and the routes answer 503.

## Environment variables

| variable | default | value | meaning |
|---|---|---|---|
"""
_SOURCES: Final = """
## Sources

Values of `ORDERFOX_SOURCE` and `--source`. Several sources, separated by commas, are several venues of one server.
Options follow a question mark: `sim?seed=7&symbols=24`.

| source | what it is | options (default) |
|---|---|---|
"""


def page() -> str:
    """Return the page."""
    return _HEAD + "\n".join(_rows()) + "\n" + _SOURCES + "\n".join(_source_rows()) + "\n"


def _rows() -> list[str]:
    texts = field_texts(Settings)
    rows: list[str] = []
    for name, field in Settings.model_fields.items():
        if field.alias in _INTERNAL:
            continue
        kind = _TYPES.get(getattr(field.annotation, "__name__", ""), "text")
        found = {key: getattr(rule, key, None) for rule in field.metadata for key in _BOUNDS if hasattr(rule, key)}
        bounds = " ".join(f"{word} {found[key]:,}" for key, word in _BOUNDS.items() if key in found)
        value = f"{kind} {bounds}".strip()
        rows.append(f"| `{field.alias}` | {_default(field.default, name)} | {value} | {texts.get(name, '')} |")
    return rows


def _default(default: Any, name: str) -> str:
    if name == "data_dir":
        return "the user's data directory"
    if isinstance(default, SecretStr):
        default = default.get_secret_value()
    if isinstance(default, bool):
        return f"`{str(default).lower()}`"
    return "none" if default == "" else f"`{default}`"


def _source_rows() -> list[str]:
    rows: list[str] = []
    for kind in SOURCES:
        options = [f"`{one.name}` ({one.default}): {one_line(one.help)}, {one.expected}" for one in kind.options]
        rows.append(f"| `{kind.form}` | {one_line(kind.help)} | {'<br>'.join(options) or 'none'} |")
    return rows
