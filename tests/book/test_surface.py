"""Optimizers on a quadratic, against what theory says of them."""

import numpy as np
import pytest

import mnistlab as ml
from mnistbook.ch08_optimizers import surface


def test_gradient_descent_on_a_quadratic_is_a_geometric_sequence():
    points = surface.path(ml.SGD(0.1), np.array([1.0, 4.0]), np.array([2.0, -1.0]), 5)
    step = np.arange(6)[:, None]
    assert points == pytest.approx(np.array([2.0, -1.0]) * np.array([0.9, 0.6]) ** step)


@pytest.mark.parametrize(
    ("make", "bound"),
    [
        (lambda rate: ml.SGD(rate), 2),
        (lambda rate: ml.SGD(rate, momentum=0.5), 3),
        (lambda rate: ml.SGD(rate, momentum=0.9), 3.8),
        (lambda rate: ml.SGD(rate, momentum=0.5, nesterov=True), 1.5),
    ],
)
def test_the_largest_stable_rate_is_that_of_theory(make, bound):
    assert surface.largest_stable_rate(make) == pytest.approx(bound, rel=0.01)
