"""When something is tried again: each delay within its bounds, and short ones again after a good time."""

from __future__ import annotations

import socket
import ssl
from itertools import islice, pairwise
from random import Random
from statistics import mean

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orderfox_nb.clock import ManualClock
from orderfox_nb.errors import RateLimited, UnknownSymbol, VenueBlocked, VenueRefused, VenueUnreachable
from orderfox_nb.feeds.retry import backoff, is_transient
from orderfox_nb.feeds.transport import ConnectionLost, network_reason
from orderfox_nb.feeds.venue.pace import CALM_S, ResyncBucket, ResyncPace
from orderfox_nb.feeds.venue.sockets import GOOD_AGE_S
from tests.reliability.rig import STEP_S, Rig, on_quiet_loop, open_rig

pytestmark = pytest.mark.feeds


def test_only_what_may_pass_by_itself_is_tried_again() -> None:
    assert is_transient(VenueUnreachable("binance", "x"))
    assert is_transient(RateLimited("binance", "x", status=429, retry_after_s=1))
    assert is_transient(ConnectionResetError())
    assert not is_transient(VenueBlocked("binance", "x", status=451))
    assert not is_transient(VenueRefused("binance", "x", status=400))
    assert not is_transient(UnknownSymbol("X"))


@given(
    st.floats(0.01, 10),
    st.floats(1, 1_000),
    st.floats(1, 4),
    st.integers(0, 2**32),
)
def test_each_delay_is_from_the_upper_half_of_a_bound_that_grows_up_to_the_maximum(
    first_s: float, times: float, factor: float, seed: int
) -> None:
    max_s = first_s * times
    bound_s = first_s
    for delay_s in islice(backoff(first_s=first_s, max_s=max_s, factor=factor, random=Random(seed)), 40):
        assert bound_s / 2 <= delay_s <= bound_s
        bound_s = min(bound_s * factor, max_s)


def test_the_bound_doubles_from_half_a_second_to_thirty() -> None:
    delays = list(islice(backoff(random=Random(3)), 2_000))
    for delay_s, bound_s in zip(delays, [0.5, 1, 2, 4, 8, 16, 30, 30], strict=False):
        assert bound_s / 2 <= delay_s <= bound_s


def test_jitter_uses_its_whole_range_evenly() -> None:
    delays = list(islice(backoff(first_s=30, random=Random(3)), 2_000))
    assert min(delays) < 15.1
    assert max(delays) > 29.9
    assert mean(delays) == pytest.approx(22.5, abs=0.3)


def test_two_clients_of_one_seed_wait_alike_and_of_two_do_not() -> None:
    one, same, other = (list(islice(backoff(random=Random(seed)), 10)) for seed in (1, 1, 2))
    assert one == same
    assert all(a != b for a, b in zip(one, other, strict=True))


async def test_a_book_that_does_not_come_to_rest_waits_longer_until_it_was_whole_for_a_while() -> None:
    clock = ManualClock()
    pace = ResyncPace(ResyncBucket(clock), clock, random=Random(5))
    assert pace.delay_s() == 0.0, "a new one"
    for bound_s in (0, 0.25, 0.5, 1, 2, 4, 8, 15, 15):
        pace.whole()
        await clock.advance(CALM_S - 1)
        assert bound_s / 2 <= pace.delay_s() <= bound_s
    await clock.advance(2 * CALM_S)
    assert 7.5 <= pace.delay_s() <= 15, "it was not whole all the while"
    pace.whole()
    await clock.advance(CALM_S + 1)
    assert pace.delay_s() == 0.0
    assert 0.125 <= pace.delay_s() <= 0.25


def test_a_socket_is_tried_again_later_and_later_and_soon_again_after_a_good_one() -> None:
    async def scene() -> None:
        async with open_rig(symbols=1) as rig:
            await rig.open(rig.topic("trades"))
            await rig.run(GOOD_AGE_S + 1)
            # One that lived for long has failed.
            bounded(await pauses(rig, refusals=6), 0.5, 1, 2, 4, 8, 16, 30)
            await rig.run(GOOD_AGE_S / 2)
            # It did not live for long: the delays go on from where they were.
            bounded(await pauses(rig, refusals=1), 30, 30)
            await rig.run(GOOD_AGE_S + 1)
            bounded(await pauses(rig, refusals=1), 0.5, 1)

    on_quiet_loop(scene())


async def pauses(rig: Rig, *, refusals: int) -> list[float]:
    """Cut the socket and refuse new ones so often; returns the pause before each attempt, of which the last is good."""
    attempts, tried_us = 0, [rig.clock.now_us()]
    before = rig.server.statistics()["faults"].get("status", 0)
    rig.add_fault("status", path="/market", status=502, count=refusals)
    rig.add_fault("cut", stream=rig.stream("trades"))
    while attempts <= refusals:
        await rig.run(STEP_S)
        counts = rig.server.statistics()
        tried = counts["faults"].get("status", 0) - before + len(counts["connections"])
        if tried > attempts:
            attempts = tried
            tried_us.append(rig.clock.now_us())
        assert rig.clock.now_us() - tried_us[-1] < 40_000_000, "it is not tried again"
    return [(after - before) / 1e6 for before, after in pairwise(tried_us)]


def bounded(pauses_s: list[float], *bounds_s: float) -> None:
    """Check pauses to be from the upper halves of their bounds, to a step of the clock."""
    assert len(pauses_s) == len(bounds_s)
    for pause_s, bound_s in zip(pauses_s, bounds_s, strict=True):
        assert bound_s / 2 - STEP_S <= pause_s <= bound_s + 2 * STEP_S, f"{pauses_s} are not within {bounds_s}"


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (ConnectionRefusedError(111, "Connect call failed ('127.0.0.1', 9)"), "connection refused"),
        (OSError(101, "Network is unreachable"), "no network"),
        (socket.gaierror(-2, "Name or service not known"), "its host name is not known"),
        (ssl.SSLCertVerificationError(1, "certificate verify failed"), "its certificate is not trusted"),
        (TimeoutError(), "no answer in time"),
        (ConnectionResetError(104, "Connection reset by peer"), "the connection was closed"),
        (OSError("Multiple exceptions: [Errno 111] …"), "the connection failed"),
        (ConnectionLost("no frame for 30 s"), "no frame for 30 s"),
    ],
)
def test_network_errors_are_words_and_no_error_numbers(error: Exception, words: str):
    assert network_reason(error) == words
