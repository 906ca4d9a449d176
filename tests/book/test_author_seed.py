"""Project 1 from the weights that its author drew."""

from __future__ import annotations

import numpy as np
import pytest

import mnistlab as ml
from mnistbook.projects.networks import AUTHORS_SEED, Data
from mnistbook.projects.published import FIRST_LOSS
from mnistbook.projects.registry import PROJECTS


@pytest.fixture(scope="module")
def data() -> Data:
    return PROJECTS["1s"].data(AUTHORS_SEED)


def test_the_first_published_loss_comes_out_in_all_digits(data):
    project = PROJECTS["1s"]
    outputs = project.network(AUTHORS_SEED).forward(data.x_train)
    # The last digit hangs on the order in which a processor adds.
    assert project.loss().forward(outputs, data.t_train) == pytest.approx(FIRST_LOSS, rel=1e-15)


def test_a_twin_begins_with_the_same_weights_and_another_order_of_the_same_images(data):
    first, second = (PROJECTS["1s"].network(seed) for seed in (AUTHORS_SEED, 0))
    np.testing.assert_array_equal(first.parameters, second.parameters)
    twin = PROJECTS["1s"].data(0)
    assert not np.array_equal(data.t_train, twin.t_train)
    np.testing.assert_array_equal(data.t_train.sum(axis=0), twin.t_train.sum(axis=0))


def test_the_gradient_is_that_of_softmax_and_cross_entropy():
    z, t = np.random.default_rng(0).standard_normal((5, 10)), ml.one_hot(np.arange(5), dtype=np.float64)
    ours, plain = PROJECTS["1s"].loss(), ml.SoftmaxCrossEntropy()
    assert 0 < plain.forward(z, t) - ours.forward(z, t) < 1e-6  # log(p + 1e-8) is a little larger than log p
    np.testing.assert_array_equal(ours.backward(), plain.backward())
