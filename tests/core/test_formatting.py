"""Every form of the public contract's numbers."""

from __future__ import annotations

from datetime import UTC
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orderfox_nb.core.formatting import (
    decimal_text,
    format_amount,
    format_amounts,
    format_iso,
    format_notional,
    format_price,
    format_prices,
    format_time,
    format_volume,
    format_volumes,
    plain,
    with_minus,
)

pytestmark = pytest.mark.core


@pytest.mark.parametrize(
    ("amount", "text"),
    [
        (12_590_000_000.0, "12.59B"),
        (456_780_000.0, "456.78M"),
        (1_000.0, "1.00K"),
        (999.99, "999.99"),
        (7.849, "7.85"),
        (0.0, "0.00"),
        (0.00000123, "1.23e-06"),
        (-2_500.0, "-2.50K"),
        (1_234_500_000_000.0, "1234.50B"),
    ],
)
def test_volume_has_two_digits_and_a_letter_from_a_thousand(amount: float, text: str):
    assert format_volume(amount) == text


@pytest.mark.parametrize(("amount", "text"), [(999.996, "1.00K"), (999_996.0, "1.00M"), (999_996_000.0, "1.00B")])
def test_what_rounds_up_to_a_thousand_gets_the_next_letter(amount: float, text: str):
    assert format_volume(amount) == text


@pytest.mark.parametrize(
    ("amount", "digits", "text"),
    [(7.849, 3, "7.849"), (0.5, 3, "0.500"), (12.0, 0, "12"), (1_234.5, 3, "1.23K"), (0.0000012, 8, "1.20e-06")],
)
def test_amount_has_the_digits_of_its_step(amount: float, digits: int, text: str):
    assert format_amount(amount, digits) == text


@pytest.mark.parametrize(
    ("price", "digits", "text"),
    [
        (49_990.0, 0, "49990"),
        (100.25, 2, "100.25"),
        (61_659.7, 1, "61659.7"),
        (0.00002, 7, "0.0000200"),
        (0.00000123, 8, "1.23e-06"),
        (0.0, 1, "0.0"),
    ],
)
def test_price_has_the_digits_of_its_tick_or_rounding(price: float, digits: int, text: str):
    assert format_price(price, digits) == text


def test_tiny_prices_that_differ_by_a_tick_stay_distinct():
    assert format_prices([12_345, 12_346], 10) == ["1.2345e-06", "1.2346e-06"]


def test_notional_is_whole_with_commas():
    assert format_notional(25_000.0) == "25,000"
    assert format_notional(1_234_567.8) == "1,234,568"


@pytest.mark.parametrize(
    ("number", "text"), [(1.2e-7, "0.00000012"), (61_659.7, "61659.7"), (5.0, "5"), (1e22, "1" + "0" * 22), (0.0, "0")]
)
def test_decimal_text_never_has_an_exponent(number: float, text: str):
    assert decimal_text(number) == text
    assert float(decimal_text(number)) == number


def test_plain_has_one_form_for_equal_numbers():
    assert {str(plain(Decimal(text))) for text in ("10", "10.0", "1E+1")} == {"10"}


def test_people_read_a_minus_sign_before_what_is_below_zero():
    others = "5, 2024-08-08T23:59:59Z, a-1, BTC-25DEC26, -x"
    assert with_minus(f"-1,204.50 to -0.00 USDT, -2.50K, -1.2e-06, {others}") == (
        f"−1,204.50 to 0.00 USDT, −2.50K, −1.2e-06, {others}"
    )


def test_times_are_utc_unless_a_zone_is_given():
    time_us = 1_723_161_599_123_456
    assert format_time(time_us) == format_time(time_us, UTC) == "23:59:59"
    assert format_time(time_us, ZoneInfo("Asia/Kolkata")) == "05:29:59"
    assert format_iso(time_us) == "2024-08-08T23:59:59.123Z"


@given(units=st.lists(st.integers(0, 10**13), max_size=20), digits=st.integers(0, 8))
def test_columns_of_sizes_are_written_like_single_sizes(units: list[int], digits: int):
    sizes = [count / 10**digits for count in units]
    assert format_amounts(units, digits) == [format_amount(size, digits) for size in sizes]
    assert format_volumes(units, digits) == [format_volume(size) for size in sizes]


@given(units=st.lists(st.integers(0, 10**12), max_size=20), digits=st.integers(0, 10))
def test_columns_of_prices_are_written_like_single_prices(units: list[int], digits: int):
    assert format_prices(units, digits) == [format_price(u / 10**digits, digits) for u in units]


def test_prices_of_ticks_are_written_exactly():
    assert format_prices(range(616_590, 616_600), 1) == [f"6165{9}.{n}" for n in range(10)]
    assert format_amounts([7_849], 3) == ["7.849"]
