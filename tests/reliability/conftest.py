"""Every test here runs on a loop that can tell when nothing is on its way."""

from __future__ import annotations

import asyncio

import pytest

from tests.reliability.rig import QuietLoop


class _QuietPolicy(asyncio.DefaultEventLoopPolicy):
    def new_event_loop(self) -> asyncio.AbstractEventLoop:
        return QuietLoop()


@pytest.fixture(scope="session")
def event_loop_policy() -> asyncio.AbstractEventLoopPolicy:
    return _QuietPolicy()
