"""Project 3's first network, and its trials, against a plain retelling of its book's rule."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

import mnistlab as ml
from mnistbook.ch11_hyperparameters import research
from mnistbook.projects import one_at_a_time
from mnistbook.projects.networks import spline_deskew, train_project
from mnistbook.projects.one_at_a_time import OneAtATime, draw_weights, ink, learn, outputs
from mnistbook.projects.registry import PROJECTS, ProjectRun

IMAGES = 60


@pytest.fixture(autouse=True)
def small_mnist(monkeypatch):
    mnist = ml.load_mnist()
    fields = ("x_train", "y_train", "x_test", "y_test")
    small = replace(mnist, **{name: getattr(mnist, name)[:IMAGES] for name in fields})
    monkeypatch.setattr(one_at_a_time, "load_mnist", lambda: small)
    caches = (one_at_a_time._plain, one_at_a_time._upright)
    for cache in caches:
        cache.cache_clear()
    yield small
    for cache in caches:
        cache.cache_clear()


def retold(weights, x, labels, rate):
    """Learn by the book, one formula a line; return how many images were right when they came up."""
    right = 0
    for image, label in zip(x, labels, strict=True):
        a = [image]
        for W in weights:
            a.append(1 / (1 + np.exp(-a[-1] @ W)))
        target = np.where(np.arange(10) == label, 0.99, 0.01)
        right += a[-1].argmax() == label
        errors = [target - a[-1]]
        for W in weights[:0:-1]:
            errors.insert(0, W @ errors[0])  # without the derivative of the sigmoid above
        for W, below, above, error in zip(weights, a[:-1], a[1:], errors, strict=True):
            W += rate * np.outer(below, error * above * (1 - above))
    return right


@pytest.mark.parametrize("hidden", [(30,), (30, 20)])
@pytest.mark.parametrize("upright", [False, True])
def test_each_step_is_that_of_the_book(small_mnist, hidden, upright):
    recipe = OneAtATime("", hidden, upright=upright)
    weights = draw_weights([784, *hidden, 10], np.random.default_rng(0))
    plain = [W.astype(np.float64) for W in weights]
    images = spline_deskew(small_mnist.x_train) if upright else small_mnist.x_train.reshape(IMAGES, 784) / 255
    order = np.random.default_rng(1).permutation(IMAGES)
    rows = ink(recipe, np.random.default_rng(0), train=True)
    right = learn(weights, rows, small_mnist.y_train, order, 0.3)
    assert right == retold(plain, (0.01 + 0.99 * images)[order], small_mnist.y_train[order], 0.3)
    for ours, theirs in zip(weights, plain, strict=True):
        np.testing.assert_allclose(ours, theirs, atol=2e-5)


def test_the_book_leaves_the_last_derivative_out(small_mnist):
    """Its rule and gradient descent go different ways, so that a test of one is none of the other."""
    W, V = (W.astype(np.float64) for W in draw_weights([784, 30, 10], np.random.default_rng(0)))
    x, label = 0.01 + 0.99 * small_mnist.x_train[:1].reshape(1, 784) / 255, small_mnist.y_train[:1]
    layers = [ml.Dense(784, 30, bias=False), ml.Sigmoid(), ml.Dense(30, 10, bias=False), ml.Sigmoid()]
    network, loss = ml.Network(layers, dtype=np.float64), ml.SquaredError()
    network.layers[0].W[...], network.layers[2].W[...] = W, V
    loss.forward(network.forward(x), np.where(np.arange(10) == label[:, None], 0.99, 0.01))
    network.backward(loss.backward())
    moved = [W.copy(), V.copy()]
    retold(moved, x, label, 1)
    np.testing.assert_allclose(moved[1] - V, -network.layers[2].dW, rtol=1e-9)
    assert np.abs((moved[0] - W) + network.layers[0].dW).max() > np.abs(network.layers[0].dW).max()


def test_first_weights_are_wider_the_narrower_a_layer_is():
    first, last = draw_weights([784, 50, 10], np.random.default_rng(0))
    assert first.std() == pytest.approx(50**-0.5, rel=0.02) and last.std() == pytest.approx(10**-0.5, rel=0.1)
    assert draw_weights([784, 50], np.random.default_rng(0), by_inputs=True)[0].std() == pytest.approx(1 / 28, rel=0.02)


def test_distorted_images_are_drawn_anew_and_paper_stays_paper(small_mnist):
    recipe, rng = research.TRIALS["elastic-36-6"], np.random.default_rng(0)
    first, second = ink(recipe, rng, train=True), ink(recipe, rng, train=True)
    assert not np.array_equal(first, second)
    assert (first == 0).mean() > 0.5 and first.max() <= np.float32(0.99)


def test_rows_say_what_the_network_answers(small_mnist):
    frame = research.train_trial(research.Trial("width-50", 0))
    recipe, rng = research.TRIALS["width-50"], np.random.default_rng(0)
    weights = draw_weights([784, 50, 10], rng)
    learn(weights, ink(recipe, rng, train=True), small_mnist.y_train, rng.permutation(IMAGES), 0.1)
    wrong = outputs(weights, ink(recipe, rng, train=False)).argmax(axis=1) != small_mnist.y_test
    assert frame["wrong"].item() == " ".join(map(str, np.flatnonzero(wrong)))
    assert frame["test_accuracy"].item() == pytest.approx(1 - wrong.mean())


def test_project_3a_is_trained_by_the_book():
    recipe = PROJECTS["3a"]
    assert recipe.upright and recipe.hidden == (800,) and not recipe.by_inputs
    frame = train_project(ProjectRun("3a", 1, epochs=2))
    assert list(frame["epoch"]) == [1, 2] and set(frame["rate"]) == {0.1}
    assert list(frame["test_accuracy"]) == list(recipe.train(1, 0.1, 2)["test_accuracy"])
