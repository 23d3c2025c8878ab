"""A package with strategies, installed in a folder as a user's own would be."""

from __future__ import annotations

from pathlib import Path

MODULE = '''
from decimal import Decimal

from orderfox_nb.bots.parameters import Size
from orderfox_nb.bots.strategy import Strategy


class Churn(Strategy):
    """Buys, then sells what it has, at each ring; and has an order far below the market."""

    size: Size = Decimal("0.010")
    period: str = "1s"

    def on_start(self, desk):
        self.rings = 0
        desk.every(self.period, "churn")
        desk.buy(self.size, at=round(desk.book.best_bid * 0.97), post_only=True)

    def on_timer(self, timer, desk):
        self.rings += 1
        if desk.position.flat:
            desk.buy(self.size)
        else:
            desk.close()


class Broken(Strategy):
    """Fails at the first trade that it sees live."""

    def on_trade(self, trade, desk):
        raise RuntimeError("no idea")


nothing = "no strategy"
'''
NAMES = {"Churn": "Churn", "Broken": "Broken", "Nothing": "nothing"}


def install(folder: Path) -> Path:
    """Write the package and return the folder to be put on Python's path."""
    (folder / "owner_strategies.py").write_text(MODULE)
    info = folder / "owner_strategies-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: owner-strategies\nVersion: 1.0\n")
    lines = [f"{name} = owner_strategies:{attribute}" for name, attribute in NAMES.items()]
    (info / "entry_points.txt").write_text("\n".join(["[orderfox_nb.strategies]", *lines, ""]))
    return folder
