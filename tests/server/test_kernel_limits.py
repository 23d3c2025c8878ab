"""Real kernels of viewers: how much of the server one viewer may use."""

from __future__ import annotations

import asyncio
import contextlib
import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
from aiohttp import ClientSession
from hypothesis import given
from hypothesis import strategies as st
from traitlets.config import Config
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosedError, InvalidStatus

from orderfox_nb.server.kernel_frames import fault_of
from orderfox_nb.server.kernel_limits import (
    BYTES_PER_S,
    MAX_MESSAGE,
    MAX_SOCKETS,
    MAX_UNSENT,
    MESSAGES_PER_S,
    STARTS_AT_ONCE,
    KernelSocketLimits,
    OfflineMessages,
    StartSlots,
)
from orderfox_nb.server.kernels import DashboardKernels
from tests.server.conftest import Child, until
from tests.server.kernel_socket import V1, message, read
from tests.server.test_dashboard import open_page
from tests.server.test_viewers import write_notebook

pytestmark = pytest.mark.server

Start = Callable[..., tuple[Child, str]]
MEMORY_MB = 400
# A text that is as large as a page asks, and a list that the kernel keeps.
GREEDY = """
from ipywidgets import IntText, Text
asked, allocated = IntText(), Text()

def grow(change):
    try:
        allocated.value = str(len(bytearray(change["new"] * 2**20)))
    except MemoryError:
        allocated.value = "no memory"

asked.observe(grow, "value")
print("asked", asked.model_id, "allocated", allocated.model_id)
"""


@pytest.fixture(scope="module")
def greedy(start_dashboard: Start, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Child, str]]:
    notebook = tmp_path_factory.mktemp("greedy") / "greedy.ipynb"
    write_notebook(notebook, GREEDY, orderfox={"kernel_per_viewer": True})
    child, address = start_dashboard(
        *("--notebook", str(notebook), "--preheat", "1", "--kernel-grace", "0"),
        ORDERFOX_KERNEL_MEMORY_MB=str(MEMORY_MB),
        ORDERFOX_MAX_CLIENT_KERNELS="2",
        ORDERFOX_TRUSTED_PROXIES="127.0.0.1",
    )
    yield child, address
    child.leave()


async def open_kernel(session: ClientSession, address: str) -> tuple[str, list[str]]:
    """Return the address of a page's kernel socket and the words that its notebook printed."""
    page, kernel = await open_page(session, address)
    found = re.search(r"(asked) (\w{32}) (allocated) (\w{32})", page)
    assert found is not None
    words = list(found.groups())
    return f"ws{address[4:]}/api/kernels/{kernel}/channels", words


def change(model: str, **state: Any) -> bytes:
    data = {"method": "update", "state": state, "buffer_paths": []}
    return message("shell", "comm_msg", {"comm_id": model, "data": data})


async def grown(socket: ClientConnection, asked: str, allocated: str, *, megabytes: int) -> str:
    """Have a greedy page's kernel allocate memory; gives what its widget says afterwards."""
    await socket.send(change(asked, value=megabytes))
    async with asyncio.timeout(60):
        while True:
            _, kind, content = read(await socket.recv())  # type: ignore[arg-type]
            if kind == "comm_msg" and content["comm_id"] == allocated and content["data"]["method"] == "update":
                return content["data"]["state"]["value"]


async def kernels_by_state(session: ClientSession, address: str) -> dict[str, int]:
    async with session.get(address + "/metrics") as response:
        found = re.findall(r'^orderfox_kernels\{state="(\w+)"\} ([\d.]+)', await response.text(), re.MULTILINE)
    return {state: int(float(count)) for state, count in found}


async def until_kernels(session: ClientSession, address: str, **states: int) -> None:
    async with asyncio.timeout(60):
        while not states.items() <= (await kernels_by_state(session, address)).items():  # noqa: ASYNC110  (another process)
            await asyncio.sleep(0.1)


def has_ended(process: psutil.Process) -> bool:
    try:
        # While one of its threads is still ending its parent cannot see yet that a process was killed.
        return process.status() == psutil.STATUS_ZOMBIE and process.num_threads() <= 1
    except psutil.NoSuchProcess:
        return True


async def closing(socket: ClientConnection) -> tuple[int, str]:
    """Read until the server closes; gives its code and reason."""
    async with asyncio.timeout(60):
        with contextlib.suppress(ConnectionClosedError):
            async for _ in socket:
                pass
        await socket.wait_closed()
    assert socket.close_code is not None
    return socket.close_code, socket.close_reason or ""


async def test_page_that_floods_its_kernel_is_closed_and_no_other(greedy: tuple[Child, str]) -> None:
    _, address = greedy
    async with ClientSession() as session:
        url, words = await open_kernel(session, address)
        async with connect(url, subprotocols=[V1], max_size=None) as bystander:  # type: ignore[list-item]
            async with connect(url, subprotocols=[V1], max_size=None) as socket:  # type: ignore[list-item]
                with contextlib.suppress(ConnectionClosedError):  # it may be closed before all is sent
                    await socket.send(b"\0" * (MAX_MESSAGE + 1))
                assert (await closing(socket))[0] == 1009
            async with connect(url, subprotocols=[V1], max_size=None) as socket:  # type: ignore[list-item]

                async def flood() -> None:
                    with contextlib.suppress(ConnectionClosedError):
                        while True:
                            await socket.send(message("shell", "kernel_info_request", {}))
                            await asyncio.sleep(0)  # sending alone never lets the loop read

                # Permits come back meanwhile: how many are needed depends on how fast this machine sends.
                flooding = asyncio.create_task(flood())
                code, reason = await closing(socket)
                await flooding
                assert (code, reason) == (1008, f"At most {MESSAGES_PER_S} messages a second to a kernel")
            await bystander.send(change(words[3], value="x"))
            await bystander.send(message("control", "kernel_info_request", {}))
            async with asyncio.timeout(60):
                while read(await bystander.recv())[1] != "kernel_info_reply":  # type: ignore[arg-type]
                    pass
            async with session.get(address + "/health") as response:
                assert response.status == 200


@pytest.mark.parametrize("sent", [b"\0" * 64, "text", message("iopub", "comm_msg", {})])
async def test_malformed_message_ends_its_socket_with_one_line(greedy: tuple[Child, str], sent: bytes | str) -> None:
    child, address = greedy
    async with ClientSession() as session:
        url, _ = await open_kernel(session, address)
        async with connect(url, subprotocols=[V1], max_size=None) as bystander:  # type: ignore[list-item]
            lines = child.text.count(" closed: ")
            async with connect(url, subprotocols=[V1], max_size=None) as socket:  # type: ignore[list-item]
                await socket.send(sent)
                code, reason = await closing(socket)
            assert (code, reason) == (1007, fault_of(sent))
            await until(lambda: child.text.count(" closed: ") == lines + 1)
            assert reason in child.text
            assert "Traceback" not in child.text
            assert "session" not in child.text, "a line for each socket"
            await bystander.send(message("control", "kernel_info_request", {}))
            async with asyncio.timeout(60):
                while read(await bystander.recv())[1] != "kernel_info_reply":  # type: ignore[arg-type]
                    pass


async def test_a_kernel_has_so_many_sockets_and_others_have_theirs(greedy: tuple[Child, str]) -> None:
    _, address = greedy
    async with ClientSession() as session:
        url, other = [(await open_kernel(session, address))[0] for _ in range(2)]
        async with contextlib.AsyncExitStack() as sockets:
            for _ in range(MAX_SOCKETS):
                await sockets.enter_async_context(connect(url, subprotocols=[V1]))  # type: ignore[list-item]
            with pytest.raises(InvalidStatus) as refused:
                await sockets.enter_async_context(connect(url, subprotocols=[V1]))  # type: ignore[list-item]
            assert refused.value.response.status_code == 429
            await sockets.enter_async_context(connect(other, subprotocols=[V1]))  # type: ignore[list-item]


@pytest.mark.skipif(sys.platform != "linux", reason="no other system bounds it")
async def test_kernel_gets_no_more_memory_than_it_may_have_and_goes_on(greedy: tuple[Child, str]) -> None:
    _, address = greedy
    async with ClientSession() as session:
        url, (_, asked, _, allocated) = await open_kernel(session, address)
        async with connect(url, subprotocols=[V1], max_size=None) as socket:  # type: ignore[list-item]
            answers = [await grown(socket, asked, allocated, megabytes=megabytes) for megabytes in (2 * MEMORY_MB, 1)]
            assert answers == ["no memory", str(2**20)]


async def test_one_address_has_so_many_kernels_and_gets_their_places_back(greedy: tuple[Child, str]) -> None:
    _, address = greedy

    async def load(client: str) -> tuple[int, str]:
        headers = {"X-Forwarded-For": client}
        async with session.get(address + "/", headers=headers) as response:
            return response.status, await response.text()

    async with ClientSession() as session:
        pages = await asyncio.gather(*(load("203.0.113.1") for _ in range(4)))
        kernels = [found[1] for _, page in pages if (found := re.search(r'"kernelId": ?"([^"]+)"', page))]
        assert sorted(status for status, _ in pages) == [200, 200, 429, 429]
        assert len(set(kernels)) == 2
        assert all("all 2 kernels that one address may have" in page for status, page in pages if status == 429)
        assert (await load("203.0.113.2"))[0] == 200, "another address is not affected"
        # Its place is free again as soon as the kernel of a closed page has ended.
        async with connect(f"ws{address[4:]}/api/kernels/{kernels[0]}/channels", subprotocols=[V1]):  # type: ignore[list-item]
            assert (await load("203.0.113.1"))[0] == 429
        async with asyncio.timeout(60):
            while (await load("203.0.113.1"))[0] != 200:  # noqa: ASYNC110  (another process signals nothing here)
                await asyncio.sleep(0.1)
        assert (await load("203.0.113.1"))[0] == 429


@pytest.mark.skipif(sys.platform != "linux", reason="no other system bounds it")
async def test_kernel_that_is_restarted_after_a_crash_has_the_same_bound(tmp_path: Path) -> None:
    config = Config({"KernelRestarter": {"time_to_dead": 0.1}})
    kernels = DashboardKernels(memory_mb=MEMORY_MB, connection_dir=str(tmp_path), config=config)
    kernel: Any = kernels.get_kernel(await kernels.start_kernel())

    async def allocate() -> str:
        client = kernel.client()
        client.start_channels()
        try:
            await client.wait_for_ready(timeout=60)
            code = f"len(bytearray({2 * MEMORY_MB} * 2**20))"
            reply = await client.execute(code, reply=True, timeout=60)
        finally:
            client.stop_channels()
        return reply["content"].get("ename", "as much as it asked for")

    try:
        assert await allocate() == "MemoryError"
        first = kernel.provisioner.pid
        psutil.Process(first).kill()
        await until(lambda: kernel.provisioner.pid not in (None, first))
        assert await allocate() == "MemoryError"
    finally:
        await kernels.shutdown_all(now=True)


async def test_kernel_that_died_while_it_was_kept_ready_is_not_handed_out(
    start_dashboard: Start, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    notebook = tmp_path / "greedy.ipynb"
    write_notebook(notebook, GREEDY, orderfox={"kernel_per_viewer": True})
    child, address = start_dashboard("--notebook", str(notebook), "--preheat", "1")
    request.addfinalizer(child.end)

    def waiting() -> list[psutil.Process]:
        found = []
        for one in child.ps.children(recursive=True):
            try:
                if "ipykernel_launcher" in " ".join(one.cmdline()):
                    found.append(one)
            except psutil.Error:
                continue
        return found

    async with ClientSession() as session:
        await until_kernels(session, address, ready=1)
        (first,) = waiting()
        first.kill()
        await until(lambda: "discarded 1 kernels that were kept ready" in child.text)
        await until_kernels(session, address, ready=1)
        # One that died a moment ago, before anything noticed, is not handed out either.
        (second,) = waiting()
        died = " ".join(second.cmdline())
        second.kill()
        await until(lambda: has_ended(second))
        page, kernel = await open_page(session, address)
        assert kernel not in died
        # Its replacement has run the notebook, and answers.
        found = re.search(r"asked (\w{32}) allocated (\w{32})", page)
        assert found is not None
        url = f"ws{address[4:]}/api/kernels/{kernel}/channels"
        async with connect(url, subprotocols=[V1], max_size=None) as socket:  # type: ignore[list-item]
            assert await grown(socket, *found.groups(), megabytes=1) == str(2**20)


async def test_many_pages_at_once_use_no_more_than_there_is_and_the_pool_fills_again(
    start_dashboard: Start, request: pytest.FixtureRequest
) -> None:
    most = 3
    child, address = start_dashboard(
        *("--kernel-per-viewer", "--preheat", "1", "--kernel-grace", "0"), ORDERFOX_MAX_KERNELS=str(most)
    )
    request.addfinalizer(child.end)
    open_kernels = set()

    async def load() -> int:
        async with session.get(address + "/") as response:
            page = await response.text()
        if (found := re.search(r'"kernelId": ?"([^"]+)"', page)) is not None:
            open_kernels.add(found[1])
        else:
            assert f"{most} pages are open already" in page
        return response.status

    async with ClientSession() as session:
        await until_kernels(session, address, ready=1)
        loads = [asyncio.create_task(load()) for _ in range(4 * most)]
        seen, answers = [], 0
        while not all(done.done() for done in loads):
            async with session.get(address + "/health") as response:
                assert response.status == 200
            answers += 1
            seen.append(await kernels_by_state(session, address))
        statuses = [done.result() for done in loads]
        assert answers > 1, "the server answers others while it makes pages"
        assert set(statuses) == {200, 503}
        assert all(states["starting"] <= STARTS_AT_ONCE for states in seen)
        assert all(states["used"] + states["ready"] <= most for states in seen)
        # Whatever was kept ready meanwhile goes to pages too, until there is nothing left.
        async with asyncio.timeout(60):
            while await load() == 200:
                pass
        await until_kernels(session, address, used=most, ready=0, starting=0)
        assert len(open_kernels) == most
        for kernel in open_kernels:
            async with connect(f"ws{address[4:]}/api/kernels/{kernel}/channels", subprotocols=[V1]):  # type: ignore[list-item]
                pass
        await until_kernels(session, address, used=0, ready=1)
        assert await load() == 200


@given(st.lists(st.tuples(st.integers(1, MAX_MESSAGE), st.floats(0, 2)), max_size=60))
def test_bytes_to_a_kernel_stay_within_their_rate(messages: list[tuple[int, float]]) -> None:
    now_s = 0.0
    limits = KernelSocketLimits(lambda: now_s)
    passed = 0
    for size, pause_s in messages:
        now_s += pause_s
        if limits.received(size):
            break
        passed += size
    assert passed <= 2 * MAX_MESSAGE + now_s * BYTES_PER_S + 1


@given(st.lists(st.integers(1, MAX_UNSENT), max_size=40))
def test_what_a_page_does_not_read_is_bounded(sizes: list[int]) -> None:
    limits = KernelSocketLimits(lambda: 0.0)
    waiting = 0
    for size in sizes:
        if limits.sending(size):
            waiting += size
    assert waiting <= MAX_UNSENT
    limits.sent(waiting)
    assert limits.sending(MAX_UNSENT)


@given(st.lists(st.lists(st.integers(0, 60), max_size=3), max_size=8))
def test_what_is_kept_for_a_page_that_is_not_connected_is_bounded(sizes: list[list[int]]) -> None:
    kept = OfflineMessages(100)
    sent = [("iopub", [bytes(size) for size in parts]) for parts in sizes]
    for one in sent:
        kept.append(one)
    assert kept == sent[: len(kept)], "what comes after one that had no room is not kept either"
    assert sum(map(sum, sizes[: len(kept)])) <= 100
    assert kept == sent or sum(map(sum, sizes[: len(kept) + 1])) > 100


async def test_turns_pass_so_many_at_a_time() -> None:
    turns = StartSlots(2, 3)
    inside, most = 0, 0
    gate = asyncio.Event()

    async def pass_through() -> None:
        nonlocal inside, most
        async with turns:
            inside += 1
            most = max(most, inside)
            await gate.wait()
            inside -= 1

    tasks = [asyncio.create_task(pass_through()) for _ in range(5)]
    await asyncio.sleep(0)
    assert turns.full
    assert inside == 2
    tasks[-1].cancel()
    await asyncio.wait([tasks[-1]])
    assert not turns.full, "who left no longer waits"
    gate.set()
    await asyncio.gather(*tasks[:-1])
    assert most == 2
    assert not turns.full
