"""Project 1 from the weights that its author drew."""

from __future__ import annotations

import numpy as np
import pytest

import mnistlab as ml
from mnistbook.projects.images import Images
from mnistbook.projects.networks import AUTHORS_SEED
from mnistbook.projects.published import FIRST_LOSS
from mnistbook.projects.registry import PROJECTS


@pytest.fixture(scope="module")
def images() -> Images:
    return PROJECTS["1s"].images(AUTHORS_SEED)


def test_the_first_published_loss_comes_out_in_all_digits(images):
    project, (x, t) = PROJECTS["1s"], images.train
    outputs = project.network(AUTHORS_SEED).forward(x)
    # The last digit hangs on the order in which a processor adds.
    assert project.loss().forward(outputs, t) == pytest.approx(FIRST_LOSS, rel=1e-15)


def test_a_twin_begins_with_the_same_weights_and_another_order_of_the_same_images(images):
    first, second = (PROJECTS["1s"].network(seed) for seed in (AUTHORS_SEED, 0))
    np.testing.assert_array_equal(first.parameters, second.parameters)
    (_, ours), (_, twins) = images.train, PROJECTS["1s"].images(0).train
    assert not np.array_equal(ours, twins)
    np.testing.assert_array_equal(ours.sum(axis=0), twins.sum(axis=0))


def test_the_gradient_is_that_of_softmax_and_cross_entropy():
    z, t = np.random.default_rng(0).standard_normal((5, 10)), ml.one_hot(np.arange(5), dtype=np.float64)
    ours, plain = PROJECTS["1s"].loss(), ml.SoftmaxCrossEntropy()
    assert 0 < plain.forward(z, t) - ours.forward(z, t) < 1e-6  # log(p + 1e-8) is a little larger than log p
    np.testing.assert_array_equal(ours.backward(), plain.backward())
