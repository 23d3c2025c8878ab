"""``orderfox sim``: the embedded exchange alone. It imports no feed."""

from __future__ import annotations

from orderfox_nb.cli.command import Command, Example
from orderfox_nb.sim.command import add_arguments, run

COMMAND = Command(
    description="Run the embedded exchange on a port of its own, until Ctrl+C. It serves the protocol of a venue: "
    "clients of that venue can read it.",
    arguments=add_arguments,
    run=run,
    examples=(
        Example("Eight symbols with Binance's protocol", "orderfox sim --port 8900 --symbols 8"),
        Example("A wild market: ten times the liquidations", "orderfox sim --liquidation-rate 10"),
    ),
)
