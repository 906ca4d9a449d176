"""Layers and initializers one by one: values by hand, derivatives on their own, extremes, wrong arguments."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import seeds, sizes

import mnistlab as ml

ACTIVATIONS = [ml.ReLU, ml.Sigmoid, ml.Tanh, ml.Softmax]


def test_dense_by_hand():
    layer = ml.Dense(2, 3)
    network = ml.Network([layer])
    layer.W[...] = [[1, 2, 3], [4, 5, 6]]
    layer.b[...] = [0.5, 0, -0.5]
    np.testing.assert_array_equal(layer.forward(np.float32([[1, 1], [2, -1]])), [[5.5, 7, 8.5], [-1.5, -1, -0.5]])
    network.gradients[...] = 99  # gradients are written, not added to
    dx = layer.backward(np.float32([[1, 0, 0], [0, 0, 2]]))
    np.testing.assert_array_equal(dx, [[1, 4], [6, 12]])
    np.testing.assert_array_equal(layer.dW, [[1, 0, 4], [1, 0, -2]])
    np.testing.assert_array_equal(layer.db, [1, 0, 2])


@pytest.mark.parametrize(
    ("layer", "values"),
    [
        (ml.ReLU(), [0, 0, 2]),
        (ml.Sigmoid(), [1 / (1 + np.e), 0.5, 1 / (1 + np.exp(-2.0))]),
        (ml.Tanh(), [-np.tanh(1), 0, np.tanh(2)]),
        (ml.Softmax(), np.exp([-1, 0, 2]) / (np.exp(-1) + 1 + np.exp(2))),
        (ml.Dropout(0.5), [-1, 0, 2]),
    ],
    ids=lambda value: repr(value) if isinstance(value, ml.Layer) else "",
)
def test_values(layer: ml.Layer, values: list[float]):
    np.testing.assert_allclose(layer.forward(np.array([[-1.0, 0.0, 2.0]])), [values], rtol=1e-14)


@given(st.sampled_from(ACTIVATIONS), st.integers(1, 5), sizes, seeds)
def test_each_activation_has_its_own_derivative(kind: type[ml.Layer], samples: int, size: int, seed: int):
    rng = np.random.default_rng(seed)
    layer, x = kind(), 3 * rng.standard_normal((samples, size))
    x += 1e-3 * np.sign(x)  # a ReLU has no derivative at 0
    dy = rng.standard_normal((samples, size))
    layer.forward(x)
    dx = layer.backward(dy)
    numerical = ml.numerical_gradient(lambda: float(np.sum(dy * layer.forward(x))), x)
    np.testing.assert_allclose(dx, numerical, rtol=1e-6, atol=1e-9)


@given(st.integers(1, 5), sizes, seeds)
def test_softmax_backward_is_the_product_with_its_jacobian(samples: int, size: int, seed: int):
    rng = np.random.default_rng(seed)
    layer, dp = ml.Softmax(), rng.standard_normal((samples, size))
    s = layer.forward(4 * rng.standard_normal((samples, size)))
    jacobian = layer.jacobian()
    for n in range(samples):
        by_hand = [[s[n, i] * ((i == j) - s[n, j]) for j in range(size)] for i in range(size)]
        np.testing.assert_allclose(jacobian[n], by_hand, atol=1e-15)
    np.testing.assert_allclose(layer.backward(dp), np.einsum("nij,ni->nj", jacobian, dp), atol=1e-14)


def test_relu_takes_the_subgradient_zero_at_zero():
    layer = ml.ReLU()
    layer.forward(np.array([[-1.0, -0.0, 0.0, 1e-300]]))
    np.testing.assert_array_equal(layer.backward(np.ones((1, 4))), [[0, 0, 0, 1]])


@pytest.mark.filterwarnings("error::RuntimeWarning")
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("kind", ACTIVATIONS)
def test_extreme_inputs_neither_warn_nor_overflow(kind: type[ml.Layer], dtype: type):
    layer = kind()
    y = layer.forward(np.array([[-1e4, -100, 0, 100, 1e4]], dtype))
    assert np.isfinite(y).all()
    assert y.dtype == dtype
    if kind in (ml.Sigmoid, ml.Softmax):
        assert (y[0, 0], y[0, -1]) == (0, 1)
    dx = layer.backward(np.ones_like(y))
    assert np.isfinite(dx).all()
    assert dx.dtype == dtype


def test_softmax_does_not_see_a_shift(rng: np.random.Generator):
    x = rng.standard_normal((4, 5))
    np.testing.assert_allclose(ml.Softmax().forward(x + 5000), ml.Softmax().forward(x), rtol=1e-9)


def test_dropout_keeps_the_mean_and_the_share(rng: np.random.Generator):
    layer, x = ml.Dropout(0.25), np.full((400, 500), 3, np.float32)
    y = layer.forward(x, rng)
    assert y.dtype == np.float32
    np.testing.assert_allclose(np.unique(y), [0, 4])
    # Five standard errors of a share of 0.25 among 200,000.
    assert np.mean(y == 0) == pytest.approx(0.25, abs=5 * np.sqrt(0.25 * 0.75 / y.size))
    np.testing.assert_array_equal(layer.backward(np.ones_like(x)), y / 3)


@pytest.mark.parametrize(("rate", "rng"), [(0.5, None), (0.0, np.random.default_rng(0))])
def test_dropout_is_the_identity_without_a_generator_or_a_rate(rate: float, rng: np.random.Generator | None):
    layer, x = ml.Dropout(rate), np.arange(6.0).reshape(2, 3)
    layer.forward(x, np.random.default_rng(1))  # an earlier mask is forgotten
    np.testing.assert_array_equal(layer.forward(x, rng), x)
    np.testing.assert_array_equal(layer.backward(x + 1), x + 1)


def test_forward_leaves_its_input_alone(rng: np.random.Generator):
    x = rng.standard_normal((3, 4))
    kept = x.copy()
    dense = ml.Dense(4, 4)
    ml.Network([dense], dtype=np.float64)
    for layer in (dense, ml.Dropout(0.5), *(kind() for kind in ACTIVATIONS)):
        dy = np.ones_like(layer.forward(x, rng))
        layer.backward(dy)
        np.testing.assert_array_equal(x, kept)
        np.testing.assert_array_equal(dy, 1)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: ml.Dense(0, 3), "inputs to be a positive integer, not 0"),
        (lambda: ml.Dense(3, -1), "outputs to be a positive integer, not -1"),
        (lambda: ml.Dense(3.0, 1), "inputs to be a positive integer, not 3.0"),
        (lambda: ml.Dense(3, True), "outputs to be a positive integer, not True"),
        (lambda: ml.Dropout(1.0), "at least 0 and less than 1, not 1.0"),
        (lambda: ml.Dropout(-0.1), "at least 0 and less than 1, not -0.1"),
        (lambda: ml.Dropout(float("nan")), "at least 0 and less than 1, not nan"),
    ],
)
def test_wrong_arguments(make, message: str):
    with pytest.raises(ValueError, match=message):
        make()


@pytest.mark.parametrize(
    ("initializer", "variance", "bound"),
    [
        (ml.He(), 2 / 400, None),
        (ml.LeCun(), 1 / 400, None),
        (ml.Glorot(), 6 / (400 + 200) / 3, np.sqrt(6 / (400 + 200))),
        (ml.Normal(0.3), 0.09, None),
        (ml.Uniform(-0.2, 0.4), 0.6**2 / 12, None),
    ],
    ids=repr,
)
def test_initializers_draw_from_their_distribution(initializer, variance: float, bound: float | None):
    values = initializer(np.random.default_rng(0), (400, 200))
    assert values.shape == (400, 200)
    mean = 0.1 if isinstance(initializer, ml.Uniform) else 0.0
    # Five standard errors; the kurtosis of a normal is the larger one.
    assert values.mean() == pytest.approx(mean, abs=5 * np.sqrt(variance / values.size))
    assert values.var() == pytest.approx(variance, rel=5 * np.sqrt(2 / values.size))
    if bound:
        assert 0.999 * bound < np.abs(values).max() <= bound
    if isinstance(initializer, ml.Uniform):
        assert -0.2 <= values.min() < -0.199 < 0.399 < values.max() <= 0.4


def test_biases_start_at_zero_and_the_initializer_is_used():
    layer = ml.Dense(3, 2, initializer=ml.Uniform(5, 6))
    ml.Network([layer])
    assert (layer.W >= 5).all()
    np.testing.assert_array_equal(layer.b, 0)


@pytest.mark.filterwarnings("error::RuntimeWarning")
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_sigmoid_is_exact_to_a_few_units_in_the_last_place(dtype: type):
    """On both sides, down to where the type has its smallest numbers: against 100 digits."""
    mpmath = pytest.importorskip("mpmath")
    end = {np.float32: 103, np.float64: 740}[dtype]
    x = np.array([*np.linspace(-end, end, 801), *np.linspace(-40, 40, 801), 0, -20, -17, 1e-30, -1e30, 1e30], dtype)
    y = ml.Sigmoid().forward(x)
    with mpmath.workdps(100):
        true = [1 / (1 + mpmath.exp(-mpmath.mpf(float(value)))) for value in x]
        rounded = np.array([float(value) for value in true]).astype(dtype)
        units = [abs(mpmath.mpf(float(a)) - b) / float(np.spacing(c)) for a, b, c in zip(y, true, rounded, strict=True)]
    assert max(units) < 4
    assert y.dtype == dtype
