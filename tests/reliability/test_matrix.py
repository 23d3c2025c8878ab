from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.reliability.cases import CASES
from tests.reliability.faults import Case, SharedRig, measure
from tests.reliability.rig import on_quiet_loop
from tests.reliability.venue_cases import VENUE_CASES

pytestmark = pytest.mark.reliability


@pytest.fixture(scope="module")
def rigs() -> Iterator[dict[str, SharedRig]]:
    opened: dict[str, SharedRig] = {}
    yield opened
    for rig in opened.values():
        rig.close()


@pytest.mark.parametrize("case", CASES, ids=str)
def test_a_fault_is_seen_and_healed_until_every_channel_equals_the_exchange(case: Case) -> None:
    on_quiet_loop(measure(case))


@pytest.mark.parametrize("case", VENUE_CASES, ids=str)
def test_a_fault_of_another_venue_is_seen_and_healed(case: Case, rigs: dict[str, SharedRig]) -> None:
    if case.market not in rigs:
        rigs[case.market] = SharedRig(case.market)
    rigs[case.market].measure(case)
