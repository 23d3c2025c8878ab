"""Strategies as a command line names them: installed, in a module, in a file, or in a notebook."""

from __future__ import annotations

import ast
import importlib
import json
import linecache
import sys
import traceback
from collections.abc import Iterator, Mapping, Sequence
from difflib import get_close_matches
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any, Final

from orderfox_nb.errors import BadValue, SettingError

if TYPE_CHECKING:
    from orderfox_nb.bots.strategy import Strategy

HELP: Final = "name of an installed one (orderfox bot strategies), file.py:Class, notebook.ipynb:Class or module:Class"
_FILES: Final = (".py", ".ipynb")
_DEFINITIONS: Final = (ast.Import, ast.ImportFrom, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)


def strategy_class(text: str) -> type[Strategy]:
    """Return the strategy that a text names; of a file with one strategy the name of the class may be left out.

    Raises:
        BadValue: There is none, or its module cannot be imported.
        MissingExtra: It needs an extra that is not installed.
    """
    from orderfox_nb.desk.strategies import load_strategy, strategy_names  # noqa: PLC0415

    if text.endswith(_FILES):
        return _class_of(_module_of_file(text), "", text)
    place, colon, name = text.rpartition(":")
    if colon:
        module = _module_of_file(place) if place.endswith(_FILES) else _module(place, text)
        return _class_of(module, name, text)
    known = strategy_names()
    if text not in known:
        near = get_close_matches(text.lower(), {one.lower(): one for one in known}, n=1, cutoff=0.5)
        meant = next((one for one in known if near and one.lower() == near[0]), "")
        expected = f"one of {', '.join(known)}, or file.py:Class" + (f"; did you mean {meant}?" if meant else "")
        raise BadValue("strategy", text, expected)
    return load_strategy(text)


def parameters_of(pairs: Sequence[str], option: str = "--set") -> Mapping[str, str]:
    """Read ``name=value`` of several options.

    Raises:
        SettingError: A text of another form, or a name twice.
    """
    found: dict[str, str] = {}
    for pair in pairs:
        name, equals, value = pair.partition("=")
        name = name.strip()
        if not equals or not name or name in found:
            raise SettingError(option, pair, "name=value, each name once")
        found[name] = value.strip()
    return found


def send_by_value(strategy: type[Strategy]) -> None:
    """Let worker processes get the code of a strategy's module: they cannot import a file that was named here."""
    from orderfox_nb.extras import import_extra  # noqa: PLC0415

    module = sys.modules[strategy.__module__]
    if getattr(module, "__orderfox_file__", False):
        # What loky sends classes with.
        import_extra("cloudpickle").register_pickle_by_value(module)


def _class_of(module: ModuleType, name: str, text: str) -> type[Strategy]:
    from orderfox_nb.bots.strategy import Strategy  # noqa: PLC0415

    own = {
        key: value
        for key, value in vars(module).items()
        if isinstance(value, type) and issubclass(value, Strategy) and value is not Strategy
    }
    found: Any = vars(module).get(name)
    if not name:
        defined = [value for value in own.values() if value.__module__ == module.__name__]
        found = defined[0] if len(defined) == 1 else None
    if isinstance(found, type) and issubclass(found, Strategy):
        return found
    names = ", ".join(own)
    raise BadValue("strategy", text, f"one of its strategies, after a colon: {names}" if own else "a class of Strategy")


def _module(name: str, text: str) -> ModuleType:
    # As ``python -m`` has it: modules of the folder one is in.
    if "" not in sys.path and str(Path.cwd()) not in sys.path:
        sys.path.insert(0, str(Path.cwd()))
    try:
        return importlib.import_module(name)
    except Exception as error:
        raise BadValue("strategy", text, f"a module that can be imported: {_reason(error)}") from error


def _module_of_file(text: str) -> ModuleType:
    path = Path(text).expanduser()
    try:
        source = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is not text"
        raise BadValue("strategy", text, f"a file that can be read ({reason})") from None
    name = f"orderfox_file_{path.stem}"
    module = ModuleType(name, f"Strategies of {path}.")
    module.__file__ = str(path.resolve())
    vars(module)["__orderfox_file__"] = True
    sys.modules[name] = module
    # Modules beside the file.
    sys.path.insert(0, str(path.resolve().parent))
    try:
        if path.suffix == ".ipynb":
            source = _definitions(source)
            # For the lines of an error, and for the hash of the code.
            linecache.cache[module.__file__] = (len(source), None, source.splitlines(keepends=True), module.__file__)
        exec(compile(source, module.__file__, "exec"), vars(module))  # noqa: S102 - the user names the file to run
    except Exception as error:
        raise BadValue("strategy", text, f"a file that can be imported: {_reason(error, module.__file__)}") from error
    return module


def _definitions(notebook: str) -> str:
    """Return the imports, classes, functions and plain values of a notebook: what else it does is not wanted here."""
    parts: list[str] = []
    # Any cell may have such an import, but a module only at its top.
    future: dict[str, None] = {}
    for cell in _code_cells(notebook):
        try:
            tree = ast.parse(cell)
        except SyntaxError:
            # A magic.
            continue
        lines = cell.splitlines()
        for node in tree.body:
            if isinstance(node, ast.ImportFrom) and node.module == "__future__":
                future[ast.unparse(node)] = None
            elif _is_definition(node):
                first = min([node.lineno, *(each.lineno for each in getattr(node, "decorator_list", ()))])
                parts.append("\n".join(lines[first - 1 : node.end_lineno]))
    return "\n\n".join([*future, *parts]) + "\n"


def _code_cells(notebook: str) -> Iterator[str]:
    for cell in json.loads(notebook)["cells"]:
        if cell["cell_type"] == "code":
            lines = "".join(cell["source"]).splitlines()
            yield "\n".join("pass" if line.startswith(("%", "!")) else line for line in lines)


def _is_definition(node: ast.stmt) -> bool:
    if isinstance(node, ast.Assign | ast.AnnAssign):
        targets = node.targets if isinstance(node, ast.Assign) else [node.target]
        if any(isinstance(part, ast.Attribute | ast.Subscript) for each in targets for part in ast.walk(each)):
            # Of an object that the rest of the notebook makes.
            return False
        try:
            ast.literal_eval(node.value) if node.value is not None else None
        except ValueError:
            return False
        return True
    return isinstance(node, _DEFINITIONS)


def _reason(error: Exception, file: str = "") -> str:
    lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == file]
    line = error.lineno if isinstance(error, SyntaxError) else lines[-1] if lines else None
    return f"{type(error).__name__}: {error}" + (f" (line {line})" if line else "")
