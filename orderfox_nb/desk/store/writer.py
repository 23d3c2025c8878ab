"""The one writer of a database: what comes while a transaction is committed is written together in the next one."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from types import TracebackType
from typing import Any, Final, Self, TypeAlias, TypeVar

import msgspec
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from orderfox_nb.errors import DatabaseUnavailable

Answer = TypeVar("Answer")
Work: TypeAlias = Callable[[AsyncConnection], Awaitable[Answer]]

MAX_WAITING: Final = 1_000
MAX_BATCH: Final = 200
BATCH_S: Final = 20.0
"""A transaction that takes longer has failed."""
CLOSE_S: Final = 0.7
"""Longest time to write what is left when the store closes."""


class _Job(msgspec.Struct):
    work: Work[Any]
    done: asyncio.Future[Any]


class DatabaseWriter:
    """Runs pieces of work one after the other, as many as wait in one transaction, each in a savepoint of its own.

    Args:
        engine: Engine whose connections begin with the right to write.
        max_waiting: How much work may wait.
    """

    def __init__(self, engine: AsyncEngine, *, max_waiting: int = MAX_WAITING) -> None:
        self._engine = engine
        self._queue: asyncio.Queue[_Job | None] = asyncio.Queue(max_waiting + 1)
        self._max_waiting = max_waiting
        self._task: asyncio.Task[None] | None = None
        self._closing = False
        self.batches = 0
        """Transactions that were committed."""

    async def __aenter__(self) -> Self:
        self._task = asyncio.create_task(self._run(), name="orderfox store writer")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._task is not None
        self._closing = True
        self._queue.put_nowait(None)
        _, late = await asyncio.wait({self._task}, timeout=CLOSE_S)
        if late:
            self._task.cancel()
            await asyncio.wait({self._task})
        while not self._queue.empty():
            if (job := self._queue.get_nowait()) is not None and not job.done.done():
                job.done.set_exception(DatabaseUnavailable("the server is shutting down"))

    def submit(self, work: Work[Answer]) -> asyncio.Future[Answer]:
        """Have work done; the result is there once it is committed.

        Raises:
            DatabaseUnavailable: Too much waits, or the server stops.
        """
        if self._closing:
            raise DatabaseUnavailable("the server is shutting down")
        if self._queue.qsize() >= self._max_waiting:
            raise DatabaseUnavailable("too many writes are waiting, try again")
        done: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self._queue.put_nowait(_Job(work, done))
        return done

    async def _run(self) -> None:
        while (first := await self._queue.get()) is not None:
            jobs = [first]
            last = False
            while len(jobs) < MAX_BATCH and not self._queue.empty():
                job = self._queue.get_nowait()
                if job is None:
                    last = True
                    break
                jobs.append(job)
            await self._write(jobs)
            if last:
                return

    async def _write(self, jobs: list[_Job]) -> None:
        try:
            async with asyncio.timeout(BATCH_S), self._engine.begin() as connection:
                answers = [await self._done(job, connection) for job in jobs]
        except BaseException as error:
            for job in jobs:
                if not job.done.done():
                    cancelled = isinstance(error, asyncio.CancelledError)
                    job.done.set_exception(DatabaseUnavailable("the server is shutting down") if cancelled else error)
                    # A caller that has left does not read it.
                    job.done.exception()
            if not isinstance(error, Exception):
                raise
            return
        self.batches += 1
        for job, answer in zip(jobs, answers, strict=True):
            if job.done.done():
                continue
            if isinstance(answer, Exception):
                job.done.set_exception(answer)
                job.done.exception()
            else:
                job.done.set_result(answer)

    @staticmethod
    async def _done(job: _Job, connection: AsyncConnection) -> Any:
        """Return what a piece of work gave or raised: its savepoint is rolled back, and the others continue."""
        try:
            async with connection.begin_nested():
                return await job.work(connection)
        except Exception as error:  # noqa: BLE001  (it is its caller's)
            return error
