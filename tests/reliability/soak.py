"""Faults at random, hundreds of them, and then equality for every topic."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random
from typing import Any, Final

from tests.reliability.faults import REST
from tests.reliability.rig import CHANNELS, Rig, all_topics, live, open_rig
from tests.reliability.truth import differences

_HEALED_WITHIN_S: Final = 240.0
_STAYS_S: Final = 60.0
"""What the history and the stream say differently of an order shows only with the next comparison."""

_EVERY_S: Final = 0.6
_LIQUIDATION_RATE: Final = 100.0


@dataclass
class Outcome:
    """What a soak has seen.

    Args:
        faults: How many of each kind were asked for.
        venue_s: How long it lasted by the venue's clock.
        healed_s: How long after the last fault every topic was live and equal.
        states: Time in seconds of lapses by state, summed over topics.
        statistics: Of the feed.
    """

    faults: Counter[str] = field(default_factory=Counter)
    venue_s: float = 0.0
    healed_s: float = 0.0
    states: Counter[str] = field(default_factory=Counter)
    statistics: dict[str, Any] = field(default_factory=dict)


def _streams(rig: Rig) -> list[str]:
    return [stream for topic in all_topics(rig, symbols(rig)) if (stream := rig.stream(topic.channel, topic.symbol))]


def symbols(rig: Rig) -> list[str]:
    return [listing.symbol for listing in rig.exchange.listings]


def _draw(rig: Rig, random: Random) -> tuple[str, Callable[[], Any]]:
    """Choose a fault: often what is frequent on a bad day, seldom what heals slowly."""
    stream = random.choice(_streams(rig))
    # Frames of liquidations are rare: a fault of many would leave all of them to the history.
    most = 2 if stream.endswith("@forceOrder") else 200
    path = random.choice(list(REST.values()))
    choices: list[tuple[int, str, dict[str, Any]]] = [
        (14, "drop", {"stream": stream, "count": min(most, random.randint(1, 30))}),
        (12, "duplicate", {"stream": stream, "count": min(most, random.randint(1, 5))}),
        (12, "reorder", {"stream": stream, "count": random.randint(1, 3)}),
        (10, "malformed", {"stream": stream, "count": random.randint(1, 3)}),
        (8, "freeze", {"stream": stream, "count": min(most, random.randint(5, 200))}),
        (6, "delay", {"stream": stream, "seconds": random.uniform(0.1, 6.0)}),
        (6, "cut", {"stream": stream}),
        (2, "half_open", {"stream": stream}),
        (4, "stale_snapshot", {"count": random.randint(1, 3)}),
        (5, "status", {"path": path, "status": 503, "count": random.randint(1, 3)}),
        (2, "status", {"path": path, "status": 429, "seconds": random.randint(1, 5)}),
        (1, "status", {"path": path, "status": 418, "seconds": random.randint(1, 10)}),
        (1, "status", {"path": path, "status": 451}),
        (2, "status", {"path": random.choice(("/public", "/market")), "status": 502}),
        (4, "malformed", {"path": path}),
        (3, "delay", {"path": path, "seconds": random.uniform(0.5, 15.0)}),
        (1, "clock_jump", {"seconds": random.choice((-7, -3, 3, 7))}),
    ]
    _, kind, options = random.choices(choices, [weight for weight, _, _ in choices])[0]
    name = f"{kind} {options['status']}" if kind == "status" else f"REST {kind}" if "path" in options else kind
    return name, lambda: rig.add_fault(kind, **options)


async def soak(faults: int, *, seed: int, count_symbols: int = 2) -> Outcome:
    """Let faults strike, one after another, then wait until every topic is live and equal to the truth, and stays so.

    Raises:
        AssertionError: A topic did not become equal, or did not stay so.
    """
    random = Random(seed)
    outcome = Outcome()
    async with open_rig(seed=seed, symbols=count_symbols, liquidation_rate=_LIQUIDATION_RATE) as rig:
        states = await rig.open(*all_topics(rig, symbols(rig)))
        assert len(states) == len(CHANNELS) * count_symbols
        start_us = rig.clock.now_us()
        for _ in range(faults):
            name, strike = _draw(rig, random)
            outcome.faults[name] += 1
            strike()
            await rig.run(round(random.uniform(0.5, 1.5) * _EVERY_S, 1))
        rig.server.faults.clear()
        over_us = rig.clock.now_us()
        await rig.run(round(-(over_us % 1_000_000) / 1e6 % 1, 2))

        def wrong() -> dict[str, Any]:
            return {
                str(state.topic): (state.quality.wire().state, state.quality.reason, found)
                for state in states
                if (found := differences(rig, state)) or not live(state)
            }

        while wrong():
            passed_s = (rig.clock.now_us() - over_us) / 1e6
            assert passed_s < _HEALED_WITHIN_S, f"seed {seed}: {wrong()}"
            await rig.run(1.0)
        outcome.healed_s = (rig.clock.now_us() - over_us) / 1e6
        outcome.venue_s = (rig.clock.now_us() - start_us) / 1e6
        await rig.run(_STAYS_S)
        assert not wrong(), f"seed {seed}, a minute later: {wrong()}"
        for state in states:
            for lapse in state.quality.intervals():
                outcome.states[lapse.state] += (lapse.end_us - lapse.start_us) / 1e6  # type: ignore[assignment]
        outcome.statistics = dict(rig.feed.statistics())
    return outcome
