"""Losses one by one: values by hand, derivatives on their own, extremes, wrong arguments."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import seeds, sizes

import mnistlab as ml


def test_values_by_hand():
    logits, t = np.log([[0.5, 0.25, 0.25], [0.2, 0.2, 0.6]]), np.array([[1.0, 0, 0], [0, 0, 1.0]])
    expected = -(np.log(0.5) + np.log(0.6)) / 2
    assert ml.SoftmaxCrossEntropy().forward(logits, t) == pytest.approx(expected)
    assert ml.CrossEntropy().forward(np.exp(logits), t) == pytest.approx(expected)
    assert ml.SquaredError().forward(np.array([[1.0, 2], [3, 4]]), np.zeros((2, 2))) == 30 / 4


def test_label_smoothing_is_training_towards_smoothed_targets(rng: np.random.Generator):
    logits, t = rng.standard_normal((6, 4)), np.eye(4)[[0, 1, 2, 3, 3, 0]]
    smoothed, plain = ml.SoftmaxCrossEntropy(0.2), ml.SoftmaxCrossEntropy()
    assert smoothed.forward(logits, t) == pytest.approx(plain.forward(logits, 0.8 * t + 0.2 / 4))
    np.testing.assert_allclose(smoothed.backward(), plain.backward())
    np.testing.assert_array_equal(t, np.eye(4)[[0, 1, 2, 3, 3, 0]])


@given(st.sampled_from(["logits", "smoothed", "probabilities", "clipped", "squares"]), st.integers(1, 5), sizes, seeds)
def test_each_loss_has_its_own_derivative(kind: str, samples: int, size: int, seed: int):
    rng = np.random.default_rng(seed)
    outputs, t = 2 * rng.standard_normal((samples, size)), rng.dirichlet(np.ones(size), samples)
    loss = {
        "logits": ml.SoftmaxCrossEntropy(),
        "smoothed": ml.SoftmaxCrossEntropy(0.3),
        "probabilities": ml.CrossEntropy(1e-7),
        "clipped": ml.CrossEntropy(0.3),
        "squares": ml.SquaredError(),
    }[kind]
    if kind in ("probabilities", "clipped"):
        # Any positive numbers: its rule does not need rows that add to 1. None lies near the kink at 0.3.
        outputs = rng.uniform(0.05, 1, outputs.shape)
        outputs += 0.01 * np.sign(outputs - 0.3)
    value = loss.forward(outputs, t)
    assert value.shape == ()
    numerical = ml.numerical_gradient(lambda: float(loss.forward(outputs, t)), outputs)
    loss.forward(outputs, t)
    np.testing.assert_allclose(loss.backward(), numerical, rtol=1e-6, atol=1e-9)


def test_cross_entropy_is_flat_where_it_is_clipped():
    loss = ml.CrossEntropy(1e-3)
    p, t = np.array([[0.0, 1.0], [1e-4, 1 - 1e-4], [0.5, 0.5]]), np.array([[1.0, 0]] * 3)
    assert loss.forward(p, t) == pytest.approx(-(2 * np.log(1e-3) + np.log(0.5)) / 3)
    np.testing.assert_allclose(loss.backward(), [[0, 0], [0, 0], [-2 / 3, 0]])


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("label_smoothing", [0.0, 0.1])
def test_huge_logits_give_finite_numbers(dtype: type, label_smoothing: float):
    logits = np.array([[1e4, -1e4, 0], [-1e4, 1e4, 1e4]], dtype)
    loss, t = ml.SoftmaxCrossEntropy(label_smoothing), np.eye(3, dtype=dtype)[[1, 1]]
    value = loss.forward(logits, t)
    right = (2e4 + np.log(2)) / 2 if not label_smoothing else None
    assert np.isfinite(value)
    assert right is None or value == pytest.approx(right)
    dz = loss.backward()
    assert value.dtype == dz.dtype == dtype
    p = np.array([[1, 0, 0], [0, 0.5, 0.5]])
    np.testing.assert_allclose(dz, (p - (1 - label_smoothing) * t - label_smoothing / 3) / 2, atol=1e-7)


@pytest.mark.filterwarnings("error")
def test_huge_logits_through_a_softmax_layer():
    softmax, loss = ml.Softmax(), ml.CrossEntropy()
    value = loss.forward(softmax.forward(np.float32([[1e4, -1e4]])), np.float32([[0, 1]]))
    assert value == pytest.approx(-np.log(1e-7))
    np.testing.assert_array_equal(softmax.backward(loss.backward()), 0)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: ml.SoftmaxCrossEntropy(1.0), "label_smoothing must be at least 0 and less than 1, not 1.0"),
        (lambda: ml.SoftmaxCrossEntropy(-0.1), "label_smoothing .* not -0.1"),
        (lambda: ml.SoftmaxCrossEntropy(float("nan")), "label_smoothing .* not nan"),
        (lambda: ml.CrossEntropy(0), "epsilon must lie between 0 and 1, not 0"),
        (lambda: ml.CrossEntropy(1), "epsilon must lie between 0 and 1, not 1"),
    ],
)
def test_wrong_arguments(make, message: str):
    with pytest.raises(ValueError, match=message):
        make()
