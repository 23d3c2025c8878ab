"""Find the imports of a package that go against the layers of docs/architecture.md."""

from __future__ import annotations

import ast
from collections.abc import Container, Iterator
from pathlib import Path

PACKAGE = "orderfox_nb"
FEEDS = Path(__file__).parents[1] / PACKAGE / "feeds"
MAX_LINES = 400

# An import goes to a lower layer or stays in its own part; parts of one layer never import each other.
LAYERS: tuple[frozenset[str], ...] = (
    frozenset({"errors"}),
    frozenset({"core", "extras"}),
    frozenset({"analytics", "lifecycle", "clock", "config", "notebook_files"}),
    frozenset({"bots", "recording"}),
    frozenset({"sim"}),
    frozenset({"feeds"}),
    frozenset({"views"}),
    frozenset({"desk"}),
    frozenset({"engine"}),
    frozenset({"market"}),
    frozenset({"server", "widgets", "doctor"}),
    frozenset({"cli", "__init__"}),
    frozenset({"__main__"}),
)
RANK = {part: rank for rank, layer in enumerate(LAYERS) for part in layer}

# The embedded exchange is written from the protocol, beside the rest: what it shares with the feeds ends here, and
# all that they may import of it is how its process is started.
ONLY = {
    "sim": frozenset({"core", "lifecycle", "clock", "errors"}),
    "recording": frozenset({"core", "errors", "extras"}),
    "bots": frozenset({"core", "analytics", "errors"}),
    "views": frozenset({"core", "analytics", "feeds", "errors"}),
    "config": frozenset({"errors"}),
    "clock": frozenset({"errors"}),
    "lifecycle": frozenset({"errors"}),
}

# Within a part: a folder that others of it build on imports none of those.
BELOW = {
    "feeds/venue": (
        *(f"feeds.{path.parent.name}" for path in FEEDS.glob("*/__init__.py") if path.parent.name != "venue"),
        "feeds.venues",
        "feeds.embedded",
        "feeds.sources",
        "feeds.remote",
    )
}

PURE = frozenset({"core", "analytics", "views", "bots"})
PURE_MODULES = frozenset(
    {"__future__", "abc", "base64", "bisect", "calendar", "collections", "copy", "dataclasses", "datetime", "decimal"}
    | {"difflib", "enum", "fractions", "functools", "hashlib", "heapq", "itertools", "json", "math", "msgspec"}
    | {"numpy", "operator", "re", "statistics", "string", "struct", "textwrap", "types", "typing", "unicodedata"}
    | {"urllib.parse", "zlib", "zoneinfo"}
)
# A bot shows where in its owner's code an error is, and reads the annotations of a class.
PURE_BESIDE = {"bots": frozenset({"traceback", "pathlib", "inspect"})}
IMPURE_CALLS = frozenset({"open", "print", "input", "exec", "eval", "__import__"})
IMPURE_METHODS = frozenset({"now", "utcnow", "today"})

SCREENS = frozenset({"ipywidgets", "bqplot", "anywidget", "traitlets", "ipykernel"})
FOREIGN = {
    "feeds": SCREENS | {"tornado", "jupyter_server", "voila"},
    "desk": SCREENS | {"tornado", "jupyter_server", "voila"},
    "bots": SCREENS | {"tornado", "jupyter_server", "voila"},
    "recording": SCREENS | {"tornado", "jupyter_server", "voila"},
    "sim": SCREENS | {"tornado", "jupyter_server", "voila", "websockets", "ccxt"},
    "widgets": frozenset({"tornado", "jupyter_server", "voila"}),
}


def findings(root: Path) -> list[str]:
    """Return every wrong import, impure call and overlong module as ``path:line: what is wrong``."""
    found: list[str] = []
    for path in sorted(root.rglob("*.py")):
        text = path.read_text(encoding="utf-8")
        relative = path.relative_to(root)
        part = relative.parts[0].removesuffix(".py")
        where = f"{root.name}/{relative.as_posix()}"
        lines = text.count("\n")
        if lines > MAX_LINES:
            found.append(f"{where}:{lines}: longer than {MAX_LINES} lines")
        if part not in RANK:
            found.append(f"{where}:1: {part} has no layer")
            continue
        tree = ast.parse(text, str(path))
        above = BELOW.get(relative.parent.as_posix(), ())
        for line, module in imported(tree, (root.name, *relative.parts[:-1])):
            if reason := wrong(part, module) or wrong_way(relative.parent.as_posix(), module, above):
                found.append(f"{where}:{line}: {reason}")
        found.extend(f"{where}:{line}: {test} passes digits of every script" for line, test in loose_digits(tree))
        if part in PURE:
            found.extend(f"{where}:{line}: {part} is pure, calls {name}" for line, name in impure_calls(tree))
    return found


def cycles(root: Path) -> list[str]:
    """Return the modules that import one another in a circle, at run time, in a function or only for types."""
    paths = {".".join(path.relative_to(root.parent).with_suffix("").parts): path for path in root.rglob("*.py")}
    paths = {name.removesuffix(".__init__"): path for name, path in paths.items()}
    # The package itself opens its names on first use; every module may read its version.
    del paths[root.name]
    imports = {name: set(_modules(path, name, paths)) - {name} for name, path in paths.items()}
    # What imports nothing of the rest, or is imported by nothing of it, is in no circle.
    while ends := [name for name in imports if not imports[name]] + sorted(
        imports.keys() - set().union(*imports.values())
    ):
        for name in ends:
            imports.pop(name, None)
        imports = {name: targets & imports.keys() for name, targets in imports.items()}
    return [f"{name} imports {', '.join(sorted(targets))}" for name, targets in sorted(imports.items())]


def _modules(path: Path, name: str, known: Container[str]) -> Iterator[str]:
    parts = name.split(".")
    package = parts if path.stem == "__init__" else parts[:-1]
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        names: list[str] = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            above = ".".join(package[: len(package) - node.level + 1]) if node.level else ""
            base = ".".join(filter(None, (above, node.module)))
            names = [f"{base}.{alias.name}" for alias in node.names]
        for each in names:
            yield from [module for module in (each, each.rpartition(".")[0]) if module in known][:1]


def imported(tree: ast.Module, package: tuple[str, ...]) -> Iterator[tuple[int, str]]:
    """Yield line and full dotted name of whatever a module imports, wherever in it."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = ".".join(package[: len(package) - node.level + 1]) if node.level else ""
            base = ".".join(filter(None, (above, node.module)))
            # "from orderfox_nb import feeds" names the part only behind the import; "from urllib import parse" too.
            if base in {PACKAGE, "urllib"}:
                yield from ((node.lineno, f"{base}.{alias.name}") for alias in node.names)
            else:
                yield node.lineno, base
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute | ast.Name):
            name = node.func.attr if isinstance(node.func, ast.Attribute) else node.func.id
            if name in {"import_module", "__import__"} and node.args and isinstance(node.args[0], ast.Constant):
                yield node.lineno, str(node.args[0].value)


def wrong(part: str, module: str) -> str:
    """Return why a part may not import a module, empty if it may."""
    top, _, rest = module.partition(".")
    if top != PACKAGE:
        known = PURE_MODULES | PURE_BESIDE.get(part, frozenset())
        impure = part in PURE and top not in known and module not in known
        return f"{part} may not import {module}" if impure or top in FOREIGN.get(part, ()) else ""
    target = rest.partition(".")[0]
    # What remains without a layer is a name of the package itself, such as its version.
    if target == part or not target or target.startswith("__"):
        return ""
    if target not in RANK:
        return f"{target} has no layer"
    if RANK[target] == RANK[part]:
        return f"{part} and {target} never import each other"
    allowed = RANK[target] < RANK[part] and target in ONLY.get(part, RANK)
    if target == "sim" and part != "cli":
        allowed = allowed and module.startswith(f"{PACKAGE}.sim.process")
    return "" if allowed else f"{part} may not import {module}"


def wrong_way(folder: str, module: str, above: tuple[str, ...]) -> str:
    """Return why a folder may not import what is built on it, empty if it may."""
    named = any(f"{module}.".startswith(f"{PACKAGE}.{name}.") for name in above)
    return f"{folder} may not import {module}" if named else ""


def loose_digits(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """Yield line and text of tests that digits of other scripts pass, which ``int`` and ``Decimal`` then read."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and r"\d" in node.value:
            yield node.lineno, r"\d"
        elif isinstance(node, ast.Attribute) and node.attr in {"isdigit", "isdecimal", "isnumeric"}:
            yield node.lineno, node.attr


def impure_calls(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """Yield line and name of calls that read or write the world, or ask what time it is."""
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call):
            continue
        if isinstance(node.func, ast.Name) and node.func.id in IMPURE_CALLS:
            yield node.lineno, node.func.id
        elif isinstance(node.func, ast.Attribute) and node.func.attr in IMPURE_METHODS:
            owner = node.func.value
            if getattr(owner, "id", getattr(owner, "attr", "")) in {"datetime", "date"}:
                yield node.lineno, node.func.attr
