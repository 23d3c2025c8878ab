"""The log of a bot: what is repeated in a row is one line, also for a reader of deltas."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orderfox_nb.desk.bot_runs.activity import MAX_LINES, BotLog
from orderfox_nb.desk.streams.bot import _newer_lines

pytestmark = pytest.mark.core


def test_repeats_in_a_row_are_one_line_with_the_newest_text():
    log = BotLog()
    for number in range(1, 1_001):
        log.add(number * 1_000, f"Order {number} was rejected", "warning", kind="-5022")
    log.add(2_000_000, "Paused")
    log.add(3_000_000, "Order 1001 was rejected", "warning", kind="-5022")
    shown = [(line.number, line.time, line.text, line.times) for line in log.lines]
    assert shown == [
        (1, 1_000, "Order 1000 was rejected", 1_000),
        (2, 2_000, "Paused", 1),
        (3, 3_000, "Order 1001 was rejected", 1),
    ]


@given(st.lists(st.tuples(st.sampled_from("aab"), st.integers(0, 3)), max_size=40), st.integers(0, 190))
def test_a_reader_of_deltas_knows_the_lines_of_one_who_reads_them_all(said: list[tuple[str, int]], before: int):
    log = BotLog()
    for number in range(before):
        log.add(number, str(number))
    known = {line.number: line for line in log.lines}
    seen = tuple(log.lines)
    for text, readings in said:
        log.add(1, text)
        for _ in range(readings):
            new = _newer_lines(seen, tuple(log.lines))
            seen = tuple(log.lines)
            assert new is not None
            known |= {line.number: line for line in new}
            assert list(known.values())[-MAX_LINES:] == list(seen)
