from __future__ import annotations

from decimal import Decimal

import hypothesis.strategies as st
from hypothesis import example, given

from orderfox_nb.core.formatting import format_volume
from orderfox_nb.core.number_columns import decimals, sums

DIGITS = st.integers(0, 10)
UNITS = st.lists(st.one_of(st.integers(0, 2_000), st.integers(0, 2 * 10**7), st.integers(0, 10**16)), min_size=1)
BOUNDARIES = [5, 994_995, 995_000, 998_005, 998_995, 998_999, 999_000, 999_995, 1_000_000, 1_005_000, 1_005_001]


@given(UNITS, DIGITS)
@example([*BOUNDARIES, 9_994_999, 9_995_000, 9_995_001, 9_999_999], 3)
@example([10_000_000, 10_005_000], 3)
def test_decimals_are_exact_and_have_all_digits(units: list[int], digits: int):
    texts = decimals(units, digits, most=max(units))
    assert [Decimal(text) for text in texts] == [Decimal(count).scaleb(-digits) for count in units]
    assert all(len(text.partition(".")[2]) == digits for text in texts)


@given(UNITS, DIGITS)
@example([*BOUNDARIES, 9_994_999, 9_995_000, 9_995_001, 9_999_999], 3)
@example([99_849, 99_850, 99_899, 99_900, 100_050, 100_499, 100_500, 999_999], 2)
@example([9_989, 9_990, 10_045, 10_050, 10_055, 99_999], 1)
def test_sums_are_exact_and_read_like_single_volumes(units: list[int], digits: int):
    exact, volumes = sums(units, digits, most=max(units))
    assert exact == decimals(units, digits, most=max(units))
    assert volumes == [format_volume(count / 10**digits) for count in units]


def test_sums_of_every_whole_read_like_single_volumes_around_each_boundary():
    parts = (0, 1, 4, 5, 6, 994, 995, 996, 999)
    units = [1_000 * whole + part for whole in [*range(0, 10_000, 7), *range(980, 1_020)] for part in parts]
    _, volumes = sums(units, 3, most=max(units))
    assert volumes == [format_volume(count / 1_000) for count in units]
