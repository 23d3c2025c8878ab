"""The bots of a server as SVG."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from orderfox_nb.core.formatting import with_minus
from orderfox_nb.market.svg.pieces import HEADER, ROW, Colours, panel, table, text

_NAME: Final = 32
"""Characters of a name that are shown."""


def bots_svg(bots: Sequence[Mapping[str, Any]], colours: Colours, *, width: float = 900, height: float = 300) -> str:
    """Draw the first bots: name, symbol, strategy, state, profit, position."""
    muted, plain = colours.muted, colours.text
    titles = [(name, muted) for name in ("Name", "Symbol", "Strategy", "State", "P&L", "Position")]
    rows: list[Sequence[tuple[str, str]]] = [titles]
    for bot in bots[: max(0, int((height - HEADER - 2) // ROW) - 1)]:
        account: dict[str, Any] | None = bot.get("account")
        name = str(bot["name"])
        rows.append(
            (
                (name if len(name) <= _NAME else name[: _NAME - 1] + "…", plain),
                (str(bot["symbol"]), muted),
                (str(bot["strategy"] or "–"), muted),
                (str(bot["state"]), plain),
                (_band(account), plain),
                (with_minus(str(account["position"])) if account else "–", plain),
            )
        )
    parts = [table(HEADER + 2, width, rows)]
    if not bots:
        parts = [text(12, HEADER + 2 + ROW / 2, "No bots yet", fill=muted)]
    return panel("Bots", f"PAPER · {len(bots)}", parts, colours, width=width, height=height)


def _band(account: Mapping[str, Any] | None) -> str:
    if account is None:
        return "–"
    low, high = (with_minus(f"{float(account['pnl'][name]):+,.2f}") for name in ("low", "high"))
    return low if low == high else f"{low} to {high}"
