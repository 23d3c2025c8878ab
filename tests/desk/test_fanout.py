"""Frames of many keys are passed on many at a time, each to its own readers."""

from __future__ import annotations

import asyncio

import pytest

from orderfox_nb.clock import settle
from orderfox_nb.desk.fanout import _KEYS, _READERS, Fanout
from orderfox_nb.desk.frame_reader import Frame, FrameReader
from orderfox_nb.desk.keys import FrameKey
from orderfox_nb.desk.streams.registry import frame_key

pytestmark = pytest.mark.core

KEY = frame_key("sim", "BTCUSDT", "v1.trades")


class Key:
    """A key with some readers; all that happens to the keys of one log is in its order."""

    def __init__(self, name: str, log: list[str]) -> None:
        self.name = name
        self.key: FrameKey = KEY
        self.error: BaseException | None = None
        self.closed = False
        self.sequence = 0
        self.readers: set[FrameReader] = set()
        self.lookups = 0
        self._encoded = 0
        self._log = log

    def newest(self, held: int | None) -> Frame | None:
        if not self.sequence or self.sequence == held:
            return None
        self.lookups += 1
        if self._encoded != self.sequence:
            # For its first reader, as the streams of frames do.
            self._encoded = self.sequence
            self._log.append(f"encode {self.name}")
        return Frame(key=self.key, sequence=self.sequence, base=None, messages=(b"{}",))

    def read(self) -> asyncio.Task[None]:
        reader = FrameReader(self)
        self.readers.add(reader)

        def write(frame: Frame) -> bool:
            if self.name == "broken":
                raise RuntimeError("gone")
            self._log.append(f"write {self.name} {frame.sequence}")
            return True

        return asyncio.create_task(reader.deliver(write, settle))

    def compute(self, fanout: Fanout) -> None:
        self.sequence += 1
        fanout.add(self.readers)


async def test_keys_of_one_turn_are_encoded_before_the_first_is_written() -> None:
    log, fanout = list[str](), Fanout()
    keys = [Key(name, log) for name in ("one", "two")]
    tasks = [key.read() for key in keys]
    await settle()
    for key in keys:
        key.compute(fanout)
    assert log == []
    await settle()
    assert log == ["encode one", "encode two", "write one 1", "write two 1"]
    keys[0].compute(fanout)
    keys[0].compute(fanout)
    await settle()
    assert log[4:] == ["encode one", "write one 3"], "of two frames of a turn the newest"
    for task in tasks:
        task.cancel()


@pytest.mark.parametrize(("keys", "readers"), [(_KEYS, 1), (1, _READERS)])
async def test_many_are_passed_on_without_a_turn_of_the_loop(keys: int, readers: int) -> None:
    log, fanout = list[str](), Fanout()
    computed = [Key(str(name), log) for name in range(keys)]
    tasks = [key.read() for key in computed for _ in range(readers)]
    await settle()
    for key in computed:
        assert log == []
        key.compute(fanout)
    assert sum(line.startswith("write") for line in log) == keys * readers
    await settle()
    assert len(log) == keys * (1 + readers), "none twice"
    assert {key.lookups for key in computed} == {2}, "once to encode and once to write, for all readers of a key"
    for task in tasks:
        task.cancel()


async def test_reader_that_fails_or_leaves_takes_nothing_from_the_others() -> None:
    log, fanout = list[str](), Fanout()
    keys = [Key(name, log) for name in ("broken", "left", "whole")]
    broken, left, whole = [key.read() for key in keys]
    await settle()
    for key in keys:
        key.compute(fanout)
    left.cancel()
    await settle()
    assert [line for line in log if line.startswith("write")] == ["write left 1", "write whole 1"]
    with pytest.raises(RuntimeError, match="gone"):
        await broken
    for key in keys[1:]:
        key.compute(fanout)
    await settle()
    assert log[-1] == "write whole 2"
    assert "write left 2" not in log
    whole.cancel()
