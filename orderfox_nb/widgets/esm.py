"""Join a widget's few source files into the one text that anywidget takes.

anywidget gives each model its own copy of its module, and a static ``import`` of a sibling file kills the widget. So
the files stay plain ES modules that editors and linters understand, and are put one after another, imported first.
"""

from __future__ import annotations

import json
import posixpath
import re
from functools import cache
from pathlib import Path

_HERE = Path(__file__).parent
_IMPORT = re.compile(r'^import\s*\{[^}]*\}\s*from\s*"(?P<name>\.{1,2}/[\w./]+)";\n', re.MULTILINE)
_SHEET = ("page/theme.js", 'const SHEET = "";')
"""Where a module has the tokens. Every widget's has them, and the first one on a page inserts them."""
_EXPORT = re.compile(r"^export (?=(?:async )?function|class|const)", re.MULTILINE)


@cache
def module_text(name: str) -> str:
    """Return a module with everything that it imports, as one text with one default export.

    Args:
        name: File below this folder, such as ``panels/order_book.js``. Names are shared by the files of one text: no
            two may declare the same one.
    """
    ordered: list[str] = []
    _collect(name, ordered, ())
    return "\n".join(_bare(one) for one in ordered)


@cache
def style_text(*names: str) -> str:
    """Return style sheets one after another. The tokens of ``page/theme.css`` are on the page already."""
    return "\n".join((_HERE / name).read_text(encoding="utf-8") for name in names)


def _collect(name: str, ordered: list[str], above: tuple[str, ...]) -> None:
    if name in above:
        raise ValueError(f"{name} imports itself through {' → '.join(above)}")
    if name in ordered:
        return
    for match in _IMPORT.finditer((_HERE / name).read_text(encoding="utf-8")):
        _collect(posixpath.normpath(f"{posixpath.dirname(name)}/{match['name']}"), ordered, (*above, name))
    ordered.append(name)


def _bare(name: str) -> str:
    text = _IMPORT.sub("", (_HERE / name).read_text(encoding="utf-8"))
    if name == _SHEET[0]:
        text = text.replace(_SHEET[1], f"const SHEET = {json.dumps(style_text('page/theme.css'))};")
    return f"// {name}\n{_EXPORT.sub('', text)}"
