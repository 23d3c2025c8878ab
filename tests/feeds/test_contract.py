"""Every feed keeps the stream contract."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.feeds.contract import CHANNELS, SPOT_CHANNELS, FaultContract, Stage, StreamContract, check_every_stream
from tests.feeds.stages import FAULTY_STAGES, STAGES

pytestmark = pytest.mark.feeds


@pytest.fixture
async def stage(request: pytest.FixtureRequest) -> AsyncIterator[Stage]:
    async with STAGES[request.param]() as stage:
        yield stage


IMITATIONS = ("bybit", "okx", "deribit")


@pytest.mark.parametrize("stage", [name for name in STAGES if name not in ("spot", *IMITATIONS)], indirect=True)
@pytest.mark.parametrize("channel", CHANNELS)
class TestEveryStream(StreamContract):
    pass


@pytest.mark.parametrize("stage", IMITATIONS, indirect=True)
async def test_every_stream_of_an_imitation_keeps_the_contract(stage: Stage) -> None:
    await check_every_stream(stage)


@pytest.mark.parametrize("stage", ["spot"], indirect=True)
@pytest.mark.parametrize("channel", SPOT_CHANNELS)
class TestEveryStreamOfSpot(StreamContract, FaultContract):
    test_loss_is_repaired_or_reported_and_never_silent = None  # type: ignore[assignment]


@pytest.mark.parametrize("stage", [*FAULTY_STAGES, "spot"], indirect=True)
@pytest.mark.parametrize("channel", ["book", "trades"])
class TestLostFrames(FaultContract):
    test_a_cut_connection_is_reported_and_heals = None  # type: ignore[assignment]


@pytest.mark.parametrize("stage", FAULTY_STAGES, indirect=True)
@pytest.mark.parametrize("channel", CHANNELS)
class TestCutConnections(FaultContract):
    test_loss_is_repaired_or_reported_and_never_silent = None  # type: ignore[assignment]


@pytest.mark.parametrize("stage", ["bybit", "okx"], indirect=True)
@pytest.mark.parametrize("channel", ["book"])
class TestFaultsOfImitations(FaultContract):
    """Of its book alone: a lost trade cannot be seen, and what a cut has lost of liquidations stays lost."""


@pytest.mark.parametrize("stage", ["deribit"], indirect=True)
@pytest.mark.parametrize("channel", ["book", "trades"])
class TestFaultsOfDeribit(FaultContract):
    """Of its trades too, whose numbers have no holes."""
