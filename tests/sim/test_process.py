from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys

import aiohttp
import pytest

from orderfox_nb.errors import VenueUnreachable
from orderfox_nb.sim.command import main
from orderfox_nb.sim.process import SimProcess

pytestmark = pytest.mark.sim


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


async def gone(pid: int) -> None:
    for _ in range(500):
        if not alive(pid):
            return
        await asyncio.sleep(0.02)
    raise AssertionError(f"{pid} still runs")


async def test_the_child_serves_and_ends_with_its_context() -> None:
    async with SimProcess(["--symbols", "1", "--seed", "3"]) as process:
        pid = process.pid
        async with aiohttp.ClientSession() as session, session.get(f"{process.http_url}/fapi/v1/time") as response:
            assert (await response.json())["serverTime"] > 1_700_000_000_000
    assert not alive(pid)


async def test_the_child_ends_when_its_parent_is_killed() -> None:
    parent = (
        "import asyncio\n"
        "from orderfox_nb.sim.process import SimProcess\n"
        "async def main():\n"
        "    async with SimProcess(['--symbols', '1']) as process:\n"
        "        print(process.pid, flush=True)\n"
        "        await asyncio.Event().wait()\n"
        "asyncio.run(main())\n"
    )
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", parent, stdout=subprocess.PIPE)
    assert process.stdout is not None
    child = int(await asyncio.wait_for(process.stdout.readline(), 60))
    process.send_signal(signal.SIGKILL)
    await process.wait()
    await gone(child)


async def test_a_child_that_cannot_start_reports_the_reason() -> None:
    with pytest.raises(VenueUnreachable, match="nowhere"):
        async with SimProcess(["--tape", "/nowhere/to/be/found"]):
            pass


@pytest.mark.parametrize("option", ["--port=٨", "--seed=1_0", "--start=１", "--symbols=３", "--speed=٢"])
def test_digits_of_other_scripts_are_no_number(option: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as refused:
        main([option])
    assert refused.value.code == 2
    assert option.partition("=")[2] in capsys.readouterr().err


async def test_a_wrong_option_is_one_line_and_exit_code_2() -> None:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "orderfox_nb.sim", "--speed", "max", stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    _, problem = await asyncio.wait_for(process.communicate(), 60)
    assert process.returncode == 2
    assert problem.decode().strip() == "orderfox sim: --speed max is for a tape"
