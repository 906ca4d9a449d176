"""Runs: configurations that mean something, their keys, and what a training gives."""

import dataclasses
import math
import pickle
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import mnistlab as ml
from mnistlab.sweeps import run as runs
from mnistlab.sweeps.run import Run, train

SMALL = Run(hidden=(12,), epochs=4, batch_size=32, validation=100)


@pytest.fixture(scope="module")
def data():
    """700 + 200 noisy images of ten patterns, in place of MNIST."""
    rng = np.random.default_rng(0)
    patterns = rng.integers(0, 256, (10, 28, 28))
    labels = rng.integers(0, 10, 900).astype(np.uint8)
    noise = rng.integers(0, 256, (900, 28, 28))
    images = (0.5 * patterns[labels] + 0.5 * noise).astype(np.uint8)
    return ml.MNIST(images[:700], labels[:700], images[700:], labels[700:], source="made up")


@pytest.fixture
def no_mnist(monkeypatch):
    def load_mnist():
        raise AssertionError("MNIST was loaded")

    monkeypatch.setattr(runs, "load_mnist", load_mnist)


# The configuration


@pytest.mark.parametrize(
    ("values", "error", "text"),
    [
        ({"hidden": "300"}, TypeError, "hidden must be a list of numbers of units"),
        ({"hidden": (300, 0)}, ValueError, "hidden must be at least 1, not 0"),
        ({"hidden": (3.0,)}, TypeError, "hidden must be an integer, not 3.0"),
        ({"activation": "gelu"}, ValueError, "activation must be relu, sigmoid, tanh or linear, not 'gelu'"),
        ({"bias": 1}, TypeError, "bias must be true or false"),
        ({"initializer": 0.01}, TypeError, "initializer must be a text"),
        ({"initializer": "xavier"}, ValueError, "initializer must be he, lecun, glorot, normal or uniform"),
        ({"initializer": "normal(1, 2)"}, ValueError, "initializer: 'normal(1, 2)' has the wrong arguments"),
        ({"initializer": "normal(x)"}, ValueError, "initializer: 'normal(x)' has the wrong arguments"),
        ({"initializer": "uniform(1, 0)"}, ValueError, "initializer: 'uniform(1, 0)' has impossible arguments"),
        ({"initializer": "normal(nan)"}, ValueError, "initializer: 'normal(nan)' has impossible arguments"),
        ({"dropout": 1.0}, ValueError, "dropout must be at least 0 and less than 1, not 1.0"),
        ({"dropout": True}, TypeError, "dropout must be a number, not True"),
        ({"input_dropout": -0.1}, ValueError, "input_dropout must be at least 0"),
        ({"loss_function": "hinge"}, ValueError, "loss_function must be"),
        ({"label_smoothing": 0.1, "loss_function": "squared_error"}, ValueError, "label_smoothing is an option of"),
        ({"optimizer": ["sgd"]}, ValueError, "optimizer must be sgd or adam"),
        ({"optimizer": "adam", "momentum": 0.9}, ValueError, "momentum and nesterov are options of sgd"),
        ({"optimizer": "adam", "nesterov": True}, ValueError, "momentum and nesterov are options of sgd"),
        ({"momentum": 0.0, "nesterov": True}, ValueError, "nesterov needs a momentum above 0"),
        ({"learning_rate": 0}, ValueError, "learning_rate must be a positive number"),
        ({"learning_rate": math.inf}, ValueError, "learning_rate must be at least 0 and finite"),
        ({"weight_decay": math.nan}, ValueError, "weight_decay must be at least 0 and finite"),
        ({"schedule": "linear"}, ValueError, "schedule must be constant, cosine or step"),
        ({"warm_up": 1}, ValueError, "warm_up must be at least 0 and less than 1"),
        ({"batch_size": 0}, ValueError, "batch_size must be at least 1"),
        ({"epochs": "3"}, TypeError, "epochs must be an integer, not '3'"),
        ({"train_size": 0}, ValueError, "train_size must be at least 1"),
        ({"augmentation": "wild"}, ValueError, "augmentation must be mild, elastic or affine"),
        ({"average_last": 11}, ValueError, "average_last is 11, but there are only 10 epochs"),
        ({"average_last": 2, "early_stopping": 2}, ValueError, "choose one"),
        ({"validation": 0, "early_stopping": 2}, ValueError, "early_stopping needs images for validation"),
        ({"seed": -1}, ValueError, "seed must be at least 0"),
    ],
)
def test_impossible_values_are_refused_by_name(values, error, text):
    with pytest.raises(error) as caught:
        Run(**values)
    assert str(caught.value).startswith(text) or text in str(caught.value)


def test_values_that_mean_the_same_have_the_same_key():
    run = Run(hidden=[300], learning_rate=np.float32(0.5), epochs=np.int64(3), bias=np.bool_(True), dropout=0)
    assert run.key == Run(hidden=300, learning_rate=0.5, epochs=3).key and run.hidden == (300,)
    assert Run(learning_rate=0.1, momentum=0.9).key == Run().key
    assert Run(optimizer="adam", learning_rate=1e-3).key == Run(optimizer="adam").key
    assert Run(initializer=" normal( 1e-2 )").key == Run(initializer="normal").key != Run().key
    assert pickle.loads(pickle.dumps(run)) == run


OTHER = {
    "hidden": 7,
    "activation": "tanh",
    "bias": False,
    "initializer": "he",
    "dropout": 0.1,
    "input_dropout": 0.1,
    "loss_function": "squared_error",
    "label_smoothing": 0.1,
    "optimizer": "adam",
    "learning_rate": 0.2,
    "momentum": 0.5,
    "nesterov": True,
    "weight_decay": 0.1,
    "l2": 0.1,
    "schedule": "step",
    "warm_up": 0.1,
    "batch_size": 3,
    "epochs": 3,
    "train_size": 3,
    "deskew": True,
    "augmentation": "mild",
    "early_stopping": 3,
    "average_last": 3,
    "validation": 3,
    "train_metrics": True,
    "test": True,
    "seed": 3,
}


def test_every_field_is_part_of_the_key():
    assert set(OTHER) == {field.name for field in dataclasses.fields(Run)}
    keys = [Run().key, *(Run(**{name: value}).key for name, value in OTHER.items())]
    assert len(set(keys)) == len(keys)
    assert len({key.rsplit("_", 1)[1] for key in keys}) == len(keys)


def test_keys_are_those_of_the_stored_results():
    # A key that moves, or a default that changes under the same key, cuts results/ off from the runs they belong to.
    assert Run().key == "300_sgd_seed0_dff9bcf42c4e"
    everything = Run(**OTHER | {"optimizer": "sgd", "loss_function": "softmax_cross_entropy", "average_last": 0})
    assert everything.key == "7_sgd_seed3_0f1a89a2c982"
    defaults = "(300,) relu True None 0.0 0.0 softmax_cross_entropy 0.0 sgd None None False 0.0 0.0 constant 0.0 128 10"
    values = [getattr(Run(), field.name) for field in dataclasses.fields(Run)]
    assert " ".join(map(str, values)) == f"{defaults} None False None 0 0 10000 False False 0"


def test_names_are_for_readers():
    assert Run(hidden=(800, 100), seed=3).name == "784-800-100-10 sgd 0.1 seed 3"
    assert Run(hidden=(), optimizer="adam").name == "784-10 adam 0.001 seed 0"
    assert Run(hidden=()).key.startswith("linear_sgd_seed0_")


def test_columns_are_plain_values_without_gaps():
    columns = Run(hidden=()).columns()
    assert list(columns)[:2] == ["key", "hidden"]
    assert columns["hidden"] == columns["augmentation"] == "none" and columns["initializer"] == "default"
    assert columns["learning_rate"] == 0.1 and columns["momentum"] == 0.9
    assert math.isnan(Run(optimizer="adam").columns()["momentum"])
    assert Run(hidden=(3, 2), initializer="uniform").columns()["initializer"] == "uniform(-0.05, 0.05)"


# The network


def test_the_network_is_what_the_fields_say():
    run = Run(
        hidden=(5, 4), activation="tanh", dropout=0.25, input_dropout=0.5, bias=False, loss_function="cross_entropy"
    )
    expected = ["Dropout", *["Dense", "Tanh", "Dropout"] * 2, "Dense", "Softmax"]
    layers = run.network().layers
    assert [type(layer).__name__ for layer in layers] == expected
    assert [layer.rate for layer in layers if isinstance(layer, ml.Dropout)] == [0.5, 0.25, 0.25]
    assert run.network().parameters.size == 784 * 5 + 5 * 4 + 4 * 10
    assert [type(layer).__name__ for layer in Run(hidden=(5,), activation="linear").network().layers] == ["Dense"] * 2
    constant = Run(initializer="normal(0)").network()
    assert not constant.parameters.any() and Run().network().parameters.any()
    plain = ml.Network(ml.multilayer_perceptron([784, 300, 10]), seed=2)
    assert np.array_equal(Run(seed=2).network().parameters, plain.parameters)


@given(
    st.lists(st.integers(1, 4), min_size=2, max_size=5),
    st.sampled_from([ml.ReLU, ml.Sigmoid, None]),
    st.sampled_from([0.0, 0.5]),
    st.sampled_from([0.0, 0.5]),
    st.booleans(),
)
def test_a_multilayer_perceptron_has_its_layers_in_their_places(sizes, activation, dropout, input_dropout, bias):
    layers = ml.multilayer_perceptron(
        sizes, activation=activation, dropout=dropout, input_dropout=input_dropout, bias=bias
    )
    hidden = len(sizes) - 2
    dense = [layer for layer in layers if isinstance(layer, ml.Dense)]
    assert [(layer.inputs, layer.outputs, layer.bias) for layer in dense] == [
        (inputs, outputs, bias) for inputs, outputs in pairwise(sizes)
    ]
    expected = hidden + 1 + hidden * (activation is not None) + hidden * (dropout > 0) + (input_dropout > 0)
    assert len(layers) == expected and layers[-1] is dense[-1]
    assert isinstance(layers[0], ml.Dropout) == (input_dropout > 0)
    assert isinstance(dense[-1].initializer, ml.He)
    assert all(isinstance(layer.initializer, ml.He if activation is ml.ReLU else ml.LeCun) for layer in dense[:-1])
    assert ml.Network(layers).output_size == sizes[-1]


def test_an_initializer_that_is_given_goes_to_every_layer():
    layers = ml.multilayer_perceptron([3, 4, 5, 2], activation=ml.Tanh, initializer=ml.Glorot())
    assert {type(layer.initializer) for layer in layers if isinstance(layer, ml.Dense)} == {ml.Glorot}


@pytest.mark.parametrize(
    ("sizes", "options", "error", "text"),
    [
        ([784], {}, ValueError, "sizes of its input and its output"),
        ([784, 0, 10], {}, ValueError, "positive integer"),
        ([784, 10, 10], {"activation": ml.Tanh()}, TypeError, r"such as Tanh \(no brackets\)"),
        ([784, 10, 10], {"activation": "relu"}, TypeError, "must be a class of layers"),
        ([784, 10, 10], {"activation": dict}, TypeError, "must be a class of layers"),
        ([784, 10, 10], {"dropout": -0.5}, ValueError, "rate"),
        ([784, 10], {"input_dropout": 1}, ValueError, "rate"),
    ],
)
def test_a_perceptron_that_cannot_be_is_refused(sizes, options, error, text):
    with pytest.raises(error, match=text):
        ml.multilayer_perceptron(sizes, **options)


# The training


def test_rows_are_what_fit_gives(data, no_mnist):
    run = dataclasses.replace(SMALL, seed=5, schedule="cosine", weight_decay=1e-3, test=True, train_metrics=True)
    network, frame = train(run, data)
    x, y = ml.to_vectors(data.x_train), data.y_train
    order = np.random.default_rng(0).permutation(700)
    held_out, rest = order[:100], order[100:]
    twin = ml.Network(ml.multilayer_perceptron([784, 12, 10]), seed=5)
    history = ml.fit(
        twin,
        x[rest],
        y[rest],
        optimizer=ml.SGD(ml.Cosine(0.1), 0.9, weight_decay=1e-3),
        epochs=4,
        batch_size=32,
        validation_data=(x[held_out], y[held_out]),
        seed=5,
    )
    assert np.array_equal(network.parameters, twin.parameters)
    for column in ("loss", "validation_loss", "validation_accuracy"):
        assert frame[column].tolist() == history[column].tolist()
    assert frame["epoch_learning_rate"].tolist() == history["learning_rate"].tolist()
    assert frame["epoch"].tolist() == [1, 2, 3, 4] and (frame["train_size"] == 600).all()
    assert (frame["key"] == run.key).all() and (frame["parameters"] == 784 * 12 + 12 + 120 + 10).all()
    last = frame.iloc[-1]
    assert (last["test_loss"], last["test_accuracy"]) == ml.evaluate(twin, ml.to_vectors(data.x_test), data.y_test)
    assert (last["train_loss"], last["train_accuracy"]) == ml.evaluate(twin, x[rest], y[rest])
    assert last["final_validation_accuracy"] == last["validation_accuracy"]
    assert frame["test_accuracy"][:3].isna().all() and not frame["diverged"].any()
    again = run.train(data)
    assert again.drop(columns="seconds").equals(frame.drop(columns="seconds"))


def test_the_test_set_is_not_looked_at_unless_asked(data):
    blind = dataclasses.replace(data, y_test=data.y_test[:5])  # evaluate would refuse these
    assert SMALL.train(blind)["test_accuracy"].isna().all()
    with pytest.raises(ValueError, match="200 samples but 5 targets"):
        dataclasses.replace(SMALL, test=True).train(blind)


def test_each_option_reaches_the_training(data):
    plain = train(SMALL, data)[0].parameters
    changed = {
        "activation": "sigmoid",
        "initializer": "glorot",
        "dropout": 0.3,
        "input_dropout": 0.3,
        "seed": 1,
        "label_smoothing": 0.2,
        "optimizer": "adam",
        "learning_rate": 0.05,
        "momentum": 0.5,
        "nesterov": True,
        "weight_decay": 0.01,
        "l2": 0.01,
        "schedule": "cosine",
        "warm_up": 0.3,
        "batch_size": 20,
        "epochs": 5,
        "train_size": 300,
        "deskew": True,
        "augmentation": "mild",
        "validation": 50,
        "average_last": 2,
    }
    for name, value in changed.items():
        network, frame = train(dataclasses.replace(SMALL, **{name: value}), data)
        assert not np.allclose(network.parameters, plain, rtol=1e-4, atol=1e-6), name
        assert frame[name].map(str).iloc[0] == str(value), name
    assert not np.array_equal(
        train(dataclasses.replace(SMALL, loss_function="squared_error", learning_rate=0.01), data)[0].parameters,
        train(dataclasses.replace(SMALL, learning_rate=0.01), data)[0].parameters,
    )


def test_losses_are_measured_without_label_smoothing(data):
    network, frame = train(dataclasses.replace(SMALL, label_smoothing=0.3, train_metrics=True), data)
    x, y = ml.to_vectors(data.x_train), data.y_train
    held_out = np.random.default_rng(0).permutation(700)[:100]
    expected = ml.evaluate(network, x[held_out], y[held_out]).loss
    assert frame["validation_loss"].iloc[-1] == frame["final_validation_loss"].iloc[-1] == expected
    assert frame["train_loss"].iloc[-1] < frame["loss"].iloc[-1]  # which has the smoothing in it


def test_the_average_of_the_last_epochs_comes_out(data):
    ends = [train(dataclasses.replace(SMALL, epochs=4), data, stop_after=n)[0].parameters for n in (3, 4)]
    network, frame = train(dataclasses.replace(SMALL, average_last=2), data)
    assert np.allclose(network.parameters, np.mean(ends, axis=0), atol=1e-7)
    held_out = np.random.default_rng(0).permutation(700)[:100]
    final = ml.evaluate(network, ml.to_vectors(data.x_train[held_out]), data.y_train[held_out])
    assert frame["final_validation_loss"].iloc[-1] == final.loss != frame["validation_loss"].iloc[-1]


def test_early_stopping_goes_back_to_the_best(data):
    run = dataclasses.replace(SMALL, epochs=60, early_stopping=2, learning_rate=0.3, hidden=(3,))
    frame = run.train(data)
    assert len(frame) < 60
    best = frame["validation_loss"].min()
    assert frame["final_validation_loss"].iloc[-1] == best < frame["validation_loss"].iloc[-1]


def test_a_training_that_is_stopped_is_the_beginning_of_the_whole(data):
    run = dataclasses.replace(SMALL, schedule="cosine", average_last=1, test=True)
    whole, start = run.train(data), run.train(data, stop_after=2)
    assert len(start) == 2 and start["test_accuracy"].isna().all()
    assert start.drop(columns="seconds").equals(whole.drop(columns="seconds")[:2])
    assert run.train(data, stop_after=4).drop(columns="seconds").equals(whole.drop(columns="seconds"))


def test_divergence_is_a_result(data):
    run = dataclasses.replace(SMALL, learning_rate=1e20, test=True, schedule="cosine", warm_up=0.5)
    network, frame = train(run, data)
    assert 1 <= len(frame) <= 4 and frame["diverged"].tolist() == [False] * (len(frame) - 1) + [True]
    last = frame.iloc[-1]
    assert last["epoch"] == len(frame) and math.isnan(last["loss"]) and math.isnan(last["test_accuracy"])
    assert frame["loss"].dtype == np.float64 and np.isfinite(network.parameters).all()


# The data


def test_the_same_images_are_put_aside_for_all_seeds(data):
    parts = [runs.prepared(dataclasses.replace(SMALL, seed=seed, train_size=50), data) for seed in (0, 1)]
    assert np.array_equal(parts[0].validation[0], parts[1].validation[0])
    assert not np.array_equal(parts[0].x, parts[1].x)
    held = {row.tobytes() for row in parts[0].validation[0]}
    assert len(held) == 100 and not held & {row.tobytes() for part in parts for row in part.x}
    assert runs.prepared(dataclasses.replace(SMALL, validation=0), data).validation is None


@given(st.integers(1, 200), st.integers(0, 5))
def test_subsets_are_stratified_and_nested(size, seed):
    y = np.repeat(np.arange(4), [20, 40, 60, 80])
    chosen = runs._subset(y, size, seed)
    assert len(set(chosen)) == size
    counts = np.bincount(y[chosen], minlength=4)
    assert np.abs(counts - size * np.array([0.1, 0.2, 0.3, 0.4])).max() <= 1
    assert set(runs._subset(y, max(1, size // 2), seed)) <= set(chosen)


def test_too_few_images_are_an_error(data):
    with pytest.raises(ValueError, match="train_size is 601, but there are only 600"):
        dataclasses.replace(SMALL, train_size=601).train(data)
    with pytest.raises(ValueError, match="validation is 700, but there are only 700"):
        dataclasses.replace(SMALL, validation=700).train(data)


def test_mnist_is_loaded_once_in_a_process(data, monkeypatch):
    loaded = []
    monkeypatch.setattr(runs, "load_mnist", lambda: loaded.append(1) or data)
    runs._mnist_arrays.cache_clear()
    try:
        frames = [dataclasses.replace(SMALL, seed=seed, epochs=1).train() for seed in range(3)]
    finally:
        runs._mnist_arrays.cache_clear()
    assert len(loaded) == 1 and len({frame["loss"].iloc[0] for frame in frames}) == 3
