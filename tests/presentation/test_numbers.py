"""Numbers as tables, figures and reports write them."""

import math

import pytest

from spikes.estimates import Estimate
from spikes.presentation.numbers import counted, estimate_text, number_text, relative_text, z_text


@pytest.mark.parametrize(
    ("mean", "sem", "text"),
    [
        (0.0051151, 0.007, "0.0051 ± 0.0070"),
        (-0.3161, 0.0642, "−0.316 ± 0.064"),
        (12345.6, 30.0, "12346 ± 30"),
        (539_400.0, 3000.0, "539400 ± 3000"),
        (2.1348e-05, 3.4e-06, "0.0000213 ± 0.0000034"),
        (2.5, math.nan, "2.5"),
        (3.127e-17, 2e-17, "0"),
        (-0.0001, 0.01, "0.000 ± 0.010"),
    ],
)
def test_digits_of_mean_and_error_match(mean, sem, text):
    assert estimate_text(Estimate(mean, sem, 8)) == text


def test_zeros_are_zeros():
    assert [number_text(x) for x in (3.127e-17, 0.0, 1e-9, math.nan, math.inf)] == ["0", "0", "1e−9", "", "∞"]


def test_no_relative_difference_above_one_half_and_no_z_of_three_seeds():
    assert [relative_text(x) for x in (0.4999, -0.0518, 0.5, math.nan)] == ["49.99 %", "−5.18 %", "", ""]
    assert [z_text(-20.8, seeds) for seeds in (3, 4)] == ["", "−20.8"]


def test_one_seed_is_no_seeds():
    assert [counted(n, "seed") for n in (0, 1, 2)] == ["0 seeds", "1 seed", "2 seeds"]


def test_error_bar_is_known_or_nothing():
    assert [Estimate(1.0, sem, 2).bar for sem in (0.25, math.nan)] == [0.25, 0.0]
