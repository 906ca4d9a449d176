"""The flat vector, prediction, and wrong architectures and inputs."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from strategies import networks

import mnistlab as ml


def small(**options) -> ml.Network:
    return ml.Network([ml.Dense(3, 4), ml.ReLU(), ml.Dense(4, 2)], **options)


@given(networks())
def test_layers_are_views_of_the_flat_vectors_in_order(network: ml.Network):
    network.parameters[...] = np.arange(network.parameters.size)
    network.gradients[...] = -np.arange(network.parameters.size)
    names = [(layer, name) for layer in network.layers for name in layer.parameter_shapes()]
    flat = [getattr(layer, name).ravel() for layer, name in names]
    np.testing.assert_array_equal(np.concatenate(flat), network.parameters)
    gradients = [getattr(layer, "d" + name).ravel() for layer, name in names]
    np.testing.assert_array_equal(np.concatenate(gradients), network.gradients)
    for layer, name in names:
        assert np.shares_memory(getattr(layer, name), network.parameters)
        assert np.shares_memory(getattr(layer, "d" + name), network.gradients)


def test_forward_is_the_formula(rng: np.random.Generator):
    network, x = small(dtype=np.float64), rng.standard_normal((5, 3))
    first, _, last = network.layers
    first.b[...], last.b[...] = rng.standard_normal(4), rng.standard_normal(2)
    expected = np.maximum(x @ first.W + first.b, 0) @ last.W + last.b
    np.testing.assert_allclose(network.forward(x), expected, rtol=1e-14)
    np.testing.assert_allclose(network.outputs(x, batch_size=2), expected, rtol=1e-12)
    np.testing.assert_array_equal(network.predict(x, batch_size=3), expected.argmax(axis=1))


def test_bind_moves_the_network_to_other_vectors():
    network = small()
    parameters, gradients = np.ones(26, np.float32), np.zeros(26, np.float32)
    network.bind(parameters, gradients)
    network.backward(network.forward(np.ones((1, 3), np.float32)))
    np.testing.assert_array_equal(network.layers[0].W, 1)
    assert (gradients != 0).all()


def test_the_seed_decides_the_weights_whatever_the_dtype():
    np.testing.assert_array_equal(small(seed=4).parameters, small(seed=4).parameters)
    assert (small(seed=4).layers[0].W != small(seed=5).layers[0].W).all()
    np.testing.assert_array_equal(
        small(seed=4, dtype=np.float64).parameters.astype(np.float32), small(seed=4).parameters
    )


def test_two_layers_of_one_shape_start_from_different_weights():
    network = ml.Network([ml.Dense(4, 4), ml.Dense(4, 4)])
    assert (network.layers[0].W != network.layers[1].W).all()


def test_probabilities_of_logits_and_of_a_softmax_layer(rng: np.random.Generator):
    x = rng.standard_normal((7, 3)).astype(np.float32)
    logits = small(seed=1)
    ended = ml.Network([ml.Dense(3, 4), ml.ReLU(), ml.Dense(4, 2), ml.Softmax()])
    ended.parameters[...] = logits.parameters
    p = logits.predict_proba(x, batch_size=2)
    np.testing.assert_allclose(p.sum(axis=1), 1, rtol=1e-6)
    np.testing.assert_allclose(p, ended.predict_proba(x), rtol=1e-6)
    np.testing.assert_array_equal(p.argmax(axis=1), logits.predict(x))
    with pytest.raises(ValueError, match=r"ends in Sigmoid\(\) gives no probabilities"):
        ml.Network([ml.Dense(3, 2), ml.Sigmoid()]).predict_proba(x)


def test_prediction_does_not_drop(rng: np.random.Generator):
    network = ml.Network([ml.Dense(3, 50), ml.Dropout(0.9), ml.Dense(50, 2)])
    x = rng.standard_normal((4, 3)).astype(np.float32)
    np.testing.assert_array_equal(network.outputs(x), network.outputs(x))
    assert (network.forward(x, rng) != network.outputs(x)).any()


def test_config_and_summary():
    network = ml.Network([ml.Dropout(0.2), ml.Dense(784, 300), ml.ReLU(), ml.Dense(300, 10, bias=False)])
    assert network.config() == [
        {"type": "Dropout", "rate": 0.2},
        {"type": "Dense", "inputs": 784, "outputs": 300, "bias": True},
        {"type": "ReLU"},
        {"type": "Dense", "inputs": 300, "outputs": 10, "bias": False},
    ]
    lines = network.summary().splitlines()
    assert [line.split()[-2:] for line in lines[2:6]] == [
        ["784", "0"],
        ["300", "235,500"],
        ["300", "0"],
        ["10", "3,000"],
    ]
    assert lines[-1].split() == ["total", "238,500"]
    assert (network.input_size, network.output_size) == (784, 10)


@pytest.mark.parametrize(
    ("layers", "error", "message"),
    [
        ([], ValueError, "at least one Dense"),
        ([ml.ReLU()], ValueError, "at least one Dense"),
        ([ml.Dense(3, 4), ml.ReLU(), ml.Dense(5, 2)], ValueError, "gives 4 numbers but Dense.* takes 5"),
        ([ml.Dense(3, 3)] * 2, ValueError, "stands in the list twice"),
        ([ml.Dense(3, 4), ml.ReLU], TypeError, r"write ReLU\(\.\.\.\)"),
        ([ml.Dense(3, 4), "relu"], TypeError, "'relu' is none"),
    ],
)
def test_wrong_architectures(layers: list, error: type[Exception], message: str):
    with pytest.raises(error, match=message):
        ml.Network(layers)


@pytest.mark.parametrize("dtype", [np.int32, np.complex128, np.float16])
def test_wrong_dtypes(dtype: type):
    with pytest.raises(TypeError, match="float32 or float64"):
        small(dtype=dtype)


BAD = np.ones((4, 3), np.float32)
BAD[2, 1] = np.nan


@pytest.mark.parametrize(
    ("x", "error", "message"),
    [
        (np.ones((4, 3), np.uint8), TypeError, "uint8, which looks like unscaled pixels.*to_vectors"),
        (np.ones((4, 3), bool), TypeError, "bool"),
        (np.ones((4, 3), complex), TypeError, "floating-point numbers, not complex128"),
        (np.array([["a", "b", "c"]]), TypeError, "floating-point numbers"),
        (np.ones(3), ValueError, r"shape \(samples, 3\), not \(3,\) \(for one sample, pass x\[None, :\]\)"),
        (np.ones((4, 28, 28)), ValueError, r"not \(4, 28, 28\) \(for images, pass mnistlab.to_vectors"),
        (np.ones((4, 5)), ValueError, "takes 3 numbers a sample, the inputs have 5"),
        (np.ones((0, 3)), ValueError, "no sample at all"),
        (BAD, ValueError, "NaN or infinity, first in sample 2"),
        (np.full((1, 3), -np.inf), ValueError, "NaN or infinity, first in sample 0"),
    ],
)
def test_wrong_inputs(x: np.ndarray, error: type[Exception], message: str):
    network = small()
    for method in (network.outputs, network.predict, network.predict_proba):
        with pytest.raises(error, match=message):
            method(x)


@pytest.mark.parametrize("batch_size", [0, -1, 2.5, True, None])
def test_wrong_batch_sizes(batch_size: object):
    with pytest.raises(ValueError, match="batch_size must be a positive integer"):
        small().predict(np.ones((2, 3)), batch_size)
