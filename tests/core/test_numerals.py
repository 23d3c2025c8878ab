from __future__ import annotations

import re
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orderfox_nb.core.numerals import decimal_number, whole_number

pytestmark = pytest.mark.core

digits = st.text(st.characters(categories=("Nd",)), min_size=1, max_size=12)


@given(st.one_of(digits, st.from_regex(r"[-+]?[\d_]{1,9}(\.\d{0,9})?([eE]-?\d{1,9})?", fullmatch=True), st.text()))
def test_a_number_has_ascii_digits_and_the_value_that_they_write(text: str):
    """``int`` and ``Decimal`` read many more."""
    assert whole_number(text) == (int(text) if re.fullmatch("-?[0-9]{1,30}", text) else None)
    value = decimal_number(text)
    if value is not None:
        assert text.isascii()
        assert "_" not in text
        assert value.is_finite()
        assert value == Decimal(text)


@pytest.mark.parametrize("text", ["10", "-1", "0.50", ".5", "5.", "1E+1", "1e-7", "9" * 40])
def test_every_ascii_form_of_a_decimal_is_read(text: str):
    assert decimal_number(text) == Decimal(text)


@pytest.mark.parametrize("text", ["", " 1", "1 ", "1\n", "nan", "inf", "1_0", "١٠", "１", "0x1", "1e1000000", "9" * 41])
def test_other_texts_are_no_decimal(text: str):
    assert decimal_number(text) is None
    assert whole_number(text) is None
