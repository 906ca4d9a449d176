"""What users get wrong most often, and whether the answer leads them out of it."""

from __future__ import annotations

import gzip
import io
import os
import warnings

import numpy as np
import pytest

import mnistlab as ml

X = np.random.default_rng(0).random((60, 784))
Y = np.arange(60) % 10


def npy() -> bytes:
    file = io.BytesIO()
    np.save(file, np.zeros(3))
    return file.getvalue()


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"\n<!DOCTYPE html><html><body>Please log in</body></html>", "page of HTML"),
        (gzip.compress(b"mnist", mtime=0), "gzip"),
        (b"label,1x1,1x2\n5,0,0\n", "text, such as CSV"),
        (npy(), r"single array \(\.npy\)"),
        (b"", "empty"),
        (b"PK\x03\x04 no more", r"no whole \.npz file"),
    ],
    ids=["html", "gzip", "csv", "npy", "empty", "cut zip"],
)
def test_a_file_of_another_kind_is_called_what_it_is(content, said, tmp_path, monkeypatch):
    path = tmp_path / "mnist.npz"
    path.write_bytes(content)
    monkeypatch.setenv("MNISTLAB_DATA", str(path))
    with pytest.raises(ml.DataError, match=said) as caught:
        ml.load_mnist()
    assert "allow_pickle" not in str(caught.value)
    assert str(caught.value).count(str(path)) == 1


@pytest.mark.parametrize(
    ("shape", "hint"),
    [((50, 784), r"rows\.reshape\(-1, 28, 28\)"), ((28, 28), r"pass image\[None\]"), ((50, 100, 1, 1), r"not \(50,")],
)
def test_the_hint_fits_the_shape(shape, hint):
    with pytest.raises(ValueError, match=hint):
        ml.to_vectors(np.zeros(shape, np.uint8))
    if shape == (50, 784):
        with pytest.raises(ValueError, match=r"^((?!image\[None\]).)*$"):
            ml.to_vectors(np.zeros(shape, np.uint8))


def test_pixels_as_floats_are_warned_of():
    network = ml.Network([ml.Dense(784, 10)])
    for call in (network.predict, lambda x: ml.evaluate(network, x, Y), lambda x: ml.fit(network, x, Y, epochs=1)):
        with pytest.warns(UserWarning, match=r"like pixels that are not scaled.*Divide them by 255"):
            call(255 * X)
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            call(X)
            call(10 * X - 5)


def test_lists_and_frames_can_be_split():
    pandas = pytest.importorskip("pandas")
    expected = ml.split(X, Y, 0.1, seed=1)
    frame, series = pandas.DataFrame(X, index=range(100, 160)), pandas.Series(Y, index=range(100, 160))
    for x, y in ((X.tolist(), Y.tolist()), (frame, series), (frame, Y)):
        for found, wanted in zip(ml.split(x, y, 0.1, seed=1), expected, strict=True):
            np.testing.assert_array_equal(found, wanted)


@pytest.mark.parametrize("labels", [Y.astype(str), Y.astype(str).astype(object), Y.astype(float), Y.astype("S1")])
def test_digits_that_are_no_integers_get_the_hint(labels):
    network = ml.Network([ml.Dense(784, 10)])
    if labels.dtype.kind == "S":
        labels = np.char.decode(labels)
    with pytest.raises(TypeError, match=r"labels must be integers, not .*: pass labels\.astype\(int\)"):
        ml.fit(network, X, labels)
    ml.fit(network, X, labels.astype(int), epochs=1)


def test_words_do_not_get_it():
    with pytest.raises(TypeError, match=r"labels must be integers, not <U5$"):
        ml.one_hot(np.array(["seven", "three"]))


@pytest.fixture(scope="module")
def keras():
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "0")
    return pytest.importorskip("keras")


@pytest.mark.parametrize("name", ["relu", "sigmoid", "tanh", "softmax"])
def test_functions_of_a_framework_are_known_by_name(keras, name):
    tensorflow = pytest.importorskip("tensorflow")
    by_name = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3, name)])
    for function in (getattr(tensorflow.nn, name), getattr(keras.ops, name)):
        model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3, function)])
        assert repr(ml.from_keras(model)) == repr(ml.from_keras(by_name))


def test_a_function_of_the_users_own_is_not_taken_for_kerass(keras):
    def relu(x):
        return x * 2

    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3, relu)])
    with pytest.raises(ValueError, match=r"relu of \w+, which may not be Keras's"):
        ml.from_keras(model)
