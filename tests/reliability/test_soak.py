from __future__ import annotations

import pytest

from tests.reliability.soak import soak

pytestmark = pytest.mark.reliability


async def test_after_faults_at_random_every_topic_equals_the_exchange() -> None:
    outcome = await soak(120, seed=11)
    assert outcome.faults.total() == 120
