"""The feeds that are put through the stream contract, each with what its venue can be made to do."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import Any, Literal

from jupyter_server.auth.identity import IdentityProvider
from tornado import web
from tornado.httpserver import HTTPServer
from tornado.netutil import bind_sockets

from orderfox_nb.config import Settings, load_settings
from orderfox_nb.core.events import Event, Topic
from orderfox_nb.core.instrument import Instrument
from orderfox_nb.core.origin import Origin
from orderfox_nb.desk.desks import Desks
from orderfox_nb.desk.hub import Hub
from orderfox_nb.feeds.base import Feed, Listing
from orderfox_nb.feeds.binance.feed import BinanceFeed
from orderfox_nb.feeds.binance_spot.feed import SpotFeed
from orderfox_nb.feeds.bybit.feed import BybitFeed
from orderfox_nb.feeds.ccxt.feed import CcxtFeed
from orderfox_nb.feeds.deribit.feed import DeribitFeed
from orderfox_nb.feeds.okx.feed import OkxFeed
from orderfox_nb.feeds.remote import RemoteFeed
from orderfox_nb.feeds.replay import ReplayFeed
from orderfox_nb.feeds.venue.feed import VenueFeed
from orderfox_nb.server.routes import routes
from orderfox_nb.server.service import DeskService
from orderfox_nb.sim.exchange import Exchange
from orderfox_nb.sim.server.app import SimServer
from orderfox_nb.sim.server.protocols import ProtocolName
from tests.feeds.contract import CHANNELS, START_US, Reader, Stage


class Eager(Random):
    """Jitter that does not wait, so that a test does not."""

    def uniform(self, a: float, b: float) -> float:
        return 0.01


@asynccontextmanager
async def binance_on_the_embedded_exchange(*, market: Literal["futures", "spot"] = "futures") -> AsyncIterator[Stage]:
    """The Binance feed, or that of its spot host, on an exchange in this process whose time the test passes."""
    exchange = Exchange(seed=7, symbols=2, start_us=START_US)
    async with SimServer(exchange, manual=True, market=market) as server:
        feed = (SpotFeed if market == "spot" else BinanceFeed)(
            http_url=server.http_url,
            ws_url=server.ws_url,
            origin=Origin(source="sim", venue="sim", simulated=True),
            liquidation_url=server.liquidation_url,
            random=Eager(),
        )
        async with feed:
            listings = await feed.listings()
            instrument = next(row.instrument for row in listings if row.instrument.symbol == "BTCUSDT")

            async def pass_time() -> None:
                await server.advance(0.5)

            def lose(channel: str) -> None:
                streams = {"book": "btcusdt@depth@100ms", "trades": "btcusdt@aggTrade"}
                server.add_fault("drop", stream=streams[channel])

            yield Stage(feed, instrument, pass_time, lose, partial(_cut, server))


@asynccontextmanager
async def ccxt_on_the_embedded_exchange(
    exchange_id: str = "binanceusdm", *, liquidation_rate: float = 1.0
) -> AsyncIterator[Stage]:
    """An exchange of ccxt, as a Feed, on one in this process that speaks its protocol; the test passes its time."""
    exchange = Exchange(seed=7, symbols=2, start_us=START_US, liquidation_rate=liquidation_rate)
    protocol: ProtocolName = "okx" if exchange_id == "okx" else "bybit" if exchange_id == "bybit" else "binance"
    async with SimServer(exchange, manual=True, protocol=protocol) as server:
        urls = ccxt_urls(exchange_id, server.http_url, server.ws_url)
        async with CcxtFeed(exchange_id, simulated=True, urls=urls, paced=False, random=Eager()) as feed:
            listings = await feed.listings()
            instrument = next(row.instrument for row in listings if row.instrument.base == "BTC")

            async def pass_time() -> None:
                await server.advance(0.5)

            def lose(channel: str) -> None:
                server.add_fault("drop", stream=_STREAMS[exchange_id][channel])

            yield Stage(feed, instrument, pass_time, lose, partial(_cut, server), forgets=True)


def _cut(server: SimServer) -> None:
    server.add_fault("cut")


_STREAMS = {
    "binanceusdm": {"book": "btcusdt@depth@100ms", "trades": "btcusdt@aggTrade"},
    "okx": {"book": "books:BTC-USDT-SWAP"},
    "bybit": {"book": "orderbook.200.BTCUSDT"},
}


def ccxt_urls(exchange_id: str, http_url: str, ws_url: str) -> dict[str, Any]:
    """Return ccxt's addresses of an exchange on another host."""
    match exchange_id:
        case "bybit":
            ws = {"public": {"linear": f"{ws_url}/v5/public/linear"}}
            return {"public": http_url, "private": http_url, "ws": {**ws, "private": {}}}
        case "okx":
            return {"rest": http_url, "ws": f"{ws_url}/ws/v5"}
        case _:
            return binance_urls(http_url, ws_url)


def binance_urls(http_url: str, ws_url: str) -> dict[str, Any]:
    """Return ccxt's addresses of Binance's USD-M futures on another host."""
    roots = {"fapiPublic": 1, "fapiPublicV2": 2, "fapiPublicV3": 3, "fapiPrivate": 1, "fapiPrivateV2": 2}
    return {
        **{name: f"{http_url}/fapi/v{version}" for name, version in roots.items()},
        "fapiData": f"{http_url}/futures/data",
        "ws": {"linear": f"{ws_url}/ws"},
    }


IMITATIONS: dict[ProtocolName, tuple[str, dict[str, str], type[VenueFeed]]] = {
    # Of Bybit and OKX a lost trade cannot be seen.
    "bybit": ("BTCUSDT", {"book": "orderbook.200.{}"}, BybitFeed),
    "okx": ("BTC-USDT-SWAP", {"book": "books:{}"}, OkxFeed),
    "deribit": ("BTC_USDC-PERPETUAL", {"book": "book.{}.100ms", "trades": "trades.{}.100ms"}, DeribitFeed),
}
"""A symbol of each, its streams of which a lost frame can be seen, and the feed."""


@asynccontextmanager
async def venue_on_its_imitation(protocol: ProtocolName) -> AsyncIterator[Stage]:
    """The feed of a venue on the embedded exchange in its protocol, whose time the test passes."""
    symbol, streams, open_ = IMITATIONS[protocol]
    exchange = Exchange(seed=7, symbols=2, start_us=START_US)
    async with SimServer(exchange, manual=True, protocol=protocol) as server:
        feed = open_(
            http_url=server.http_url,
            ws_url=server.ws_url,
            origin=Origin(source=f"sim?protocol={protocol}", venue=f"sim-{protocol}", simulated=True),
            random=Eager(),
        )
        async with feed:
            listings = await feed.listings()
            instrument = next(row.instrument for row in listings if row.instrument.symbol == symbol)

            async def pass_time() -> None:
                await server.advance(0.5)

            def lose(channel: str) -> None:
                server.add_fault("drop", stream=streams[channel].format(symbol))

            yield Stage(feed, instrument, pass_time, lose, partial(_cut, server), forgets=True)


@asynccontextmanager
async def replay_of_a_list() -> AsyncIterator[Stage]:
    """What the embedded exchange sent, kept in a list."""
    recorded = await _recorded_once()
    origin = Origin(source="replay", venue="sim", recorded=True)
    async with ReplayFeed(recorded.events, listings=recorded.listings, origin=origin) as feed:
        yield Stage(feed, recorded.instrument, ends=True)


@dataclass(frozen=True)
class _RecordedStreams:
    events: dict[Topic, list[Event]]
    listings: Sequence[Listing]
    instrument: Instrument


_recorded: list[_RecordedStreams] = []


async def _recorded_once() -> _RecordedStreams:
    if not _recorded:
        events: dict[Topic, list[Event]] = {}
        async with binance_on_the_embedded_exchange() as stage:
            for channel in CHANNELS:
                async with Reader(stage, channel) as reader:
                    await reader.until(lambda reader=reader: reader.built)
                    if channel != "liquidations":
                        before = len(reader.facts)
                        await reader.until(lambda reader=reader, before=before: len(reader.facts) > before + 4)
                events[reader.topic] = reader.events
            _recorded.append(_RecordedStreams(events, await stage.feed.listings(), stage.instrument))
    return _recorded[0]


def over_hub(
    stage: Callable[[], Any],
) -> Callable[[], Any]:
    """Put a hub over the feed of a stage."""

    @asynccontextmanager
    async def staged() -> AsyncIterator[Stage]:
        async with stage() as below, Hub(below.feed, linger_s=0) as hub:
            yield replace(below, feed=hub)

    return staged


@asynccontextmanager
async def served_desks(
    open_: Callable[[Settings], AbstractAsyncContextManager[Desks]], folder: Path
) -> AsyncIterator[str]:
    """A public server of this package on the desks that are opened; gives its URL."""
    service = DeskService(load_settings(data_dir=folder), public=True, standalone=True, open_=open_)
    app = web.Application(identity_provider=IdentityProvider(token=""), log_function=lambda _: None)
    app.add_handlers(".*$", routes("/", service, top_level=True, catch_all=True))
    listeners = bind_sockets(0, "127.0.0.1")
    server = HTTPServer(app)
    server.add_sockets(listeners)
    try:
        yield f"http://127.0.0.1:{listeners[0].getsockname()[1]}"
    finally:
        server.stop()
        await service.stop()
        await server.close_all_connections()


@asynccontextmanager
async def served_over(feed: Feed) -> AsyncIterator[str]:
    """A server of this package on a feed that is entered already; gives its URL."""

    @asynccontextmanager
    async def open_(settings: Settings) -> AsyncIterator[Desks]:
        async with Desks([feed], settings, linger_s=0) as desks:
            yield desks

    with TemporaryDirectory() as folder:
        async with served_desks(open_, Path(folder)) as url:
            yield url


@asynccontextmanager
async def remote_over_a_server() -> AsyncIterator[Stage]:
    """A server of this package on the Binance feed, read by another process's feed."""
    async with (
        binance_on_the_embedded_exchange() as below,
        served_over(below.feed) as url,
        RemoteFeed(url, random=Eager()) as feed,
    ):
        yield replace(below, feed=feed, lose=None, cut=None, own=("remote",))


STAGES: dict[str, Callable[[], Any]] = {
    "binance": binance_on_the_embedded_exchange,
    "spot": partial(binance_on_the_embedded_exchange, market="spot"),
    **{protocol: partial(venue_on_its_imitation, protocol) for protocol in IMITATIONS},
    "replay": replay_of_a_list,
    "hub over binance": over_hub(binance_on_the_embedded_exchange),
    "hub over replay": over_hub(replay_of_a_list),
    "remote": remote_over_a_server,
    "ccxt": ccxt_on_the_embedded_exchange,
}
FAULTY_STAGES = ("binance", "hub over binance", "ccxt")
