"""A venue's clock between two of its answers."""

from __future__ import annotations

import pytest

from orderfox_nb.clock import ManualClock
from orderfox_nb.feeds.venue.venue_clock import VenueClock

pytestmark = pytest.mark.feeds


def test_a_venues_clock_keeps_its_rate_over_a_jump_and_holds_still_with_its_tape() -> None:
    clock = ManualClock(0)
    steady = VenueClock(clock, speed=20)
    steady.observe(1_000_000, asked_us=0, answered_us=0)
    clock._now_us = 1_000_000
    assert steady.now_us() == 21_000_000
    steady.observe(90_000_000, asked_us=1_000_000, answered_us=1_000_000)  # a jump
    clock._now_us = 2_000_000
    assert steady.now_us() == 110_000_000
    steady.observe(90_000_000, asked_us=2_000_000, answered_us=2_000_000)  # the tape has ended
    clock._now_us = 9_000_000
    assert steady.now_us() == 90_000_000
