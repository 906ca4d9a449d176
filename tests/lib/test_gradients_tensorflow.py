"""Gradients against TensorFlow's GradientTape, and optimizers against Keras's, both in float64."""

from __future__ import annotations

from collections.abc import Callable

import keras
import numpy as np
import pytest
import tensorflow as tf

import mnistlab as ml

OPERATIONS = {ml.ReLU: tf.nn.relu, ml.Sigmoid: tf.sigmoid, ml.Tanh: tf.tanh, ml.Softmax: tf.nn.softmax}


def tensorflow_forward(network: ml.Network, x: tf.Tensor) -> tuple[tf.Tensor, list[tf.Variable]]:
    """The same network in TensorFlow's operations, with the same numbers."""
    variables = []
    for layer in network.layers:
        if isinstance(layer, ml.Dense):
            variables.append(tf.Variable(layer.W))
            x = tf.matmul(x, variables[-1])
            if layer.bias:
                variables.append(tf.Variable(layer.b))
                x = x + variables[-1]
        else:
            x = OPERATIONS[type(layer)](x)
    return x, variables


def keras_cross_entropy(**options) -> Callable:
    return keras.losses.CategoricalCrossentropy(**options, dtype="float64")


def hidden(sizes: list[int], *between: type[ml.Layer], bias: bool = True) -> list[ml.Layer]:
    layers: list[ml.Layer] = []
    for inputs, outputs, activation in zip(sizes[:-1], sizes[1:], [*between, None], strict=True):
        layers.append(ml.Dense(inputs, outputs, bias))
        layers += [activation()] if activation else []
    return layers


CASES = {
    "logistic regression": (lambda: hidden([6, 4]), ml.SoftmaxCrossEntropy(), keras_cross_entropy(from_logits=True)),
    "relu": (
        lambda: hidden([6, 9, 4], ml.ReLU),
        ml.SoftmaxCrossEntropy(),
        lambda t, y: tf.reduce_mean(tf.nn.softmax_cross_entropy_with_logits(t, y)),
    ),
    "deep, without biases, label smoothing": (
        lambda: hidden([6, 9, 7, 8, 4], ml.ReLU, ml.Sigmoid, ml.Tanh, bias=False),
        ml.SoftmaxCrossEntropy(0.1),
        keras_cross_entropy(from_logits=True, label_smoothing=0.1),
    ),
    "softmax layer, cross-entropy on probabilities": (
        lambda: [*hidden([6, 9, 4], ml.Sigmoid), ml.Softmax()],
        ml.CrossEntropy(),
        keras_cross_entropy(from_logits=False),
    ),
    "softmax within, squared error": (
        lambda: [*hidden([6, 5, 8, 4], ml.Softmax, ml.Tanh), ml.Sigmoid()],
        ml.SquaredError(),
        lambda t, y: tf.reduce_sum((y - t) ** 2) / (2 * len(t)),
    ),
    "softmax layer, squared error": (
        lambda: [*hidden([6, 9, 4], ml.Tanh), ml.Softmax()],
        ml.SquaredError(),
        lambda t, y: keras.losses.MeanSquaredError(dtype="float64")(t, y) * 4 / 2,
    ),
}


@pytest.mark.parametrize("samples", [1, 32])
@pytest.mark.parametrize("name", CASES)
def test_all_gradients_equal_tensorflows(name: str, samples: int):
    make, loss, tensorflow_loss = CASES[name]
    for seed in range(5):
        rng = np.random.default_rng(seed)
        network = ml.Network(make(), dtype=np.float64)
        network.parameters[...] = rng.standard_normal(network.parameters.size)
        x, t = rng.standard_normal((samples, 6)), np.eye(4)[rng.integers(0, 4, samples)]
        value = loss.forward(network.forward(x), t)
        dx = network.backward(loss.backward(), need_dx=True)

        inputs = tf.Variable(x)
        with tf.GradientTape() as tape:
            outputs, variables = tensorflow_forward(network, inputs)
            expected = tensorflow_loss(tf.constant(t), outputs)
        *gradients, expected_dx = tape.gradient(expected, [*variables, inputs])

        tolerance = {"rtol": 1e-11, "atol": 1e-13}
        np.testing.assert_allclose(value, expected, **tolerance)
        flat = np.concatenate([np.ravel(gradient) for gradient in gradients])
        assert np.linalg.norm(flat) > 1e-3
        np.testing.assert_allclose(network.gradients, flat, **tolerance)
        np.testing.assert_allclose(dx, expected_dx, **tolerance)


# Keras keeps these numbers in float32; fractions with powers of two are the same in both.
OPTIMIZERS = {
    "plain": (ml.SGD(0.125), keras.optimizers.SGD(0.125)),
    "momentum": (ml.SGD(0.125, 0.875), keras.optimizers.SGD(0.125, momentum=0.875)),
    "nesterov": (
        ml.SGD(0.125, 0.875, nesterov=True),
        keras.optimizers.SGD(0.125, momentum=0.875, nesterov=True),
    ),
    # The two put epsilon in different places (before and after the correction of the bias): let it not matter.
    "adam": (
        ml.Adam(2**-6, 0.875, 1 - 2**-10, epsilon=1e-16),
        keras.optimizers.Adam(2**-6, 0.875, 1 - 2**-10, epsilon=1e-16),
    ),
    "adamw": (
        ml.Adam(2**-6, 0.875, 1 - 2**-10, epsilon=1e-16, weight_decay=0.25),
        keras.optimizers.AdamW(2**-6, 0.25, 0.875, 1 - 2**-10, epsilon=1e-16),
    ),
    "weight decay": (ml.SGD(0.125, 0.875, weight_decay=0.25), keras.optimizers.SGD(0.125, 0.875, weight_decay=0.25)),
}


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_fifty_steps_equal_keras(name: str, rng: np.random.Generator):
    ours, theirs = OPTIMIZERS[name]
    w = rng.standard_normal(30)
    variable = keras.Variable(w, dtype="float64")
    start = w.copy()
    for _ in range(50):
        gradient = rng.standard_normal(30)
        ours.step(w, gradient)
        theirs.apply([tf.constant(gradient)], [variable])
    assert np.linalg.norm(w - start) > 0.1
    np.testing.assert_allclose(w, variable.numpy(), rtol=1e-10, atol=1e-12)
