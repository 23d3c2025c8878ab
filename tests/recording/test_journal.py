"""The file format: what is damaged is found, and costs nothing else."""

from __future__ import annotations

import io

import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from orderfox_nb.recording.journal import BlockHead, Damage, decode_lines, encode_block, read_heads

pytestmark = pytest.mark.core

LINES = [b"H{}", b'E0 1 5 {"a":1}', b"A1 6"]


def blocks(count: int) -> list[bytes]:
    return [
        encode_block(
            [*LINES, b"A1 %d" % number], number=number, stamp_us=1_000 + number, declares=number == 0, keys=[number]
        )
        for number in range(count)
    ]


def read(data: bytes) -> tuple[dict[int, list[bytes]], list[int]]:
    """Return the lines of every block that can be read, by its number, and the blocks that are damaged."""
    whole: dict[int, list[bytes]] = {}
    damaged: list[int] = []
    for found in read_heads(data):
        if isinstance(found, Damage):
            continue
        try:
            whole[found.number] = decode_lines(data[found.offset : found.end], found)
        except ValueError:
            damaged.append(found.number)
    return whole, damaged


def test_a_file_gives_its_blocks_back():
    data = b"".join(blocks(3))
    heads = list(read_heads(data))
    assert [
        (head.number, head.stamp_us, head.declares, head.keys) for head in heads if isinstance(head, BlockHead)
    ] == [
        (0, 1_000, True, (0,)),
        (1, 1_001, False, (1,)),
        (2, 1_002, False, (2,)),
    ]
    assert read(data)[0][1] == [*LINES, b"A1 1"]


def test_any_zstd_tool_shows_the_lines():
    with zstandard.ZstdDecompressor().stream_reader(io.BytesIO(b"".join(blocks(2))), read_across_frames=True) as reader:
        assert reader.read() == b"\n".join([*LINES, b"A1 0"]) + b"\n".join([*LINES, b"A1 1"])


@given(st.integers(0, 10_000), st.integers(0, 7))
def test_a_flipped_bit_costs_one_block_at_most(where: int, bit: int):
    parts = blocks(5)
    data = bytearray(b"".join(parts))
    at = where % len(data)
    data[at] ^= 1 << bit
    hit = next(number for number in range(5) if at < sum(map(len, parts[: number + 1])))
    whole, _ = read(bytes(data))
    assert {number: lines for number, lines in whole.items() if number != hit} == {
        number: [*LINES, b"A1 %d" % number] for number in range(5) if number != hit
    }
    # A bit of the head's magic may only hide the block; one of its lines is always found.
    assert whole.get(hit, [*LINES, b"A1 %d" % hit]) == [*LINES, b"A1 %d" % hit]


@given(st.integers(0, 10_000), st.binary(max_size=40))
def test_a_torn_end_costs_the_last_block(where: int, rubbish: bytes):
    parts = blocks(4)
    data = b"".join(parts)
    kept = where % len(data)
    whole, damaged = read(data[:kept] + rubbish)
    complete = sum(kept >= sum(map(len, parts[: number + 1])) for number in range(4))
    assert set(whole) >= set(range(complete))
    assert not damaged or damaged == [complete]
