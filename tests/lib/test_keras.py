"""Networks to Keras and back: nothing is lost, and what cannot be carried is named."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from keras import layers as kl
from strategies import networks

import mnistlab as ml
from mnistbook.ch15_same_network_twice import twins as keras_steps
from mnistbook.kit.adam_as_keras import AdamAsKeras
from mnistlab.interop import from_keras, keras_models, load_keras, save_keras, to_keras

TOLERANCE = {np.dtype(np.float32): 1e-5, np.dtype(np.float64): 1e-12}
# Keras warns that a softmax of one number is always 1.
pytestmark = pytest.mark.filterwarnings("ignore:You are using a softmax")


def sequential(*layers, shape=(4,), dtype="float32") -> keras.Sequential:
    return keras.Sequential([keras.Input(shape, dtype=dtype), *layers])


def with_weights(model: keras.Model, seed: int = 0) -> keras.Model:
    rng = np.random.default_rng(seed)
    model.set_weights([rng.standard_normal(values.shape).astype(values.dtype) for values in model.get_weights()])
    return model


def every_layer(dtype: type = np.float32) -> ml.Network:
    layers = [ml.Dropout(0.1), ml.Dense(4, 5), ml.ReLU(), ml.Dense(5, 4, bias=False), ml.Tanh(), ml.Softmax()]
    return ml.Network([*layers, ml.Dense(4, 3), ml.Sigmoid(), ml.Dropout(0.0)], seed=3, dtype=dtype)


def chained(*layers, inputs: keras.KerasTensor | None = None) -> keras.Model:
    x = inputs = keras.Input((4,)) if inputs is None else inputs
    for layer in layers:
        x = layer(x)
    return keras.Model(inputs, x)


@settings(max_examples=40)
@given(st.sampled_from([np.float32, np.float64]).flatmap(networks), st.integers(0, 2**32 - 1))
def test_random_networks_compute_the_same_in_keras_and_come_back_whole(network: ml.Network, seed: int):
    network.parameters[0] = np.finfo(network.dtype).smallest_subnormal
    x = np.random.default_rng(seed).standard_normal((3, network.input_size)).astype(network.dtype)
    model = to_keras(network)
    outputs = model(x).numpy()
    assert outputs.dtype == network.dtype
    np.testing.assert_allclose(outputs, network.forward(x), rtol=0, atol=TOLERANCE[network.dtype])
    back = from_keras(model)
    assert repr(back) == repr(network)  # layers with their arguments, and the dtype
    assert back.parameters.tobytes() == network.parameters.tobytes()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_every_layer_through_a_file(tmp_path: Path, dtype: type):
    network, file = every_layer(dtype), tmp_path / "network.keras"
    save_keras(network, file)
    back = load_keras(file)
    assert repr(back) == repr(network)
    assert back.parameters.tobytes() == network.parameters.tobytes()
    assert [path.name for path in tmp_path.iterdir()] == ["network.keras"]
    x = np.ones((2, 4), dtype)
    theirs = keras.saving.load_model(file)(x).numpy()  # a file that Keras reads without us
    np.testing.assert_allclose(theirs, network.forward(x), rtol=0, atol=TOLERANCE[np.dtype(dtype)])


def test_the_copy_is_a_copy():
    network = every_layer()
    model, before = to_keras(network), every_layer().parameters
    with_weights(model)
    np.testing.assert_array_equal(network.parameters, before)


FROM_KERAS = {
    "activations within Dense": lambda: sequential(kl.Dense(5, "relu"), kl.Dense(4, "tanh"), kl.Dense(3, "softmax")),
    "activations of their own": lambda: sequential(
        kl.Dense(5, use_bias=False), kl.ReLU(), kl.Dense(4), kl.Activation("sigmoid"), kl.Softmax(), kl.Dense(2)
    ),
    "what computes nothing": lambda: sequential(
        kl.Flatten(), kl.Dense(3, "linear"), kl.Activation("linear"), kl.Identity(), kl.Dropout(0.5), kl.Dense(2)
    ),
    "functional": lambda: chained(kl.Flatten(), kl.Dense(5, "relu"), kl.Dropout(0.2), kl.Dense(3), kl.Softmax()),
    "float64": lambda: sequential(
        kl.Dense(5, "sigmoid", dtype="float64"), kl.Dense(2, dtype="float64"), dtype="float64"
    ),
}


@pytest.mark.parametrize("name", FROM_KERAS)
def test_models_made_in_keras(tmp_path: Path, name: str):
    model = with_weights(FROM_KERAS[name]())
    network = from_keras(model)
    x = np.random.default_rng(1).standard_normal((6, 4)).astype(network.dtype)
    np.testing.assert_allclose(network.forward(x), model(x).numpy(), rtol=0, atol=TOLERANCE[network.dtype])
    flat = np.concatenate([values.ravel() for values in model.get_weights()])
    assert network.parameters.tobytes() == flat.tobytes()
    model.save(tmp_path / "theirs.keras")
    assert load_keras(tmp_path / "theirs.keras").parameters.tobytes() == flat.tobytes()


def test_rates_and_order_come_across():
    network = from_keras(FROM_KERAS["functional"]())
    assert repr(network) == (
        "Network([Dense(inputs=4, outputs=5, bias=True), ReLU(), Dropout(rate=0.2), "
        "Dense(inputs=5, outputs=3, bias=True), Softmax()], dtype=float32)"
    )


def shared() -> keras.Model:
    dense = kl.Dense(4, name="twice")
    return chained(dense, dense)


def branched() -> keras.Model:
    inputs = keras.Input((4,))
    return keras.Model(inputs, kl.Add(name="sum")([inputs, kl.Dense(4)(inputs)]))


def two_outputs() -> keras.Model:
    inputs = keras.Input((4,))
    first = kl.Dense(4)(inputs)
    return keras.Model(inputs, [first, kl.Dense(2)(first)])


class Subclassed(keras.Model):
    def call(self, inputs):
        return inputs


CANNOT = {
    "no counterpart": (lambda: sequential(kl.BatchNormalization(name="norm"), kl.Dense(2)), "'norm' of type BatchNorm"),
    "a model within": (lambda: sequential(keras.Sequential([kl.Dense(2)], name="inner")), "'inner' of type Sequential"),
    "activation": (lambda: sequential(kl.Dense(2, "gelu", name="d")), "'d' of type Dense .*: its activation is gelu"),
    "layer as activation": (lambda: sequential(kl.Dense(2, activation=kl.ReLU())), "an object of type ReLU"),
    "capped": (lambda: sequential(kl.ReLU(6.0, name="r"), kl.Dense(2)), "'r' of type ReLU .*max_value"),
    "leaky": (lambda: sequential(kl.ReLU(negative_slope=0.1), kl.Dense(2)), "negative_slope"),
    "axis": (lambda: sequential(kl.Softmax(axis=0, name="s"), kl.Dense(2)), "'s' of type Softmax .*axis is 0"),
    "all dropped": (lambda: sequential(kl.Dropout(1.0, name="x"), kl.Dense(2)), "'x' of type Dropout .*here 1.0"),
    "dropped in rows": (lambda: sequential(kl.Dropout(0.5, (1, 4)), kl.Dense(2)), "drops each number by itself"),
    "regularized": (lambda: sequential(kl.Dense(2, kernel_regularizer="l2")), "kernel_regularizer"),
    "constrained": (lambda: sequential(kl.Dense(2, bias_constraint="non_neg")), "bias_constraint"),
    "frozen": (lambda: sequential(kl.Dense(2, name="d", trainable=False)), "'d' of type Dense .*frozen"),
    "another dtype": (lambda: sequential(kl.Dense(2, name="d", dtype="float64")), "it works in float64"),
    "mixed": (lambda: sequential(kl.Dense(2, dtype="mixed_float16")), "mixed_float16"),
    "half": (lambda: sequential(kl.Dense(2, dtype="float16"), dtype="float16"), "its input is float16"),
    "any length": (lambda: sequential(kl.ReLU(), shape=(None,)), "rows of a fixed length"),
    "no size": (lambda: sequential(kl.ReLU()), "at least one Dense"),
    "not built": (lambda: keras.Sequential([kl.Dense(2)]), "no input shape yet"),
    "shared": (shared, "'twice' of type Dense .*more than one place"),
    "branched": (branched, "'sum' of type Add .*not fed by"),
    "two outputs": (two_outputs, "one output"),
    "operation": (lambda: chained(kl.Dense(2), keras.ops.relu), "of type Relu"),
    "subclassed": (lambda: Subclassed(name="mine"), "'mine' of type Subclassed"),
}


@pytest.mark.parametrize("name", CANNOT)
def test_what_cannot_be_carried_is_named(name: str):
    make, message = CANNOT[name]
    with pytest.raises(ValueError, match=message) as caught:
        from_keras(make())
    assert "\n" not in str(caught.value)


def test_foreign_layers_and_objects():
    foreign = type("Mine", (ml.ReLU,), {})
    with pytest.raises(ValueError, match=r"layer 1, Mine\(\) of type Mine, cannot be carried to Keras"):
        to_keras(ml.Network([ml.Dense(2, 2), foreign()]))
    with pytest.raises(TypeError, match="takes a Network, not a list"):
        to_keras([ml.Dense(2, 2)])
    with pytest.raises(TypeError, match="takes a Keras model, not a Network"):
        from_keras(every_layer())


def archive(path: Path, config: object) -> None:
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("config.json", config if isinstance(config, str) else json.dumps(config))


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-1000])


def flip(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[data.index(b"HDF") + 600] ^= 255
    path.write_bytes(data)


def without_weights(path: Path) -> None:
    with zipfile.ZipFile(path) as whole:
        config = whole.read("config.json").decode()
    archive(path, config)


DAMAGE = {
    "text": lambda path: path.write_text("no model"),
    "empty": lambda path: path.write_bytes(b""),
    "safetensors": lambda path: ml.save_network(every_layer(), path),
    "cut": cut,
    "a byte": flip,
    "foreign zip": lambda path: zipfile.ZipFile(path, "w").close(),
    "no json": lambda path: archive(path, "{"),
    "a list": lambda path: archive(path, [1]),
    "code": lambda path: archive(path, {"module": "subprocess", "class_name": "Popen", "config": {"args": "true"}}),
    "without weights": without_weights,
}


@pytest.mark.parametrize("name", DAMAGE)
def test_damaged_and_foreign_files_get_one_line(tmp_path: Path, name: str):
    file = tmp_path / "network.keras"
    save_keras(every_layer(), file)
    DAMAGE[name](file)
    with pytest.raises(ml.FileFormatError, match=r"is damaged or no .keras file that can be used: .") as caught:
        load_keras(file)
    assert "\n" not in str(caught.value) and len(str(caught.value)) < 400


def test_code_in_a_file_is_refused_before_keras_sees_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    archive(tmp_path / "x.keras", {"class_name": "Sequential", "config": [{"module": "os", "class_name": "system"}]})
    monkeypatch.setattr(keras.saving, "load_model", lambda *_, **__: pytest.fail("Keras read the file"))
    with pytest.raises(ml.FileFormatError, match=r"it names os\.system, which is no part of Keras"):
        load_keras(tmp_path / "x.keras")


def test_a_sound_file_of_another_model_names_its_layer(tmp_path: Path):
    sequential(kl.LeakyReLU(name="leaky"), kl.Dense(2)).save(tmp_path / "x.keras")
    with pytest.raises(ml.FileFormatError, match=r"x.keras: the layer 'leaky' of type LeakyReLU cannot be carried"):
        load_keras(tmp_path / "x.keras")


def test_names_of_files(tmp_path: Path):
    with pytest.raises(FileNotFoundError, match="there is no file"):
        load_keras(tmp_path / "none.keras")
    for call in (lambda: load_keras(tmp_path / "x.h5"), lambda: save_keras(every_layer(), tmp_path / "x.h5")):
        with pytest.raises(ValueError, match=r"ends in \.keras, and 'x.h5' does not"):
            call()


def test_without_keras_the_extra_is_named(monkeypatch: pytest.MonkeyPatch):
    def missing(name: str) -> None:
        raise ModuleNotFoundError("No module named 'tensorflow'", name="tensorflow")

    monkeypatch.setattr(keras_models, "import_module", missing)
    with pytest.raises(ModuleNotFoundError, match=r"no module tensorflow.*pip install 'mnistlab\[interop\]'"):
        to_keras(every_layer())


def test_keras_comes_late_and_says_nothing(tmp_path: Path):
    code = """if True:
        import sys
        import mnistlab as ml
        from mnistlab import interop
        assert not {"keras", "tensorflow"} & set(sys.modules)
        network = ml.Network([ml.Dense(4, 3), ml.ReLU(), ml.Dense(3, 2)])
        interop.save_keras(network, "x.keras")
        interop.to_keras(interop.load_keras("x.keras")).predict(network.layers[0].W.T, verbose=0)
        assert "keras" in sys.modules
        import tensorflow as tf
        tf.function(lambda: tf.zeros(1), jit_compile=True)()  # TensorFlow 2.20 says two lines where it first compiles
    """
    environment = {name: value for name, value in os.environ.items() if not name.startswith("TF_")}
    environment["PYTHONPATH"] = str(Path(ml.__file__).parents[1])
    result = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert (result.returncode, result.stdout, result.stderr) == (0, "", "")


# The experiment: the same network, twice.

FINE = 2.0**-10  # exact in float32, in which Keras keeps these numbers
PAIRS = {
    "plain": (lambda: ml.SGD(0.125), lambda: keras.optimizers.SGD(0.125)),
    "momentum": (lambda: ml.SGD(0.0625, 0.875), lambda: keras.optimizers.SGD(0.0625, 0.875)),
    "nesterov": (
        lambda: ml.SGD(0.0625, 0.875, nesterov=True),
        lambda: keras.optimizers.SGD(0.0625, 0.875, nesterov=True),
    ),
    "adam": (
        lambda: AdamAsKeras(FINE, 0.875, 1 - FINE, epsilon=1e-4),
        lambda: keras.optimizers.Adam(FINE, 0.875, 1 - FINE, epsilon=1e-4),
    ),
}


def twins(ours: ml.Optimizer, theirs: keras.optimizers.Optimizer, dtype: type = np.float64) -> keras_steps.Twins:
    rng = np.random.default_rng(0)
    x, y = rng.standard_normal((90, 4)).astype(dtype), rng.integers(0, 3, 90)
    network = ml.Network([ml.Dense(4, 8), ml.ReLU(), ml.Dense(8, 3)], dtype=dtype)
    batches = [batch for _ in range(5) for batch in ml.minibatches(x, ml.one_hot(y, 3, dtype), 32, rng)]
    return keras_steps.train_twins(network, ours, theirs, batches)


@pytest.mark.parametrize("name", PAIRS)
def test_twins_stay_together(name: str):
    make, make_theirs = PAIRS[name]
    result = twins(make(), make_theirs())
    assert result.gaps.shape == (15,)
    assert 0 < result.gaps.max() < 1e-13
    np.testing.assert_allclose(result.losses, result.keras_losses, rtol=1e-12)
    assert result.losses[-1] < result.losses[0]
    assert result.flips.sum() == 0
    single = twins(make(), make_theirs(), np.float32)
    assert 1e-9 < single.gaps.max() < 1e-5


def test_a_true_difference_shows():
    _, make_theirs = PAIRS["adam"]
    result = twins(ml.Adam(FINE, 0.875, 1 - FINE, epsilon=1e-4), make_theirs())
    assert result.gaps.max() > 1e-6


def test_signs_that_differ_are_counted():
    network = ml.Network([ml.Dense(1, 2, False), ml.ReLU(), ml.Dense(2, 1), ml.ReLU()])
    network.parameters[...] = [1, -1, 1, 1, 0]
    network.forward(np.array([[1.0], [-2.0], [3.0]], np.float32))
    first = np.array([[True, False], [False, True], [True, False]])
    assert keras_steps.count_flips(network, [first, np.ones((3, 1), bool)]) == 0
    assert keras_steps.count_flips(network, [~first, np.array([[True], [False], [True]])]) == 7


def test_a_kink_between_the_twins_is_seen(monkeypatch: pytest.MonkeyPatch):
    """One input of a ReLU is zero, as good as positive in one network and as good as negative in the other."""
    network = ml.Network([ml.Dense(2, 2, False), ml.ReLU(), ml.Dense(2, 2)], dtype=np.float64)
    network.parameters[:4] = [1, -1, 1, 1]
    batch = np.array([[1.0, 1.0]]), np.array([[1.0, 0.0]])
    original = keras_steps.to_keras

    def nudged(network: ml.Network) -> keras.Model:
        model = original(network)
        first, *others = model.get_weights()
        model.set_weights([first + 1e-13, *others])
        return model

    monkeypatch.setattr(keras_steps, "to_keras", nudged)
    result = keras_steps.train_twins(network, *(make() for make in PAIRS["plain"]), [batch])
    assert result.flips.tolist() == [1]
    assert result.gaps[0] > 1e-4
