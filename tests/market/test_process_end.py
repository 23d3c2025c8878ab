from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from orderfox_nb import open_recording

SCRIPT = """
import asyncio
import orderfox_nb

market = orderfox_nb.connect("sim?seed=7&symbols=2")

async def newest():
    async for trade in market["BTCUSDT"].trades:
        return trade.id

print(asyncio.run(newest()))
"""


def test_a_script_that_ends_without_closing_its_market_loses_nothing_of_the_recording(tmp_path: Path) -> None:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("ORDERFOX_")}
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
        env=environment | {"ORDERFOX_DATA_DIR": str(tmp_path)},
    )
    assert (done.returncode, done.stderr) == (0, "")
    (folder,) = (tmp_path / "recordings").iterdir()
    # The last second is written when the interpreter ends.
    assert done.stdout.strip() in set(open_recording(folder)["BTCUSDT"].trades.df["id"])
