"""Execute the Python blocks of pages, those of a page in order and in one namespace, as the cells of a notebook are.

``python -m tests.documentation.running ADDRESS RESULTS PAGE…`` runs in a folder of its own. The embedded exchange at
ADDRESS is in the place of the real one.
"""

from __future__ import annotations

import ast
import asyncio
import inspect
import json
import os
import re
import sys
import time
import traceback
from pathlib import Path
from types import ModuleType
from typing import Any

import orderfox_nb
from orderfox_nb.market.connection import Market
from tests.documentation.blocks import CodeBlock, python_pages
from tests.market.made_market import record_market
from tests.recorded_files import recorded_lengths_s

RECORDED_S = 45
READ_S = 3
"""How long the market is read and recorded before the first page."""
REPLACED: list[tuple[str, str]] = [
    # A recording of less than a minute in place of the reader's own.
    (r"\"recordings/[^\"]*\"", '"recordings/made"'),
    (r"\"10:00\":", '"22:13:20":'),
    (r"\"10:15\"", '"22:13:40"'),
    (r":\"1[01]:[03]0\"", ':"22:14:00"'),
    # A range that the embedded exchange has at any time; a year of bars takes minutes.
    (r'start="2025-10-01", end="2026-10-01"', 'start="-3h", end="-1h"'),
    # Two embedded venues in place of two real ones.
    (r'"binance,bybit"', '"sim,sim?name=b"'),
    (r'"binance:', '"sim:'),
    (r'"bybit:', '"sim-b:'),
    # An order that is sure to be filled, wherever the price is by then.
    (r'book\["bids"\]\[0\]\[0\], \{"postOnly": True\}', 'book["asks"][0][0] * 1.02'),
    # An hour of trades takes minutes of the venue's weight where the market is busy.
    (r'history\("-2h", "-1h"\)', 'history("-2m", "-1m")'),
    # A market that has just started has no ten minutes.
    (r"rewind\(\"-10m\"", 'rewind("-1s"'),
    # Fewer runs, of the same shape.
    (r"range\(1, 9\)", "range(1, 3)"),
    (r"range\(1, 100\), \"size\": sizes\}, 50", 'range(1, 5), "size": ["0.01"]}, 2'),
    (r"\[rec, other\]", "[rec]"),
    # In this process: sweeps over many have tests of their own.
    (r"(\}, rec|\[rec\]|parts=5)\)", r"\1, workers=1)"),
]
"""What is replaced before a block is executed, and why."""
MAX_S = 60
"""How long a block may wait."""


class OneItem(ast.NodeTransformer):
    """Ends each ``async for`` of a page after its first item: a live stream has no end."""

    def visit_AsyncFor(self, node: ast.AsyncFor) -> ast.AsyncFor:
        node.body.append(ast.Break())
        return node


class PageRun:
    """A page that is executed block by block.

    Args:
        runner: Executes what awaits something.
        address: Of the embedded exchange.
    """

    def __init__(self, runner: asyncio.Runner, address: str) -> None:
        self._runner = runner
        self._address = address
        # A strategy finds the names of its annotations in its module.
        module = sys.modules["__main__"] = ModuleType("__main__")
        self._names = vars(module)

    def run(self, block: CodeBlock) -> None:
        """Execute a block; the value of its last expression is shown as a notebook shows it."""
        code = block.code
        for pattern, text in REPLACED:
            code = re.sub(pattern, text, code)
        host = self._address.removeprefix("http://")
        tree = ast.parse(code.replace("127.0.0.1:9000", host), block.place)
        tree = ast.fix_missing_locations(OneItem().visit(tree))
        last = tree.body.pop() if tree.body and isinstance(tree.body[-1], ast.Expr) else None
        self._execute(compile(tree, block.place, "exec", ast.PyCF_ALLOW_TOP_LEVEL_AWAIT))
        if isinstance(last, ast.Expr):
            shown = compile(ast.Expression(last.value), block.place, "eval", ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
            repr(self._execute(shown))

    def _execute(self, code: Any) -> Any:
        value = eval(code, self._names)
        return self._runner.run(asyncio.wait_for(value, MAX_S)) if inspect.iscoroutine(value) else value


def run_page(address: str, page: list[CodeBlock]) -> str:
    """Return what went wrong, empty if nothing did."""
    with asyncio.Runner() as runner:
        running = PageRun(runner, address)
        for block in page:
            try:
                if not block.not_run:
                    running.run(block)
            except (Exception, SystemExit):  # noqa: BLE001 - whatever a reader would see
                return f"{block.place}:\n{traceback.format_exc()}"
    return ""


def read_for_a_while() -> list[Market]:
    """Return markets that somebody has read for some seconds, as a reader of the pages has: these are recorded."""
    markets = [orderfox_nb.connect(source) for source in (None, "sim")]
    for market in markets:
        market["BTCUSDT"].trades.keep(1_000)
    data = Path(os.environ["ORDERFOX_DATA_DIR"])
    deadline = time.monotonic() + 120
    while len(lengths := recorded_lengths_s(data)) < len(markets) or min(lengths[-len(markets) :]) < READ_S:
        assert time.monotonic() < deadline, "nothing is recorded"
        time.sleep(0.05)
    return markets


def main() -> None:
    """Run the pages that are named and write what went wrong with each."""
    address, results, *names = sys.argv[1:]
    record_market(Path("recordings/made"), RECORDED_S)
    markets = read_for_a_while()
    pages = python_pages()
    found: dict[str, str] = {}
    for name in names or pages:
        started = time.monotonic()
        found[name] = run_page(address, pages[name])
        print(f"{name}: {time.monotonic() - started:.1f} s {found[name]}", flush=True)
        Path(results).write_text(json.dumps(found), encoding="utf-8")
    for market in markets:
        market.close()


if __name__ == "__main__":
    main()
