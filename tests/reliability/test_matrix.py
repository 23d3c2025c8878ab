from __future__ import annotations

import pytest

from tests.reliability.faults import CASES, Case, measure
from tests.reliability.rig import on_quiet_loop

pytestmark = pytest.mark.reliability


@pytest.mark.parametrize("case", CASES, ids=str)
def test_a_fault_is_seen_and_healed_until_every_channel_equals_the_exchange(case: Case) -> None:
    on_quiet_loop(measure(case))
