"""Convolution and pooling: against loops, finite differences and Keras; their code proved; to Keras, files and back."""

from __future__ import annotations

from itertools import product
from pathlib import Path

import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from keras import layers as kl

import mnistlab as ml
from mnistlab.interop import from_keras, load_keras, save_keras, to_keras
from mnistlab.symbolic import cases
from mnistlab.symbolic.prove import ProofFailed, prove_gradients

seeds = st.integers(0, 2**32 - 1)


@st.composite
def shapes(draw: st.DrawFn) -> tuple[tuple[int, int, int], tuple[int, int]]:
    """Images of random shapes and a window that fits in them."""
    height, width = draw(st.integers(1, 6)), draw(st.integers(1, 6))
    window = draw(st.integers(1, height)), draw(st.integers(1, width))
    return (height, width, draw(st.integers(1, 3))), window


def convolution(shape, kernel, filters, bias, dtype, rng) -> ml.Network:
    network = ml.Network([ml.Conv2D(shape, filters, kernel, bias)], dtype=dtype)
    network.parameters[...] = rng.standard_normal(network.parameters.size)
    return network


def by_loops(layer: ml.Conv2D, x: np.ndarray) -> np.ndarray:
    """The definition, written out."""
    images = x.reshape(-1, *layer.shape)
    z = np.zeros((len(x), *layer.output_shape))
    for n, rho, sigma, k in np.ndindex(z.shape):
        for alpha, beta, c in np.ndindex(*layer.kernel, layer.shape[2]):
            z[n, rho, sigma, k] += images[n, rho + alpha, sigma + beta, c] * layer.W[alpha, beta, c, k]
    return (z + (layer.b if layer.bias else 0)).reshape(len(x), -1)


@settings(max_examples=25)
@given(shapes(), st.integers(1, 3), st.booleans(), seeds)
def test_a_convolution_is_its_definition_and_its_gradient_that_of_finite_differences(sizes, filters, bias, seed):
    rng = np.random.default_rng(seed)
    network = convolution(*sizes, filters, bias, np.float64, rng)
    x = rng.standard_normal((2, network.input_size))
    np.testing.assert_allclose(network.forward(x), by_loops(network.layers[0], x), rtol=0, atol=1e-12)
    targets = rng.standard_normal((2, network.output_size))
    errors = ml.check_gradients(network, ml.SquaredError(), x, targets)
    assert max(errors.values()) < 1e-7


@settings(max_examples=25)
@given(shapes(), seeds)
def test_pooling_takes_the_largest_and_gives_the_gradient_to_it(sizes, seed):
    shape, window = sizes
    rng = np.random.default_rng(seed)
    layer = ml.MaxPool2D(shape, window)
    x = rng.permutation(2 * layer.inputs).reshape(2, layer.inputs).astype(float)  # no two are equal
    y, dy = layer.forward(x), rng.standard_normal((2, layer.outputs))
    dx = layer.backward(dy).reshape(2, *shape)
    expected = np.zeros_like(dx)
    images, y, dy = x.reshape(2, *shape), y.reshape(2, *layer.output_shape), dy.reshape(2, *layer.output_shape)
    for n, row, column, c in np.ndindex(y.shape):
        rows, columns = slice(row * window[0], (row + 1) * window[0]), slice(column * window[1], None)
        part = images[n, rows, columns, c][:, : window[1]]
        assert y[n, row, column, c] == part.max()
        a, b = np.unravel_index(part.argmax(), part.shape)
        expected[n, rows, columns, c][a, b] = dy[n, row, column, c]
    np.testing.assert_array_equal(dx, expected)


def test_of_several_largest_the_first_takes_all():
    layer = ml.MaxPool2D((2, 2, 1))
    layer.forward(np.array([[1.0, 3, 3, 3], [0, 0, 0, 0]]))
    np.testing.assert_array_equal(layer.backward(np.array([[5.0], [7]])), [[0, 5, 0, 0], [7, 0, 0, 0]])


def small_cnn(dtype: type = np.float64, seed: int = 0) -> ml.Network:
    layers = [ml.Conv2D((6, 7, 2), 3), ml.MaxPool2D((4, 5, 3)), ml.ReLU(), ml.Conv2D((2, 2, 3), 4, 2, bias=False)]
    return ml.Network([*layers, ml.Tanh(), ml.Dense(4, 3)], seed=seed, dtype=dtype)


@given(seeds)
@settings(max_examples=5)
def test_a_whole_network_by_finite_differences(seed):
    rng = np.random.default_rng(seed)
    network = small_cnn(seed=seed)
    x, targets = rng.standard_normal((3, network.input_size)), rng.dirichlet(np.ones(3), 3)
    errors = ml.check_gradients(network, ml.SoftmaxCrossEntropy(), x, targets, step=1e-6)
    assert max(errors.values()) < 1e-6


def keras_gradients(layer: keras.Layer, x: np.ndarray, dy: np.ndarray) -> tuple[np.ndarray, list[np.ndarray]]:
    import tensorflow as tf

    with tf.GradientTape() as tape:
        images = tf.constant(x)
        tape.watch(images)
        total = tf.reduce_sum(layer(images) * dy)
    dx, *weights = tape.gradient(total, [images, *layer.trainable_variables])
    return dx.numpy(), [each.numpy() for each in weights]


@settings(max_examples=10)
@given(shapes(), st.integers(1, 3), seeds)
def test_keras_computes_the_same_outputs_and_gradients(sizes, filters, seed):
    shape, window = sizes
    rng = np.random.default_rng(seed)
    network = convolution(shape, window, filters, True, np.float32, rng)
    (ours,) = network.layers
    theirs = kl.Conv2D(filters, window)
    theirs.build((None, *shape))
    theirs.set_weights([ours.W, ours.b])
    pairs = [(ours, theirs), (ml.MaxPool2D(shape, window), kl.MaxPooling2D(window))]
    x = rng.standard_normal((2, *shape)).astype(np.float32)
    for mine, other in pairs:
        y = mine.forward(x.reshape(2, -1))
        dy = rng.standard_normal(y.shape).astype(np.float32)
        dx = mine.backward(dy)
        assert y.dtype == dx.dtype == np.float32
        their_dx, their_weights = keras_gradients(other, x, dy.reshape(2, *mine.output_shape))
        np.testing.assert_allclose(y, other(x).numpy().reshape(2, -1), rtol=0, atol=1e-5)
        np.testing.assert_allclose(dx, their_dx.reshape(2, -1), rtol=0, atol=2e-5)
        for name, gradient in zip(mine.parameter_shapes(), their_weights, strict=True):
            scale = 1 + np.abs(gradient).max()
            np.testing.assert_allclose(getattr(mine, "d" + name) / scale, gradient / scale, rtol=0, atol=1e-5)


def test_the_first_layer_is_spared_the_gradient_of_its_input():
    network = convolution((3, 3, 1), 2, 2, True, np.float32, np.random.default_rng(0))
    z = network.forward(np.ones((1, 9), np.float32))
    assert network.layers[0].backward(z, need_dx=False) is None


# Proofs of the code, and errors planted in it.


def tiny(layer: ml.Layer) -> ml.Network:
    return ml.Network([layer, ml.ReLU(), ml.Dense(2, 2)])


def test_the_code_is_proved_with_relu_dense_and_softmax_cross_entropy():
    prove_gradients(tiny(ml.Conv2D((2, 3, 1), 1, 2)), ml.SoftmaxCrossEntropy(), batch=1).check()


class Misplaced(ml.Conv2D):
    """Adds up the patches where the kernel's rows are counted from below."""

    def _scattered(self, patches, samples):
        height, width, _ = self.output_shape
        patches = patches.reshape(samples, height, width, *self.kernel, self.shape[2])
        return super()._scattered(patches[:, :, :, ::-1], samples)


class OneImage(ml.Conv2D):
    """Forgets that all images share the kernel."""

    def backward(self, dz, need_dx=True):
        dx = super().backward(dz, need_dx)
        self.dW /= len(dz)
        return dx


class ToAll(ml.MaxPool2D):
    """Gives the gradient to every entry of the window."""

    def backward(self, dy, need_dx=True):
        dx = super().backward(dy, need_dx)
        dx[...] = dy.reshape(-1, 1)
        return dx


@pytest.mark.parametrize(
    "layers",
    [
        lambda: [Misplaced((3, 1, 1), 1, (2, 1))],
        lambda: [OneImage((2, 1, 1), 1, 1)],
        lambda: [ToAll((2, 2, 1)), ml.Dense(1, 1)],
    ],
    ids=["misplaced", "one image", "to all"],
)
def test_a_planted_error_makes_the_proof_fail(layers):
    with pytest.raises(ProofFailed, match="NOT PROVED"):
        prove_gradients(ml.Network(layers()), ml.SquaredError()).check()


def test_there_are_cases_with_kernels_pools_and_both():
    kinds = [{type(layer) for layer in case.layers()} for case in cases.CASES]
    assert any({ml.Conv2D, ml.MaxPool2D} <= each for each in kinds)


# What users pass in.


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: ml.Conv2D((28, 28), 8), r"shape to be 3 positive integers, not \(28, 28\)"),
        (lambda: ml.Conv2D((28, 28, 0), 8), "shape to be 3 positive integers"),
        (lambda: ml.Conv2D(784, 8), "shape to be 3 positive integers, not 784"),
        (lambda: ml.Conv2D((28, 28, 1), 8.0), "filters to be a positive integer, not 8.0"),
        (lambda: ml.Conv2D((28, 28, 1), 8, True), "kernel to be 2 positive integers"),
        (lambda: ml.Conv2D((2, 8, 1), 8, 3), "kernel of 3 × 3 on images of 2 × 8"),
        (lambda: ml.MaxPool2D((28, 28, 1), (2, 0)), r"size to be 2 positive integers, not \(2, 0\)"),
        (lambda: ml.MaxPool2D((28, 1, 1)), "size of 2 × 2 on images of 28 × 1"),
        (lambda: ml.Network([ml.Conv2D((4, 4, 1), 2), ml.Dense(4, 2)]), "gives 8 numbers but .* takes 4"),
    ],
)
def test_impossible_sizes_are_named(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_weights_have_the_fan_in_of_a_patch():
    layer = ml.Conv2D((9, 9, 8), 400, 3)
    ml.Network([layer], seed=1)
    assert abs(layer.W.std() / np.sqrt(2 / 72) - 1) < 0.01 and not layer.b.any()


# To Keras, to files, and back.


@st.composite
def stacks(draw: st.DrawFn) -> ml.Network:
    """Images, one to three layers on them, and perhaps Dense ones after."""
    shape, window = draw(shapes())
    layers: list[ml.Layer] = []
    for _ in range(draw(st.integers(1, 3))):
        if draw(st.booleans()):
            layers.append(ml.Conv2D(shape, draw(st.integers(1, 3)), window, draw(st.booleans())))
        else:
            layers.append(ml.MaxPool2D(shape, window))
        shape, window = layers[-1].output_shape, (1, 1)
        layers += [ml.ReLU()] if draw(st.booleans()) else []
    if draw(st.booleans()):
        layers += [ml.Dropout(0.25), ml.Dense(layers_output(layers), 3), ml.Softmax()]
    network = ml.Network(layers, dtype=draw(st.sampled_from([np.float32, np.float64])))
    network.parameters[...] = np.random.default_rng(draw(seeds)).standard_normal(network.parameters.size)
    return network


def layers_output(layers: list[ml.Layer]) -> int:
    return next(layer.outputs for layer in reversed(layers) if layer.outputs)


@settings(max_examples=15)
@given(stacks(), seeds)
def test_random_stacks_compute_the_same_in_keras_and_come_back_whole(network, seed):
    x = np.random.default_rng(seed).standard_normal((2, network.input_size)).astype(network.dtype)
    model = to_keras(network)
    outputs = network.forward(x)
    tolerance = (1e-5 if network.dtype == np.float32 else 1e-12) * (1 + np.abs(outputs).max())
    np.testing.assert_allclose(model(x).numpy(), outputs, rtol=0, atol=tolerance)
    back = from_keras(model)
    assert repr(back) == repr(network)
    assert back.parameters.tobytes() == network.parameters.tobytes()


def keras_cnn() -> keras.Model:
    model = keras.Sequential(
        [
            keras.Input((9, 8, 1)),
            kl.Conv2D(3, (3, 2), activation="relu"),
            kl.MaxPooling2D(2),
            kl.Dropout(0.25),
            kl.Conv2D(4, 2, use_bias=False, activation="tanh"),
            kl.Flatten(),
            kl.Dense(5, activation="softmax"),
        ]
    )
    rng = np.random.default_rng(0)
    model.set_weights([rng.standard_normal(w.shape).astype(w.dtype) for w in model.get_weights()])
    return model


def test_a_model_made_in_keras_comes_over_and_through_files(tmp_path: Path):
    model = keras_cnn()
    network = from_keras(model)
    x = np.random.default_rng(1).standard_normal((4, 9, 8, 1)).astype(np.float32)
    np.testing.assert_allclose(network.forward(x.reshape(4, -1)), model(x).numpy(), rtol=0, atol=1e-5)
    ml.save_network(network, tmp_path / "x.safetensors")
    save_keras(network, tmp_path / "x.keras")
    for back in (ml.load_network(tmp_path / "x.safetensors"), load_keras(tmp_path / "x.keras")):
        assert repr(back) == repr(network) and back.parameters.tobytes() == network.parameters.tobytes()


CANNOT = {
    "strides": (kl.Conv2D(2, 2, strides=2, name="c"), "'c' of type Conv2D .*strides is \\(2, 2\\)"),
    "padding": (kl.Conv2D(2, 2, padding="same", name="c"), "padding is 'same'"),
    "dilation": (kl.Conv2D(2, 2, dilation_rate=2), "dilation_rate is"),
    "regularized": (kl.Conv2D(2, 2, kernel_regularizer="l2"), "kernel_regularizer"),
    "softmax of pixels": (kl.Conv2D(2, 2, activation="softmax"), "softmax works pixel by pixel"),
    "softmax layer": (kl.Softmax(name="s"), "'s' of type Softmax .*pixel by pixel"),
    "dense on pixels": (kl.Dense(2, name="d"), "'d' of type Dense .*put Flatten in front"),
    "overlapping": (kl.MaxPooling2D(2, strides=1), "side by side"),
    "padded pooling": (kl.MaxPooling2D(2, padding="same"), "side by side"),
    "average": (kl.AveragePooling2D(2), "has a counterpart for Activation, Conv2D"),
}


@pytest.mark.parametrize("name", CANNOT)
def test_what_cannot_be_carried_is_named(name):
    layer, message = CANNOT[name]
    layer = type(layer).from_config(layer.get_config())
    model = keras.Sequential([keras.Input((4, 4, 2)), layer, kl.Flatten(), kl.Dense(2)])
    with pytest.raises(ValueError, match=message):
        from_keras(model)


def test_images_without_channels_are_rows_too():
    model = keras.Sequential([keras.Input((2, 3)), kl.Flatten(), kl.Dense(2), kl.Reshape((2,))])
    x = np.random.default_rng(0).standard_normal((4, 2, 3)).astype(np.float32)
    network = from_keras(model)
    np.testing.assert_allclose(network.forward(x.reshape(4, 6)), model(x).numpy(), rtol=0, atol=1e-5)


def test_channels_first_are_refused():
    model = keras.Sequential([keras.Input((2, 4, 4)), kl.Conv2D(2, 2, data_format="channels_first")])
    with pytest.raises(ValueError, match="channels come first"):
        from_keras(model)


def test_every_place_of_a_kernel_is_used():
    kernel, image = np.arange(6.0).reshape(2, 3), np.arange(20.0).reshape(4, 5)
    network = ml.Network([ml.Conv2D((4, 5, 1), 1, (2, 3), bias=False)], dtype=np.float64)
    network.parameters[...] = kernel.ravel()
    expected = [(image[a : a + 2, b : b + 3] * kernel).sum() for a, b in product(range(3), range(3))]
    np.testing.assert_array_equal(network.forward(image.reshape(1, -1))[0], expected)


@pytest.mark.parametrize(
    ("initializer", "keras_name"),
    [(ml.Glorot(), "glorot_uniform"), (ml.He(), "he_normal"), (ml.LeCun(), "lecun_normal")],
)
@pytest.mark.parametrize("size", [(3, 3, 1, 32), (5, 3, 16, 8)])
def test_initial_weights_are_as_wide_as_keras_makes_them(initializer, keras_name, size):
    a, b, depth, filters = size
    layer = ml.Conv2D((9, 9, depth), filters, (a, b), initializer=initializer)
    ml.Network([layer])
    fan_in, fan_out = a * b * depth, a * b * filters  # of Keras's compute_fans
    if keras_name == "glorot_uniform":
        limit = np.sqrt(6 / (fan_in + fan_out))
        assert 0.9 * limit < np.abs(layer.W).max() <= limit
    else:
        deviation = np.sqrt({"he_normal": 2, "lecun_normal": 1}[keras_name] / fan_in)
        assert layer.W.std() == pytest.approx(deviation, rel=0.15)


def test_the_limit_of_glorot_for_the_first_layer_of_a_small_network():
    layer = ml.Conv2D((28, 28, 1), 32, 3, initializer=ml.Glorot())
    ml.Network([layer])
    assert np.abs(layer.W).max() == pytest.approx(0.142, abs=0.001)
