"""Networks in files: safetensors to keep them, JSON to read them with one's own eyes.

Neither format can hold anything executable. Writing is atomic; what is damaged, truncated or foreign is refused.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import safetensors
import safetensors.numpy

from mnistlab.atomic import write_atomically
from mnistlab.devices import to_host
from mnistlab.layer import LAYERS, Layer, make_layer
from mnistlab.layers import Dense
from mnistlab.network import Network

__all__ = ["FileFormatError", "load_network", "load_weights_json", "read_metadata", "save_network", "save_weights_json"]

FORMAT = "mnistlab-network-1"

HALF = np.finfo(np.float16)


class FileFormatError(ValueError):
    """A file is damaged, holds something else, or does not fit the network."""


def save_network(
    network: Network, path: str | Path, metadata: Mapping[str, str] | None = None, *, half: bool = False
) -> None:
    """Write architecture and parameters to a safetensors file.

    Parameters
    ----------
    network
        Of float32 or float64, made of the library's layers or of your own.
    path
        By custom it ends in ``.safetensors``. An existing file is replaced, in one step.
    metadata
        More to keep beside the architecture, such as a test accuracy: strings by name.
    half
        Whether to round the parameters to float16, which have three digits: two bytes each in the file.

    Raises
    ------
    ValueError
        If a layer's ``config`` does not make it again, a parameter is NaN or infinite, or more than float16 holds where
        it is asked for, or ``metadata`` are not strings.
    OSError
        If the file cannot be written.
    """
    for layer in network.layers:
        _check_layer(layer)
    if not np.isfinite(network.parameters).all():
        raise ValueError("the network holds NaN or infinite parameters, which no one would want to load")
    if half and np.abs(network.parameters).max() > HALF.max:
        raise ValueError(f"half precision holds numbers up to {HALF.max:,.0f}, and the network has larger ones")
    metadata = dict(metadata or {})
    if not all(isinstance(text, str) for pair in metadata.items() for text in pair):
        raise ValueError("metadata must be strings, by name")
    header = {**metadata, "format": FORMAT, "layers": json.dumps(network.config())}
    tensors = {name: to_host(values) for name, values in _tensors(network).items()}
    if half:
        tensors = {name: values.astype(HALF.dtype) for name, values in tensors.items()}
    data = _with_sorted_header(safetensors.numpy.save(tensors, header))
    write_atomically(Path(path), lambda file: file.write(data))


def load_network(path: str | Path) -> Network:
    """Read a network that :func:`save_network` wrote; one in half precision is of float32 again.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    FileFormatError
        If it is damaged, truncated, or no network of mnistlab.
    """
    metadata = read_metadata(path)
    try:
        layers = [make_layer(config) for config in json.loads(metadata["layers"])]
        tensors = safetensors.numpy.load_file(path)
        dtypes = {values.dtype for values in tensors.values()}
        if len(dtypes) != 1 or not dtypes <= {np.dtype(dtype) for dtype in (np.float16, np.float32, np.float64)}:
            raise ValueError("its tensors must be all float16, all float32 or all float64")
        # Compared before the network is made, so that a header cannot ask for more memory than the file has.
        if _shapes(layers) != {name: values.shape for name, values in tensors.items()}:
            raise ValueError("its tensors do not fit its layers")
        network = Network(layers, dtype=np.promote_types(dtypes.pop(), np.float32))
        for name, values in _tensors(network).items():
            if not np.isfinite(tensors[name]).all():
                raise ValueError(f"tensor {name} holds NaN or infinity")
            values[...] = tensors[name]
    # AttributeError: safetensors asks NumPy for a type that it lacks, such as float8. RecursionError: JSON too deep.
    except (AttributeError, KeyError, RecursionError, TypeError, ValueError, safetensors.SafetensorError) as error:
        raise FileFormatError(f"{path} is no network that can be used: {error}") from error
    return network


def read_metadata(path: str | Path) -> dict[str, str]:
    """Return what stands beside the parameters in a network's file; errors as :func:`load_network`."""
    path = Path(path)
    if path.is_dir():
        raise FileNotFoundError(f"{path} is a folder, and no file")
    if not path.is_file():
        raise FileNotFoundError(f"there is no file {path}")
    try:
        with safetensors.safe_open(path, framework="numpy") as file:
            metadata = file.metadata() or {}
    except (OSError, ValueError, safetensors.SafetensorError) as error:
        raise FileFormatError(f"{path} is damaged or no safetensors file: {error}") from error
    if metadata.get("format") != FORMAT:
        raise FileFormatError(f"{path} is a safetensors file, but not of a network of mnistlab")
    return metadata


def save_weights_json(network: Network, path: str | Path) -> None:
    """Write the weight matrices as nested lists: one matrix a Dense layer, D rows of K numbers.

    This is the format of the school project that the report reproduces; it knows no biases.

    Raises
    ------
    ValueError
        If a layer has a bias, which the format cannot hold.
    OSError
        If the file cannot be written.
    """
    text = json.dumps([layer.W.tolist() for layer in _dense_without_bias(network)])
    write_atomically(Path(path), lambda file: file.write(text.encode()))


def load_weights_json(network: Network, path: str | Path) -> None:
    """Read weights that :func:`save_weights_json` wrote into a network of the same shape, in place.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    FileFormatError
        If it is damaged or does not fit; the network is as before then.
    ValueError
        If a layer has a bias, which the format cannot hold.
    """
    layers, path = _dense_without_bias(network), Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"there is no file {path}")
    try:
        with np.errstate(over="ignore"):  # too large for the dtype becomes infinite, which is refused below
            matrices = [np.array(matrix, dtype=network.dtype) for matrix in json.loads(path.read_text("utf-8"))]
    except (ValueError, TypeError, OverflowError, RecursionError) as error:
        raise FileFormatError(f"{path} is damaged or holds no lists of numbers: {error}") from error
    found, wanted = [matrix.shape for matrix in matrices], [layer.W.shape for layer in layers]
    if found != wanted:
        raise FileFormatError(f"{path} holds matrices of shapes {found}, the network has {wanted}")
    if not all(np.isfinite(matrix).all() for matrix in matrices):
        raise FileFormatError(f"{path} holds NaN or infinity")
    for layer, matrix in zip(layers, matrices, strict=True):
        layer.W[...] = matrix


def _with_sorted_header(data: bytes) -> bytes:
    """Return a safetensors file with its header in order, so that one network always makes the same file."""
    length = int.from_bytes(data[:8], "little")
    header = json.dumps(json.loads(data[8 : 8 + length]), sort_keys=True, separators=(",", ":")).encode()
    header += b" " * (-len(header) % 8)  # the format wants tensors to begin at a multiple of 8
    return len(header).to_bytes(8, "little") + header + data[8 + length :]


def _tensors(network: Network) -> dict[str, np.ndarray]:
    """Return the layers' views of the parameters, named like ``0.W``."""
    return {
        f"{index}.{name}": getattr(layer, name)
        for index, layer in enumerate(network.layers)
        for name in layer.parameter_shapes()
    }


def _shapes(layers: list[Layer]) -> dict[str, tuple[int, ...]]:
    """Return the shapes that :func:`_tensors` would have."""
    return {f"{i}.{name}": shape for i, layer in enumerate(layers) for name, shape in layer.parameter_shapes().items()}


def _check_layer(layer: Layer) -> None:
    """Raise ValueError if the layer could not be made again from what the file will say about it."""
    kind, known = type(layer), LAYERS[type(layer).__name__]
    if (known.__module__, known.__qualname__) != (kind.__module__, kind.__qualname__):
        raise ValueError(
            f"there is another {kind.__name__}, in {known.__module__}, and a file knows layers by the names of their "
            f"classes: give {kind.__module__}.{kind.__qualname__} a name of its own"
        )
    try:
        again = make_layer({"type": kind.__name__, **json.loads(json.dumps(layer.config()))})
        whole = (repr(again), again.parameter_shapes()) == (repr(layer), layer.parameter_shapes())
    except TypeError as error:
        raise ValueError(f"{layer!r} cannot be saved: its config() does not make it again ({error})") from error
    if not whole:
        raise ValueError(f"{layer!r} cannot be saved: its config() makes {again!r}")


def _dense_without_bias(network: Network) -> list[Dense]:
    layers = [layer for layer in network.layers if isinstance(layer, Dense)]
    if any(layer.bias for layer in layers):
        raise ValueError("the JSON format knows no biases: use Dense(..., bias=False), or save_network")
    return layers
