"""Names and prose use plain, current technical English, and each list of channels has one place."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import orderfox_nb
from orderfox_nb.core.channels import CHANNELS

pytestmark = pytest.mark.core

ROOT = Path(orderfox_nb.__file__).parent
PROJECT = ROOT.parent

# Each has a plain counterpart: report, MAX_, MIN_, subscribe, check, restart, computed.
WORDS = re.compile(r"(?<![\w-])(?:told|tells?|tellers?|anew|begun|unwant|whoever)(?![\w-])", re.IGNORECASE)
NAMES = re.compile(
    r"\b(?:\w*_)?(?:MOST|LEAST|LONGEST)(?:_\w*)?\b|\b\w*(?:Teller|FramePress|Troubles|Wishes)\w*\b"
    r"|\b_*(?:\w+_)?(?:told|tells?|unwant|begun|doubt(?:s|ed|ful)?|nobody|somebody)(?:_\w+)?\b"
)
# A venue's words for its channels are its dialect's, a frame names the topics that it is made of, and a strategy those
# that it reads.
CHANNEL_LISTS = {
    "bots/strategy.py",
    "core/channels.py",
    "desk/streams/ticker.py",
    *(
        f"feeds/{path.parent.name}/{path.name}"
        for path in (ROOT / "feeds").glob("*/*.py")
        if path.name in ("dialect.py", "past.py") and path.parent.name != "venue"
    ),
    "feeds/binance/protocol.py",
    "feeds/ccxt/offer.py",
    "feeds/ccxt/pages.py",
    "recording/tables/schema.py",
    "recording/tables/views.py",
}


def sources(*suffixes: str) -> Iterator[Path]:
    """Yield the sources of package, tests and benchmarks, without this list of words."""
    for folder in (ROOT, PROJECT / "tests", PROJECT / "benchmarks"):
        for suffix in suffixes:
            yield from (path for path in folder.rglob(f"*.{suffix}") if path != Path(__file__))


def texts() -> Iterator[Path]:
    """Yield all sources and the documents of the project."""
    yield from sources("py", "js", "css")
    yield from (PROJECT / "notebooks").glob("*.ipynb")
    yield from (PROJECT / "docs").glob("*.md")
    yield from PROJECT.glob("*.md")


def names(source: str) -> Iterator[str]:
    """Yield every name that a module of Python defines."""
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.ClassDef(name=name) | ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name):
                yield name
            case ast.arg(arg=name) | ast.Name(id=name, ctx=ast.Store()) | ast.Attribute(attr=name, ctx=ast.Store()):
                yield name
            case _:
                pass


def test_prose_has_no_archaic_words():
    found = [
        f"{path.relative_to(PROJECT)}:{number}: {line.strip()[:80]}"
        for path in texts()
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        if WORDS.search(line)
    ]
    assert not found, "\n" + "\n".join(found)


def test_names_are_plain():
    found = {
        f"{path.relative_to(PROJECT)}: {name}"
        for path in sources("py")
        for name in (*names(path.read_text(encoding="utf-8")), path.stem)
        if NAMES.fullmatch(name)
    }
    for path in sources("js"):
        declared = re.findall(r"\b(?:const|let|function|class) (\w+)", path.read_text(encoding="utf-8"))
        found |= {f"{path.relative_to(PROJECT)}: {name}" for name in declared if NAMES.fullmatch(name)}
    assert not found, "\n" + "\n".join(sorted(found))


def test_a_class_name_stands_for_one_thing():
    places: dict[str, list[str]] = {}
    for path in sources("py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ClassDef):
                places.setdefault(node.name, []).append(f"{path.relative_to(PROJECT)}:{node.lineno}")
    shared = {name: where for name, where in places.items() if len(where) > 1}
    assert not shared, shared


@pytest.mark.parametrize("name", ["MOST_KEYS", "_LEAST", "StatusTeller", "_told", "tell_all", "_doubtful"])
def test_a_wrong_name_is_found(name: str):
    assert NAMES.fullmatch(name)
    assert [one for one in names(f"def f({name.lower()}): self.{name} = 1") if NAMES.fullmatch(one)]


@pytest.mark.parametrize("name", ["almost", "MAX_KEYS", "ALMOST", "mostly", "utmost"])
def test_a_right_name_passes(name: str):
    assert not NAMES.fullmatch(name)


def test_channels_are_listed_in_one_place():
    found: set[str] = set()
    for path in ROOT.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            entries = node.keys if isinstance(node, ast.Dict) else getattr(node, "elts", ())
            listed = {entry.value for entry in entries if isinstance(entry, ast.Constant)} & set(CHANNELS)
            if len(listed) > 2 and isinstance(node, ast.Dict | ast.List | ast.Set | ast.Tuple):
                found.add(path.relative_to(ROOT).as_posix())
    assert found <= CHANNEL_LISTS, found - CHANNEL_LISTS
