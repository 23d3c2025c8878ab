"""Suggestions for a mistyped symbol, and the row heights on offer."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orderfox_nb.core.symbols import (
    canonical,
    default_rounding,
    ladder_height,
    ladder_heights,
    resolve_symbol,
    rounding_options,
    split_multiple,
    suggest,
    unified_name,
)
from orderfox_nb.errors import UnknownSymbol

pytestmark = pytest.mark.core

BY_VOLUME = [
    "BTCUSDT",
    "ETHUSDT",
    "SOLUSDT",
    "1000PEPEUSDT",
    "DOGEUSDT",
    "BTCUSDC",
    "BTCDOMUSDT",
    "ETHUSDC",
    "ETCUSDT",
    "ENSUSDT",
    "ACHUSDT",
    "1000SHIBUSDT",
]


@pytest.mark.parametrize("text", ["BTCUSDT", "btcusdt", "BTC/USDT", "btc/usdt", " BtcUsdt ", "BTC/USDT:USDT"])
def test_every_way_to_write_a_symbol_has_one_canonical_form(text: str):
    assert canonical(text) == "BTCUSDT"


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ("BTCUSD", ("BTCUSDT", "BTCUSDC")),
        ("btc", ("BTCUSDT", "BTCUSDC", "BTCDOMUSDT")),
        ("ETH/USTD", ("ETHUSDT", "ETHUSDC", "ETCUSDT")),
        ("PEPEUSDT", ("1000PEPEUSDT",)),
        ("SHIB", ("1000SHIBUSDT",)),
        ("BTCUSDTPERP", ("BTCUSDT", "BTCUSDC")),
        ("NOTHINGLIKEIT", ()),
        ("", ()),
        ("B" * 10_000, ()),
    ],
)
def test_suggestions_are_closest_first_then_by_volume(asked: str, expected: tuple[str, ...]):
    assert suggest(asked, BY_VOLUME) == expected


LISTED = [
    "ETHUSDT",
    "BTCUSDC",
    "BTCUSDT",
    "XAUUSDC",
    "XAUBUSD",
    "币安人生USDT",
    "1000PEPEUSDT",
    "USDCUSDT",
    "kBONKUSDT",
]


@pytest.mark.parametrize(
    ("text", "symbol"),
    [
        ("BTCUSDT", "BTCUSDT"),
        (" btcusdt ", "BTCUSDT"),
        ("BTC/USDT", "BTCUSDT"),
        ("btc-usdt", "BTCUSDT"),
        ("btc_usdt", "BTCUSDT"),
        ("btc usdt", "BTCUSDT"),
        ("BTC/USDT:USDT", "BTCUSDT"),
        ("BTC/USDC:USDC", "BTCUSDC"),
        ("btc", "BTCUSDT"),  # the preferred quote, though another one trades more
        ("xau", "XAUUSDC"),  # the larger one of those there are
        ("usdc", "USDCUSDT"),
        ("币安人生USDT", "币安人生USDT"),
        ("币安人生usdt", "币安人生USDT"),
        ("币安人生", "币安人生USDT"),
        ("币安人生/USDT:USDT", "币安人生USDT"),
        ("kbonkusdt", "kBONKUSDT"),
        ("KBONK", "kBONKUSDT"),
    ],
)
def test_a_symbol_is_found_in_every_form_that_people_write(text: str, symbol: str):
    assert resolve_symbol(text, LISTED) == symbol


@pytest.mark.parametrize(
    ("text", "suggestions"),
    [
        ("BTCUSD", ("BTCUSDC", "BTCUSDT")),
        ("BTC/USD:BTC", ("BTCUSDC", "BTCUSDT")),
        ("BTC/USDT:USDT-260925", ("BTCUSDT", "BTCUSDC")),  # a dated contract is not the perpetual
        ("pepe", ("1000PEPEUSDT",)),  # a thousand times the price: another contract than was asked for
        ("币安人", ("币安人生USDT",)),
        ("/", ()),
        ("", ()),
        ("B" * 10_000, ()),
    ],
)
def test_what_is_no_symbol_gets_suggestions_and_never_another_market(text: str, suggestions: tuple[str, ...]):
    with pytest.raises(UnknownSymbol) as raised:
        resolve_symbol(text, LISTED)
    assert raised.value.suggestions == suggestions


NAMED = {
    "BTC-USDT-SWAP": "BTC/USDT:USDT",
    "BTC-USD-SWAP": "BTC/USD:BTC",
    "BTC-USDT-260925": "BTC/USDT:USDT-260925",
    "ETH-USDC-SWAP": "ETH/USDC:USDC",
    "1000PEPE-USDT-SWAP": "1000PEPE/USDT:USDT",
    "XXBTZUSD": "XBT/USD",
}


@pytest.mark.parametrize(
    ("text", "symbol"),
    [
        ("BTC-USDT-SWAP", "BTC-USDT-SWAP"),
        ("btc-usdt-swap", "BTC-USDT-SWAP"),
        ("BTC/USDT:USDT", "BTC-USDT-SWAP"),
        ("btc/usdt:usdt", "BTC-USDT-SWAP"),
        ("BTC/USD:BTC", "BTC-USD-SWAP"),
        ("BTC/USDT:USDT-260925", "BTC-USDT-260925"),
        ("BTC/USDT", "BTC-USDT-SWAP"),
        ("BTCUSDT", "BTC-USDT-SWAP"),
        ("btc", "BTC-USDT-SWAP"),
        ("eth", "ETH-USDC-SWAP"),
        ("xbt", "XXBTZUSD"),
        ("1000pepe", "1000PEPE-USDT-SWAP"),
    ],
)
def test_a_unified_name_is_found_whatever_the_ids_of_the_venue(text: str, symbol: str):
    assert resolve_symbol(text, list(NAMED), list(NAMED.values())) == symbol


@pytest.mark.parametrize(
    ("text", "suggestions"),
    [
        ("PEPE/USDT:USDT", ("1000PEPE-USDT-SWAP",)),
        ("ETH/USDT:USDT", ("ETH-USDC-SWAP",)),  # settled in another currency
        ("XBT/USD:USD", ("XXBTZUSD",)),  # a spot market is no contract
    ],
)
def test_a_unified_name_never_means_another_contract(text: str, suggestions: tuple[str, ...]):
    with pytest.raises(UnknownSymbol) as raised:
        resolve_symbol(text, list(NAMED), list(NAMED.values()))
    assert set(suggestions) <= set(raised.value.suggestions)


@given(base=st.text("ABC1", min_size=1), quote=st.text("USDTC", min_size=1), settle=st.text("USDTB"))
def test_a_unified_name_means_the_market_that_has_it(base: str, quote: str, settle: str):
    name = unified_name(base, quote, settle=settle)
    assert resolve_symbol(name, ["first", "id"], ["OTHER/USDT:USDT", name]) == "id"


@pytest.mark.parametrize(
    ("base", "multiple"),
    [
        ("BTC", (1, "BTC")),
        ("1000PEPE", (1000, "PEPE")),
        ("1000000MOG", (1_000_000, "MOG")),
        ("1MBABYDOGE", (1_000_000, "BABYDOGE")),
        ("kBONK", (1000, "BONK")),
        ("1INCH", (1, "1INCH")),
        ("KAS", (1, "KAS")),
        ("币安人生", (1, "币安人生")),
    ],
)
def test_a_multiple_is_distinguished_from_its_asset(base: str, multiple: tuple[int, str]):
    assert split_multiple(base) == multiple


@given(text=st.text(max_size=50))
def test_any_text_is_a_listed_symbol_or_unknown(text: str):
    try:
        found = [resolve_symbol(text, LISTED)]
    except UnknownSymbol as error:
        found = list(error.suggestions)
    assert set(found) <= set(LISTED)


def test_equally_close_symbols_follow_their_volume():
    assert suggest("XTCUSDT", ["ETCUSDT", "BTCUSDT", "LTCUSDT", "OTCUSDT"]) == ("ETCUSDT", "BTCUSDT", "LTCUSDT")
    assert suggest("XTCUSDT", ["OTCUSDT", "LTCUSDT", "BTCUSDT"]) == ("OTCUSDT", "LTCUSDT", "BTCUSDT")


@given(asked=st.text(max_size=50))
def test_any_text_gets_at_most_three_known_suggestions(asked: str):
    found = suggest(asked, BY_VOLUME)
    assert len(found) <= 3
    assert set(found) <= set(BY_VOLUME)


@given(
    symbol=st.sampled_from(BY_VOLUME), at=st.integers(0, 20), letter=st.characters(categories=["Lu"], max_codepoint=90)
)
def test_one_wrong_letter_finds_the_symbol(symbol: str, at: int, letter: str):
    at %= len(symbol)
    assert symbol in suggest(symbol[:at] + letter + symbol[at + 1 :], BY_VOLUME)


@pytest.mark.parametrize(
    ("tick_size", "price", "options", "default"),
    [
        ("0.1", 50_000.0, "0.1 1 10 100 1000", "10"),
        ("0.01", 3_000.0, "0.01 0.1 1 10 100", "1"),
        ("0.0001", 0.5, "0.0001 0.001 0.01", "0.01"),
        ("0.1", None, "0.1 1 10 100 1000", "10"),
        ("0.0000001", None, "1E-7 0.000001 0.00001 0.0001 0.001 0.01 0.1", "0.00001"),
        ("0.25", 20.0, "0.25", "0.25"),
        ("5", 3.0, "5", "5"),
        ("0.05", 20.0, "0.05 0.5", "0.5"),
    ],
)
def test_row_heights_go_from_the_tick_to_a_tenth_of_the_price(
    tick_size: str, price: float | None, options: str, default: str
):
    found = rounding_options(Decimal(tick_size), price)
    assert [str(option) for option in found] == options.split()
    assert default_rounding(found) == Decimal(default)


@pytest.mark.parametrize(
    ("tick_size", "price", "height"),
    [
        ("0.1", 68_412.3, "20"), ("0.01", 3_187.46, "1"), ("0.01", 164.82, "0.05"), ("0.0001", 2.1873, "0.0005"),
        ("0.00000001", 0.00003012, "0.00000001"), ("0.0000001", 0.0061234, "0.000002"), ("0.001", 0.884, "0.001"),
        ("0.1", None, "10"),
    ],
)  # fmt: skip
def test_a_ladder_s_row_is_a_small_part_of_the_price_whatever_the_symbol(
    tick_size: str, price: float | None, height: str
):
    assert ladder_height(Decimal(tick_size), price) == Decimal(height)


@given(
    st.decimals("1e-9", "10", allow_nan=False, places=9).filter(bool),
    st.floats(1e-7, 1e7),
)
def test_twenty_rows_of_a_ladder_reach_a_third_to_one_percent_of_the_price(tick_size: Decimal, price: float):
    height = ladder_height(tick_size, price)
    heights = ladder_heights(tick_size, price)
    assert height in heights
    assert set(rounding_options(tick_size, price)) <= set(heights)
    assert all(one % tick_size == 0 for one in heights)
    reach = 20 * float(height) / price
    assert height == tick_size or 0.0035 < reach < 0.01
    assert reach > 0.0035 or len(heights) == 1 or float(heights[1]) * 20 / price > 0.0095
