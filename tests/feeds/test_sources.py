"""Which feed a source means."""

from __future__ import annotations

import argparse
from contextlib import aclosing
from pathlib import Path

import pytest

from orderfox_nb.cli import main
from orderfox_nb.config import load_settings
from orderfox_nb.core.events import BookSnapshot, Topic
from orderfox_nb.errors import (
    SettingError,
)
from orderfox_nb.feeds.binance.feed import BinanceFeed
from orderfox_nb.feeds.embedded import EmbeddedFeed
from orderfox_nb.feeds.remote import RemoteFeed
from orderfox_nb.feeds.sources import MAX_SYMBOLS, SOURCES, open_feed, open_feeds, parse_source
from orderfox_nb.feeds.venues import VENUES, protocol_of
from orderfox_nb.sim import command
from orderfox_nb.sim.listings import LARGEST
from tests.feeds.conftest import next_of

pytestmark = pytest.mark.feeds


def test_each_source_is_the_feed_of_its_kind() -> None:
    settings = load_settings()
    assert isinstance(open_feed("sim?seed=3&symbols=2", settings), EmbeddedFeed)
    assert isinstance(open_feed("binance", settings), BinanceFeed)
    assert isinstance(open_feed("http://127.0.0.1:8000", settings), RemoteFeed)
    assert open_feed("sim", settings).origin.simulated
    assert not open_feed("binance", settings).origin.simulated


@pytest.mark.parametrize(
    "source",
    [
        "ccxt:okex",
        "ccxt:",
        "ccxt:okx?type=option",
        "ccxt:kraken?type=swap",
        "replay:file",
        "tape:/no/such/file",
        "tape:~nosuchuser/x",
        "tape:" + "x" * 5_000,
        "tape:/no/such\0file",
        "sim?symbols=0",
        "sim?symbols=1000",
        "sim?speed=max",
        "sim?speed=0",
        "sim?speed=٢",
        "sim?symbols=３",
        "sim?seed=1_0",
        "sim?seed=x",
        "sim?symbol=4",
        "sim?symbol=",
        "sim?seed=",
        "sim?seed=1&seed=2",
        "sim?protocol=bybit&market=spot",
        "sim?name=B",
        "sim?name=spot",
        "sim?name=",
        "sim?spread_bp=1001",
        "sim?spread_bp=--3",
        "sim?spread_bp=+3",
        "sim?lag_ms=5001",
        "sim?lag_ms=-1",
        "sim?liquidation_rate=0",
        "sim?liquidation_rate=max",
        "tape:/no/such/file?symbols=3",
        "binance?speed=2",
        "nonsense",
    ],
)
def test_a_source_that_cannot_be_used_names_its_variable(source: str) -> None:
    with pytest.raises(SettingError) as refused:
        open_feed(source, load_settings())
    assert refused.value.variable == "ORDERFOX_SOURCE"
    assert "\n" not in str(refused.value)
    assert len(str(refused.value)) < 400


@pytest.mark.parametrize("source", ["https://me:secret@host/x", "http://host/?token=secret", "http://host#secret"])
def test_an_address_with_a_secret_is_refused_and_not_shown(source: str) -> None:
    """Where data are from is said to everybody who sees them."""
    with pytest.raises(SettingError, match="ORDERFOX_SOURCE_TOKEN is the token for that server") as refused:
        open_feed(source, load_settings())
    assert "secret" not in str(refused.value)


@pytest.mark.parametrize(
    ("text", "target", "speed"),
    [
        ("recording:/a?b", "/a?b", 1.0),
        ("recording:/what?/a?speed=5", "/what?/a", 5.0),
        ("recording:/x?y=1/a?speed=5", "/x?y=1/a", 5.0),
        ("tape:/a?b.gz?speed=2&liquidations=/c?d", "/a?b.gz", 2.0),
    ],
)
def test_a_file_may_have_a_question_mark_in_its_name(text: str, target: str, speed: float) -> None:
    source = parse_source(text)
    assert (source.target, source.options["speed"]) == (target, speed)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "coinbase",
            "bybit, okx, deribit, ccxt:<id>, tape:<file>, recording:<folder> or http://<server>, with ?options",
        ),
        ("Binance", "; did you mean binance?"),
        ("ccxt:krakn", "exchanges; did you mean kraken?"),
        ("ccxt:kraken?type=swap", "type: kraken has no swap markets"),
        ("binance_spot", "; did you mean binance-spot?"),
        ("http:nowhere", "or http://<server>, with ?options"),
        ("sim?symbol=4", "no symbol); did you mean symbols?"),
        ("sim?markets=spot", "(there is no markets); did you mean market?"),
        ("sim?market=options", "market: one of futures, spot"),
        ("sim?market=spot&protocol=bybit", "market=futures with protocol=bybit: only binance has the market spot"),
        ("sim?symbols=43", "symbols: from 1 to 42"),
        ("binance?speed=2", "no options (there is no speed)"),
    ],
)
def test_the_error_of_a_bad_source_offers_what_there_is(text: str, expected: str) -> None:
    with pytest.raises(SettingError) as refused:
        open_feed(text, load_settings())
    assert refused.value.expected.endswith(expected)


def test_help_and_readme_have_every_source_with_its_options(capsys: pytest.CaptureFixture[str]) -> None:
    rows = ["| source | what it is | options (default) |", "|---|---|---|"]
    for kind in SOURCES:
        options = [f"`{item.name}` ({item.default}): {item.help}, {item.expected}" for item in kind.options]
        rows.append(f"| `{kind.form}` | {kind.help} | {'<br>'.join(options) or 'none'} |")
    readme = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")
    assert "\n".join(rows) in readme
    with pytest.raises(SystemExit):
        main(["serve", "--help"])
    # Long rows are filled to the width of the terminal.
    shown = " ".join(capsys.readouterr().out.split())
    for kind in SOURCES:
        assert f" {kind.form} {kind.help}" in shown
        for option in kind.options:
            assert f" {option.name}={option.default} {option.help} ({option.expected})" in shown


def test_the_exchange_alone_has_the_options_and_defaults_of_its_source() -> None:
    sim = next(kind for kind in SOURCES if kind.name == "sim")
    parser = argparse.ArgumentParser()
    command.add_arguments(parser)
    parsed = vars(parser.parse_args([]))
    # Alone it has no neighbour from which a name would distinguish it.
    shared = [option for option in sim.options if option.name != "name"]
    assert {option.name: option.read(option.default) for option in shared}.items() <= parsed.items()
    assert MAX_SYMBOLS == LARGEST


@pytest.mark.parametrize(
    ("text", "venues"),
    [
        ("binance,bybit,ccxt:okx", ["binance", "bybit", "ccxt-okx"]),
        ("ccxt:okx?type=spot, binance,sim?name=b&lag_ms=5", ["ccxt-okx-spot", "binance", "sim-b"]),
        ("sim,ccxt:okx,ccxt:okx?type=spot", ["sim", "ccxt-okx", "ccxt-okx-spot"]),
    ],
)
def test_several_sources_are_several_venues(text: str, venues: list[str]) -> None:
    assert [feed.venue for feed in open_feeds(text, load_settings())] == venues


def test_every_venue_has_its_addresses_among_the_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    for venue in VENUES:
        assert load_settings().addresses_of(venue.NAME) == (venue.HTTP_URL, venue.WS_URL)
        assert open_feed(venue.NAME, load_settings()).venue == venue.NAME
        protocol, market = protocol_of(venue)
        assert open_feed(f"sim?protocol={protocol}&market={market}", load_settings()).origin.simulated
    monkeypatch.setenv("DERIBIT_API_BASE_URL", "https://test.deribit.com/")
    assert load_settings().addresses_of("deribit")[0] == "https://test.deribit.com"


def test_two_embedded_venues_have_names_and_pasts_of_their_own() -> None:
    settings = load_settings()
    text = "sim,sim?name=b&spread_bp=3&lag_ms=200,sim?name=c&spread_bp=-2.5,sim?market=spot&name=b"
    text += ",sim?protocol=bybit,sim?protocol=bybit&name=b"
    origins = [feed.origin for feed in open_feeds(text, settings)]
    assert [origin.venue for origin in origins] == ["sim", "sim-b", "sim-c", "sim-spot-b", "sim-bybit", "sim-bybit-b"]
    epochs = [origin.epoch for origin in origins]
    assert epochs[:3] == ["sim-7-1", "sim-7-1-3bp", "sim-7-1--2.5bp"]
    assert epochs[3:] == ["sim-7-1-spot", "sim-7-1-bybit", "sim-7-1-bybit"]
    assert open_feed("sim?lag_ms=200", settings).origin.epoch == epochs[0], "a lag does not change what happened"


@pytest.mark.parametrize(
    ("protocol", "symbols", "levels"),
    [
        ("bybit", ["BTCUSDT", "ETHUSDT"], 200),
        ("okx", ["BTC-USDT-SWAP", "ETH-USDT-SWAP"], 400),
        ("deribit", ["BTC_USDC-PERPETUAL", "ETH_USDC-PERPETUAL"], 1_000),
    ],
)
async def test_the_embedded_exchange_is_read_in_another_protocol(
    protocol: str, symbols: list[str], levels: int
) -> None:
    async with open_feed(f"sim?protocol={protocol}&symbols=2", load_settings()) as feed:
        known = feed.origin
        assert (feed.venue, known.simulated) == (f"sim-{protocol}", True)
        unbroken = protocol == "deribit"
        assert (known.unbroken_trades, known.unverified) == (unbroken, () if unbroken else ("trades",))
        assert [row.instrument.symbol for row in await feed.listings()] == symbols
        async with aclosing(feed.stream(Topic(feed.venue, symbols[0], "book"))) as stream:
            assert len((await next_of(stream, BookSnapshot)).bids) == levels
            assert feed.origin == known
