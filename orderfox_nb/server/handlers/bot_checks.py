# Tornado's futures have no result type.
# pyright: reportUnknownMemberType=false
"""The REST routes that look back at a bot's run: its figures as a report, and its replay."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from math import isfinite
from typing import TYPE_CHECKING, Final

import msgspec

from orderfox_nb.core.formatting import decimal_text
from orderfox_nb.desk.parameters import Parameter
from orderfox_nb.server.handlers.base import RequestRefused
from orderfox_nb.server.handlers.bots import BOT_ID, BotReadHandler
from orderfox_nb.views.bot_contract import BotParity, BotReport, BotRoundTrip, RunDifference

if TYPE_CHECKING:
    from orderfox_nb.bots.parity import ParityReport
    from orderfox_nb.bots.results.round_trips import RoundTrip
    from orderfox_nb.desk.bot_runs.replay import SavedRun
    from orderfox_nb.market.report.stored import BotResult

REPLAY_S: Final = 60.0
"""How long a replay may take."""
TURN_S: Final = 30.0
"""How long a request waits for others: one is answered at a time."""
MAX_DIFFERENCES: Final = 200
MAX_TRADES: Final = 500

FORMAT: Final = Parameter(
    name="format", default="json", choices=("json", "html"), description="json, or html for a page of its own"
)
_PAGE_POLICY: Final = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"
"""Content policy of a report as a page: it has its own style, and loads nothing."""


class BotCheckHandler(BotReadHandler):
    """A route that computes for seconds, in a thread and one at a time."""

    path = (BOT_ID,)
    client_left = False
    """Set to stop the thread, which checks it."""

    def on_connection_close(self) -> None:
        self.client_left = True
        super().on_connection_close()

    @asynccontextmanager
    async def turn(self) -> AsyncGenerator[None]:
        """Wait until no other request of this kind is answered.

        Raises:
            RequestRefused: That takes too long, or nobody waits for the answer any more.
        """
        try:
            async with asyncio.timeout(TURN_S):
                await self.service.bot_checks.acquire()
        except TimeoutError:
            raise RequestRefused(
                503, "Other reports and replays are under way: try again in a minute", retry_after_s=60
            ) from None
        try:
            if self.client_left:
                raise RequestRefused(503, "The client has disconnected")
            yield
        finally:
            self.service.bot_checks.release()


class BotReportRoute(BotCheckHandler):
    """The figures of a bot, or with format=html a self-contained page."""

    route = "bot-report"
    query = (FORMAT,)
    model = BotReport

    @property
    def content_security_policy(self) -> str:
        return _PAGE_POLICY if self.get_query_argument("format", "") == "html" else super().content_security_policy

    def write_json(self, text: bytes) -> None:
        if self.get_query_argument("format", "") != "html" or self.get_status() != 200:
            super().write_json(text)
            return
        self.set_header("Content-Type", "text/html; charset=utf-8")
        self.set_header("Cache-Control", "no-store")
        self.finish(text)

    async def answer(self, *args: str) -> bytes:
        as_page = self.value(FORMAT) == "html"
        record = await self.found(args[0])
        from orderfox_nb.market.report.page import page_html  # noqa: PLC0415  (it imports what bots are made of)
        from orderfox_nb.market.report.stored import report_of, stored_run  # noqa: PLC0415

        origin = (await self.service.desk(record.venue)).origin
        async with self.turn():
            stored = await stored_run(await self.service.store.history(), record)
            result = await asyncio.to_thread(report_of, stored, origin)
            if as_page:
                return (await asyncio.to_thread(page_html, result)).encode()
        return msgspec.json.encode(_report(record.id, result))


class BotParityRoute(BotCheckHandler):
    """The differences between a bot's last run and a replay of its recording, normally none."""

    route = "bot-parity"
    model = BotParity

    async def answer(self, *args: str) -> bytes:
        # A replay takes up to a minute of the server's processor.
        await self.check_may_write()
        record = await self.found(args[0])
        from orderfox_nb.desk.bot_runs.replay import replay_run, saved_run  # noqa: PLC0415  (it imports strategies)

        desk = await self.service.desk(record.venue)
        async with self.turn():
            run = await saved_run(await self.service.store.history(), record)
            # What is in memory belongs to the run too.
            await desk.recorder.flush()
            end_s = time.monotonic() + REPLAY_S
            found = await asyncio.to_thread(
                replay_run, run, desk.recorder.root, lambda: not self.client_left and time.monotonic() < end_s
            )
        return msgspec.json.encode(_parity(found, run))


def _parity(found: ParityReport, run: SavedRun) -> BotParity:
    shown = found.differences[:MAX_DIFFERENCES]
    times = [row.time_us for row in (*run.rows.orders, *run.rows.fills)]
    notes = ["Orders and fills of the worst-case queue model are compared, up to the last save of the bot."]
    return BotParity(
        same=found.same,
        orders=found.orders,
        fills=found.fills,
        start=run.span.start.time_us // 1_000,
        end=max(times, default=run.span.first_us) // 1_000,
        differences=[
            RunDifference(
                cause=each.cause,
                number=max(each.number, 0),
                time=each.time_us // 1_000,
                what=each.what,
                first=each.first,
                second=each.second,
            )
            for each in shown
        ],
        more=len(found.differences) - len(shown),
        notes=notes,
    )


def _report(bot_id: str, result: BotResult) -> BotReport:
    (run,) = result.runs
    low, high = result.band
    metrics: Mapping[str, float] = msgspec.structs.asdict(run.metrics)
    return BotReport(
        bot=bot_id,
        strategy=result.strategy,
        symbol=result.instrument.symbol,
        params={name: str(value) for name, value in result.parameters.items()},
        start=result.start_us // 1_000,
        end=result.end_us // 1_000,
        low=low,
        high=high,
        metrics={name: value if isfinite(value) else None for name, value in metrics.items()},
        trades=[_trade(trip, result) for trip in list(run.trips)[-MAX_TRADES:]],
        notes=result.notes,
    )


def _trade(trip: RoundTrip, result: BotResult) -> BotRoundTrip:
    instrument = result.instrument
    return BotRoundTrip(
        side=trip.side,
        opened=trip.opened_us // 1_000,
        closed=trip.closed_us // 1_000 or None,
        amount=decimal_text(instrument.exact_size(trip.lots)),
        entry=trip.entry(instrument),
        exit=trip.exit(instrument),
        fees=decimal_text(trip.fees),
        funding=decimal_text(trip.funding),
        profit=decimal_text(trip.profit),
        liquidated=trip.liquidated,
    )
