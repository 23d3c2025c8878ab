from __future__ import annotations

import asyncio
import threading

import pytest

from orderfox_nb.config import load_settings
from orderfox_nb.engine import Engine, shared_engine, source_of

pytestmark = pytest.mark.widgets


async def thread_name() -> str:
    return threading.current_thread().name


def idle_engine() -> Engine:
    return Engine(load_settings(ORDERFOX_SOURCE="sim?symbols=1", ORDERFOX_URL=""))


def test_work_runs_on_the_engines_own_thread(engine: Engine):
    assert engine.run(thread_name()) == "orderfox engine"
    assert engine.submit(thread_name()).result(5) == "orderfox engine"


def test_an_engine_that_is_not_used_starts_no_simulation():
    engine = idle_engine().start()
    assert engine.desk.statistics()["hub_topics"] == 0
    assert engine.desk.hub.topics == ()
    engine.stop()


def test_the_server_that_started_the_kernel_stands_above_the_one_that_is_named():
    own = {"ORDERFOX_SOURCE": "sim?symbols=1", "ORDERFOX_URL": "", "BACKEND_URL": ""}
    named = own | {"BACKEND_URL": "http://127.0.0.1:9/"}
    assert source_of(load_settings(**own)) == "sim?symbols=1"
    assert source_of(load_settings(**named)) == "http://127.0.0.1:9"
    assert source_of(load_settings(**named | {"ORDERFOX_URL": "http://127.0.0.1:8"})) == "http://127.0.0.1:8"


def test_a_stopped_engine_leaves_no_thread_and_starts_again():
    engine = idle_engine()
    engine.start()
    engine.stop()
    engine.stop()
    assert not engine.running
    assert "orderfox engine stopped" not in {thread.name for thread in threading.enumerate()}
    with pytest.raises(RuntimeError, match="not running"):
        engine.run(thread_name())
    assert engine.start().run(thread_name()) == "orderfox engine"
    engine.stop()


def test_the_engine_refuses_to_wait_for_itself(engine: Engine):
    async def wait_here() -> None:
        engine.run(thread_name())

    with pytest.raises(RuntimeError, match="cannot wait for itself"):
        engine.run(wait_here())


def test_abandoned_work_is_cancelled(engine: Engine):
    ended = threading.Event()

    async def endless() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    with pytest.raises(TimeoutError):
        engine.run(endless(), timeout_s=0.05)
    assert ended.wait(5)


def test_one_source_has_one_engine_in_a_process():
    settings = load_settings(ORDERFOX_SOURCE="sim?symbols=2&seed=99", ORDERFOX_URL="")
    first = shared_engine(settings)
    assert shared_engine(settings) is first
    first.stop()
    assert shared_engine(settings).running
    first.stop()


def test_the_server_that_started_the_kernel_stands_above_the_source():
    settings = load_settings(ORDERFOX_SOURCE="sim", ORDERFOX_URL="http://127.0.0.1:9/base")
    assert Engine(settings).source == "http://127.0.0.1:9/base"
