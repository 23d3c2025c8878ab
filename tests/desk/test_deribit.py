"""What a desk answers of a venue that differs from the others: Deribit, on the embedded exchange in its protocol."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from orderfox_nb.config import load_settings
from orderfox_nb.desk.desks import Desks
from orderfox_nb.desk.range_answers import RangeAsked
from orderfox_nb.errors import BadValue
from tests.feeds.contract import Reader
from tests.feeds.stages import venue_on_its_imitation

pytestmark = pytest.mark.server

BTC = "BTC/USDC:USDC"


async def test_funding_that_is_paid_all_the_time_and_a_timeframe_that_there_is_not(tmp_path: Path) -> None:
    async with (
        venue_on_its_imitation("deribit") as stage,
        Desks([stage.feed], load_settings(data_dir=tmp_path), linger_s=0) as desks,
        Reader(stage, "mark") as reader,
    ):
        # The venue's time is known with its first stream.
        await reader.until(lambda: reader.built)
        desk = desks.of(None)
        funding = json.loads((await desk.range_answers.funding(BTC, RangeAsked(None, None, 3))).text)
        *paid, current = funding
        assert [row["timestamp"] - paid[0]["timestamp"] for row in paid] == [0, 3_600_000, 7_200_000]
        # The rate in force is due at no time: it has the one at which it is known.
        assert paid[-1]["timestamp"] <= current["timestamp"] < paid[-1]["timestamp"] + 3_600_000
        assert not current["paid"]
        with pytest.raises(BadValue, match="expected one that this venue has: 1m 3m"):
            await desk.answers.candles(BTC, "4h", limit=5)
