from __future__ import annotations

import pytest

from tests.reliability.rig import on_quiet_loop
from tests.reliability.soak import soak

pytestmark = pytest.mark.reliability


def test_after_faults_at_random_every_topic_equals_the_exchange() -> None:
    outcome = on_quiet_loop(soak(120, seed=11))
    assert outcome.faults.total() == 120
