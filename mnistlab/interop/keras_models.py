"""Networks to and from Keras, without loss: the same layers, the same numbers bit for bit.

Keras is imported when a function here is called, and not before. The module is not called ``keras``, so that no path
on which Python looks for modules can confuse the two.
"""

from __future__ import annotations

import json
import os
import tempfile
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from importlib import import_module
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from mnistlab.atomic import write_atomically
from mnistlab.convolution import Conv2D, MaxPool2D
from mnistlab.devices import to_host
from mnistlab.interop.files import FileFormatError
from mnistlab.layer import Layer
from mnistlab.layers import Dense, Dropout, ReLU, Sigmoid, Softmax, Tanh
from mnistlab.network import Network

if TYPE_CHECKING:
    from types import ModuleType

__all__ = ["from_keras", "import_keras", "load_keras", "save_keras", "to_keras"]

ACTIVATIONS: dict[str, type[Layer] | None] = {
    "linear": None,
    "relu": ReLU,
    "sigmoid": Sigmoid,
    "softmax": Softmax,
    "tanh": Tanh,
}
"""Keras's names of the activations that both have; a linear one computes nothing."""

FRAMEWORKS = ("keras", "tensorflow", "jax", "torch")
"""Whose functions of these names are the same, such as ``tf.nn.relu``; TensorFlow calls its softmax ``softmax_v2``."""

NAMES = {layer: name for name, layer in ACTIVATIONS.items() if layer}

IMAGES = {"data_format": "channels_last"}
"""How both lay images out, whatever Keras's own setting is."""


def import_keras() -> ModuleType:
    """Return Keras, imported without a word on stderr.

    TensorFlow logs warnings and errors only, and adds in its plain order, unless ``TF_CPP_MIN_LOG_LEVEL`` and
    ``TF_ENABLE_ONEDNN_OPTS`` say otherwise. The plain order costs speed: before a timing, set the second one to 1.

    Raises
    ------
    ModuleNotFoundError
        If Keras, or the framework under it, is not installed.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "0")
    try:
        with _silent():
            keras = import_module("keras")
            _start(keras)
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            f"Keras is not installed (no module {error.name}): pip install 'mnistlab[interop]'", name=error.name
        ) from error
    return keras


@cache
def _start(keras: ModuleType) -> None:
    """Bring on what is left of the start-up, and of its messages: the first tensor, and what is compiled first."""
    keras.ops.zeros(1)
    if keras.config.backend() == "tensorflow":
        import_module("tensorflow").function(lambda: keras.ops.zeros(1), jit_compile=True)()


def to_keras(network: Network) -> Any:
    """Return a Keras model that computes what a network computes.

    Parameters
    ----------
    network
        Of float32 or float64, made of the library's own layers.

    Returns
    -------
    keras.Sequential
        A layer for each layer, of the network's dtype, with a copy of its parameters; ``Reshape`` and ``Flatten``
        where images begin and end. It takes rows and gives rows, as the network does, and is not compiled.

    Raises
    ------
    TypeError
        If ``network`` is no network.
    ValueError
        If a layer is not one of the library's; the message names it.
    ModuleNotFoundError
        If Keras is not installed.
    """
    if not isinstance(network, Network):
        raise TypeError(f"to_keras takes a Network, not a {type(network).__name__}")
    keras = import_keras()
    dtype = network.dtype.name
    layers = [_layer_to_keras(keras, place, layer, dtype) for place, layer in enumerate(network.layers)]
    stack: list[Any] = []
    shape: tuple[int, ...] = (network.input_size,)
    for ours, theirs in zip(network.layers, layers, strict=True):
        if isinstance(ours, Conv2D | MaxPool2D):
            if shape != ours.shape:
                stack.append(keras.layers.Reshape(ours.shape, dtype=dtype))
            shape = ours.output_shape
        elif isinstance(ours, Dense | Softmax) and len(shape) > 1:
            stack.append(keras.layers.Flatten(**IMAGES, dtype=dtype))
            shape = (network.output_size,)  # or any other length: a row
        stack.append(theirs)
    if len(shape) > 1:
        stack.append(keras.layers.Flatten(**IMAGES, dtype=dtype))
    model = keras.Sequential([keras.Input((network.input_size,), dtype=dtype), *stack])
    for ours, theirs in zip(network.layers, layers, strict=True):
        weights = [to_host(getattr(ours, name)) for name in ours.parameter_shapes()]
        theirs.set_weights(weights if _has_weights(theirs) else [])
    return model


def from_keras(model: Any) -> Network:
    """Return a network that computes what a Keras model computes.

    ``Dense(…, activation="relu")`` becomes two layers. What computes nothing leaves no trace: a linear activation,
    ``Identity``, ``Flatten``, ``Reshape``. A network takes rows: images, each as one row. Names, seeds and
    initializers of layers, and how the model was compiled, are no part of a network.

    Parameters
    ----------
    model
        A ``keras.Sequential``, or a functional model in which one layer follows the other, on arrays of one shape.

    Returns
    -------
    Network
        Of the model's dtype, with a copy of its parameters.

    Raises
    ------
    TypeError
        If ``model`` is no Keras model.
    ValueError
        If a layer cannot be carried; the message has its name, its type, and why.
    ModuleNotFoundError
        If Keras is not installed.
    """
    keras = import_keras()
    if not isinstance(model, keras.Model):
        raise TypeError(f"from_keras takes a Keras model, not a {type(model).__name__}")
    chain, shape, dtype = _chain(keras, model)
    layers: list[Layer] = []
    weights: list[np.ndarray] = []
    for theirs in chain:
        layers += _layer_from_keras(keras, theirs, shape, dtype)
        shape = tuple(theirs.compute_output_shape((None, *shape)))[1:]
        weights += theirs.get_weights() if _has_weights(theirs) else []
    try:
        network = Network(layers, dtype=np.dtype(dtype))
    except ValueError as error:
        raise ValueError(f"the model {model.name!r} cannot be carried: {error}") from error
    if weights:
        network.parameters[...] = np.concatenate([values.ravel() for values in weights])
    return network


def save_keras(network: Network, path: str | Path) -> None:
    """Write a network as a ``.keras`` file, for ``keras.saving.load_model`` and :func:`load_keras`.

    Raises
    ------
    TypeError, ValueError, ModuleNotFoundError
        As :func:`to_keras`; and ValueError if the name does not end in ``.keras``, which Keras insists on.
    OSError
        If the file cannot be written.
    """
    path = _check_name(path)
    model = to_keras(network)
    with tempfile.TemporaryDirectory() as folder:
        whole = Path(folder) / "network.keras"
        model.save(whole)
        data = whole.read_bytes()
    write_atomically(path, lambda file: file.write(data))


def load_keras(path: str | Path) -> Network:
    """Read a network from a ``.keras`` file, whoever wrote it.

    Nothing but Keras's own classes is made from the file: one that names others is refused before Keras reads it.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    FileFormatError
        If it is damaged, no ``.keras`` file, or its model has a layer that cannot be carried.
    ValueError
        If the name does not end in ``.keras``.
    ModuleNotFoundError
        If Keras is not installed.
    """
    path = _check_name(path)
    if not path.is_file():
        raise FileNotFoundError(f"there is no file {path}")
    keras = import_keras()
    try:
        with zipfile.ZipFile(path) as archive:
            _check_config(json.loads(archive.read("config.json")))
        with _silent():
            model = keras.saving.load_model(path, compile=False, safe_mode=True)
    # Keras meets a damaged file with whatever happens to fail first: there is no list of what it raises.
    except Exception as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        reason = reason if len(reason) <= 200 else f"{reason[:200]} …"
        raise FileFormatError(f"{path} is damaged or no .keras file that can be used: {reason}") from error
    try:
        return from_keras(model)
    except ValueError as error:
        raise FileFormatError(f"{path}: {error}") from error


def _check_name(path: str | Path) -> Path:
    path = Path(path)
    if path.suffix != ".keras":
        raise ValueError(f"the name of a Keras file ends in .keras, and {path.name!r} does not")
    return path


def _check_config(config: Any) -> None:
    """Refuse a configuration that names code outside Keras, which loading it would import."""
    if isinstance(config, dict):
        module = config.get("module") or "keras"
        if "class_name" in config and str(module).split(".")[0] != "keras":
            raise ValueError(f"it names {module}.{config['class_name']}, which is no part of Keras")
    elif not isinstance(config, list):
        return
    for part in config.values() if isinstance(config, dict) else config:
        _check_config(part)


@contextmanager
def _silent() -> Iterator[None]:
    """Keep what compiled code writes to the standard error, which Python's own redirection does not catch."""
    try:
        kept = os.dup(2)
    except OSError:  # a process without a standard error
        yield
        return
    try:
        with open(os.devnull, "wb") as nowhere:
            os.dup2(nowhere.fileno(), 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)


def _has_weights(layer: Any) -> bool:
    return type(layer).__name__ in ("Conv2D", "Dense")


def _layer_to_keras(keras: ModuleType, place: int, layer: Layer, dtype: str) -> Any:
    if type(layer) is Dense:
        return keras.layers.Dense(layer.outputs, use_bias=layer.bias, dtype=dtype)
    if type(layer) is Conv2D:
        return keras.layers.Conv2D(layer.filters, layer.kernel, use_bias=layer.bias, **IMAGES, dtype=dtype)
    if type(layer) is MaxPool2D:
        return keras.layers.MaxPooling2D(layer.size, **IMAGES, dtype=dtype)
    if type(layer) is Dropout:
        return keras.layers.Dropout(layer.rate, dtype=dtype)
    if type(layer) is ReLU:
        return keras.layers.ReLU(dtype=dtype)
    if type(layer) is Softmax:
        return keras.layers.Softmax(dtype=dtype)
    if type(layer) in NAMES:
        return keras.layers.Activation(NAMES[type(layer)], dtype=dtype)
    raise ValueError(
        f"layer {place}, {layer!r} of type {type(layer).__name__}, cannot be carried to Keras: it is none of the "
        f"library's own, {', '.join(sorted(kind.__name__ for kind in (Conv2D, Dense, Dropout, MaxPool2D, *NAMES)))}"
    )


def _refused(layer: Any, why: str) -> ValueError:
    return ValueError(f"the layer {layer.name!r} of type {type(layer).__name__} cannot be carried: {why}")


def _chain(keras: ModuleType, model: Any) -> tuple[list[Any], tuple[int, ...], str]:
    """Return the layers of a model, one feeding the next, and shape and dtype of its input."""
    if isinstance(model, keras.Sequential):
        chain = list(model.layers)
        if not (model.built and chain):
            raise ValueError(
                f"the model {model.name!r} has no input shape yet: put keras.Input((784,)) in front of its layers, "
                "with the length of your rows"
            )
    elif hasattr(model, "operations"):
        chain = list(model.operations)
        for layer in chain:
            # Public names tell of one place only; without this the message below would blame the output.
            if len(getattr(layer, "_inbound_nodes", ())) > 1:
                raise _refused(layer, "it stands in more than one place, and a network's layers in one each")
        for before, after in pairwise(chain):
            if not _feeds(before, after):
                raise _refused(after, f"it is not fed by {before.name!r} alone, and a network is one row of layers")
        if len(model.outputs) != 1 or model.outputs[0] is not chain[-1].output:
            raise ValueError(f"the model {model.name!r} cannot be carried: a network has one output, of its last layer")
    else:
        raise ValueError(
            f"the model {model.name!r} of type {type(model).__name__} cannot be carried: its layers are called by "
            "code, which says nothing about their order"
        )
    (first,) = model.inputs
    if len(first.shape) < 2 or None in first.shape[1:]:
        raise ValueError(
            f"the model {model.name!r} cannot be carried: it takes arrays of shape {tuple(first.shape[1:])}, and a "
            "network rows of a fixed length"
        )
    if first.dtype not in ("float32", "float64"):
        raise ValueError(f"the model {model.name!r} cannot be carried: its input is {first.dtype}")
    shape = tuple(first.shape[1:])
    return [layer for layer in chain if type(layer) is not keras.layers.InputLayer], shape, first.dtype


def _feeds(before: Any, after: Any) -> bool:
    try:
        return after.input is before.output
    except (AttributeError, ValueError):  # a layer in several places has no one input
        return False


def _layer_from_keras(keras: ModuleType, layer: Any, shape: tuple[int, ...], dtype: str) -> list[Layer]:
    kinds = keras.layers
    known = (
        kinds.Activation,
        kinds.Conv2D,
        kinds.Dense,
        kinds.Dropout,
        kinds.Flatten,
        kinds.Identity,
        kinds.InputLayer,
        kinds.MaxPooling2D,
        kinds.ReLU,
        kinds.Reshape,
        kinds.Softmax,
    )
    if type(layer) not in known:
        names = ", ".join(kind.__name__ for kind in known)
        raise _refused(layer, f"of Keras's layers, mnistlab has a counterpart for {names}")
    if (layer.compute_dtype, layer.variable_dtype) != (dtype, dtype):
        raise _refused(layer, f"it works in {layer.dtype_policy.name}, the model's input is {dtype}")
    if getattr(layer, "data_format", "channels_last") != "channels_last":
        raise _refused(layer, "its channels come first, and mnistlab's last")
    if type(layer) is kinds.Dense:
        return _dense_from_keras(layer, shape)
    if type(layer) is kinds.Conv2D:
        return _convolution_from_keras(layer, shape)
    if type(layer) is kinds.MaxPooling2D:
        if layer.padding != "valid" or tuple(layer.strides) != tuple(layer.pool_size):
            raise _refused(layer, "mnistlab pools windows side by side, without padding")
        return [MaxPool2D(shape, tuple(layer.pool_size))]
    if type(layer) is kinds.Activation:
        return _activation(layer, shape)
    if type(layer) is kinds.Dropout:
        if layer.noise_shape is not None or not layer.rate < 1:
            raise _refused(layer, f"mnistlab drops each number by itself, with a rate below 1 (here {layer.rate})")
        return [Dropout(layer.rate)]
    if type(layer) is kinds.ReLU:
        if layer.max_value is not None or layer.negative_slope or layer.threshold:
            raise _refused(layer, "it has a max_value, a negative_slope or a threshold, and mnistlab's ReLU none")
        return [ReLU()]
    if type(layer) is kinds.Softmax:
        if layer.axis not in (-1, 1):
            raise _refused(layer, f"its axis is {layer.axis}, and mnistlab's works along rows")
        return [_softmax(layer, shape)]
    return []  # on rows, Flatten and Reshape compute nothing, as Identity


def _dense_from_keras(layer: Any, shape: tuple[int, ...]) -> list[Layer]:
    _check_weights(layer)
    if len(shape) > 1:
        raise _refused(layer, f"it works pixel by pixel on arrays of shape {shape}: put Flatten in front of it")
    return [Dense(shape[0], layer.units, layer.use_bias), *_activation(layer, (layer.units,))]


def _convolution_from_keras(layer: Any, shape: tuple[int, ...]) -> list[Layer]:
    _check_weights(layer)
    for name, usual in {"padding": "valid", "strides": (1, 1), "dilation_rate": (1, 1), "groups": 1}.items():
        if getattr(layer, name) != usual:
            raise _refused(layer, f"its {name} is {getattr(layer, name)!r}, and that of mnistlab's Conv2D {usual!r}")
    ours = Conv2D(shape, layer.filters, tuple(layer.kernel_size), layer.use_bias)
    return [ours, *_activation(layer, ours.output_shape)]


def _check_weights(layer: Any) -> None:
    """Refuse what a layer with weights may have beside them."""
    extras = ("kernel_regularizer", "bias_regularizer", "activity_regularizer", "kernel_constraint", "bias_constraint")
    for extra in extras:
        if getattr(layer, extra, None) is not None:
            raise _refused(layer, f"it has a {extra}, and mnistlab's layers none (an optimizer has l2)")
    if not layer.trainable:
        raise _refused(layer, "it is frozen (trainable=False), and in mnistlab all layers learn")
    if getattr(layer, "lora_enabled", False) or getattr(layer, "quantization_mode", None):
        raise _refused(layer, "it is quantized or has LoRA weights")


def _activation(layer: Any, shape: tuple[int, ...]) -> list[Layer]:
    function = layer.activation
    name = getattr(function, "__name__", f"an object of type {type(function).__name__}").removesuffix("_v2")
    owner = str(getattr(function, "__module__", "")).split(".")[0]
    if name not in ACTIVATIONS:
        raise _refused(layer, f"its activation is {name}, and mnistlab has {', '.join(ACTIVATIONS)}")
    if owner not in FRAMEWORKS:
        raise _refused(layer, f"its activation is {name} of {owner}, which may not be Keras's: pass it by its name")
    kind = ACTIVATIONS[name]
    return [] if kind is None else [_softmax(layer, shape) if kind is Softmax else kind()]


def _softmax(layer: Any, shape: tuple[int, ...]) -> Softmax:
    if len(shape) > 1:
        raise _refused(layer, f"its softmax works pixel by pixel on arrays of shape {shape}, and mnistlab's on rows")
    return Softmax()
