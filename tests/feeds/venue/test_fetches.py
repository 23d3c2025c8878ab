"""Requests on behalf of a stream: whatever fails is an item of its inbox, so that it never waits for nothing."""

from __future__ import annotations

import logging
from collections.abc import Sequence

import pytest

from orderfox_nb.clock import ManualClock, settle
from orderfox_nb.core.events import Event
from orderfox_nb.errors import FeedError, OrderFoxError, VenueRefused
from orderfox_nb.feeds.inbox import Inbox
from orderfox_nb.feeds.venue.fetches import Fetches
from orderfox_nb.feeds.venue.items import Failed, Fetched, Item, Overflowed

pytestmark = pytest.mark.feeds


def an_inbox() -> Inbox[Item]:
    return Inbox(10, overflow=Overflowed)


async def test_an_error_that_is_none_of_ours_is_logged_and_tried_again(caplog: pytest.LogCaptureFixture) -> None:
    clock, inbox = ManualClock(), an_inbox()
    errors = [TypeError("a list was expected"), ValueError("not enough values to unpack")]

    async def request() -> Sequence[Event]:
        if errors:
            raise errors.pop(0)
        return ()

    async with Fetches(inbox, clock, venue="okx") as fetches:
        with caplog.at_level(logging.ERROR):
            fetches.ask("newest trades", request)
            for name in ("TypeError", "ValueError"):
                await settle()
                failed = inbox.get_nowait()
                assert isinstance(failed, Failed)
                assert (failed.request, failed.final, type(failed.error)) == ("newest trades", False, FeedError)
                assert str(failed.error) == f"okx: an answer could not be handled ({name}); the log has more"
                await clock.advance(30)
        await settle()
        assert inbox.get_nowait() == Fetched("newest trades", ())
    assert "a list was expected" in caplog.text


@pytest.mark.parametrize(
    ("error", "attempts"), [(KeyError("list"), 1), (VenueRefused("okx", "no such period", status=400), None)]
)
async def test_the_last_attempt_and_a_refusal_are_final(error: Exception, attempts: int | None) -> None:
    inbox = an_inbox()

    async def request() -> Sequence[Event]:
        raise error

    async with Fetches(inbox, ManualClock(), venue="okx") as fetches:
        fetches.ask("present value", request, attempts=attempts)
        await settle()
        failed = inbox.get_nowait()
        assert isinstance(failed, Failed)
        assert failed.final
        assert isinstance(failed.error, OrderFoxError)
        assert not fetches.pending("present value")
