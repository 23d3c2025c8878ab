"""The same at-touch orders on paper and in hftbacktest 2.4.4: on both sides, of several sizes, for every model."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from orderfox_nb.bots.paper.queues import QUEUE_NAMES, QueueModel, QueueName
from orderfox_nb.core.events import Event
from tests.bots.judge import (
    ANSWERS,
    RECORDING,
    SEEDS,
    SIZES,
    Planned,
    made_market,
    of_hftbacktest,
    of_paper,
    plan,
    recorded_market,
    recorded_plan,
)

pytestmark = pytest.mark.core

Judged = dict[str, dict[str, list[int | None]]]


@pytest.fixture(scope="module")
def answers() -> Judged:
    return json.loads(ANSWERS.read_text())


@pytest.fixture(scope="module")
def made() -> dict[str, tuple[list[Event], list[Planned]]]:
    markets = {f"seed {seed}": made_market(seed) for seed in SEEDS}
    return {name: (events, plan(events)) for name, events in markets.items()}


@pytest.fixture(scope="module")
def recorded(recordings: Path) -> tuple[list[Event], list[Planned]]:
    events = recorded_market(recordings / RECORDING)
    return events, recorded_plan(events)


def to_the_letter(name: QueueName) -> QueueModel:
    return QueueModel(name, partial=False, monotone=False)


@pytest.mark.parametrize("name", QUEUE_NAMES)
def test_every_at_touch_order_has_the_status_and_fill_time_of_hftbacktest(made, answers: Judged, name: QueueName):
    for market, (events, planned) in made.items():
        assert {order.side for order in planned} == {"buy", "sell"}
        assert {order.lots for order in planned} == set(SIZES)
        assert of_paper(events, planned, to_the_letter(name)) == answers[market][name]


def test_the_models_disagree_about_these_orders(answers: Judged):
    """Otherwise the comparison could not separate one model from another."""
    for models in answers.values():
        filled = {name: sum(at is not None for at in fills) for name, fills in models.items()}
        assert all(0 < count < len(models[name]) for name, count in filled.items())
        assert filled["risk_averse"] < filled["power2"]
        assert len({tuple(models[name]) for name in ("risk_averse", "log", "power", "power2", "power3")}) == 5


@pytest.mark.parametrize("name", QUEUE_NAMES)
def test_recorded_orders_have_the_status_and_fill_time_of_hftbacktest(recorded, answers: Judged, name: QueueName):
    events, planned = recorded
    assert of_paper(events, planned, to_the_letter(name)) == answers[RECORDING][name]


def test_an_order_that_never_moves_back_is_filled_no_later(recorded, answers: Judged):
    """The only difference in the default: within a lot of the front, hftbacktest may move an order back."""
    events, planned = recorded
    differ = 0
    for paper, judge in zip(
        of_paper(events, planned, QueueModel("power2", partial=False)), answers[RECORDING]["power2"], strict=True
    ):
        differ += paper != judge
        assert judge is None or (paper is not None and paper <= judge)
    assert 0 < differ <= len(planned) // 100


def test_the_stored_answers_are_those_of_hftbacktest(made, answers: Judged):
    pytest.importorskip(
        "hftbacktest", reason="hftbacktest 2.4.4 needs numpy below 2.3: see tests/bots/judge.py for its environment"
    )
    for market, (events, planned) in made.items():
        for name in QUEUE_NAMES:
            assert of_hftbacktest(events, planned, name, QueueModel().power) == answers[market][name]
