"""Numbers and their spread: how many digits are written, and on which side of 1 a ratio is."""

import pytest

from mnistbook.kit.spread import Spread, listed


@pytest.mark.parametrize(
    ("values", "written"),
    [
        ((1.40, 1.44, 1.46), "1.44 (1.40 to 1.46)"),
        ((1.2, 1.44, 1.7), "1.4 (1.2 to 1.7)"),
        ((3.1, 4.5, 7.9), "4 (3 to 8)"),
        ((1.4441, 1.4442, 1.4443), "1.44 (1.44 to 1.44)"),
        ((2.0, 2.0, 2.0), "2.00 (2.00 to 2.00)"),
    ],
)
def test_the_first_digit_of_the_spread_is_the_last_that_is_written(values, written):
    assert Spread(*values).text == written


@pytest.mark.parametrize(
    ("values", "side"), [((0.7, 0.8, 0.9), -1), ((0.9, 0.98, 1.1), 0), ((0.981, 0.995, 0.999), 0), ((1.1, 1.2, 1.3), 1)]
)
def test_a_ratio_is_on_a_side_if_its_quartiles_are(values, side):
    assert Spread(*values).side == side


def test_words_are_listed():
    assert listed([32]) == "32" and listed([32, 64]) == "32 and 64" and listed("abc") == "a, b and c"
