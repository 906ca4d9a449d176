"""Networks in files: what comes back is what went in; what is damaged or foreign is refused."""

from __future__ import annotations

import json
import pickle
import struct
from pathlib import Path

import numpy as np
import pytest
import safetensors.numpy
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import networks

import mnistlab as ml
from mnistlab import atomic
from mnistlab.interop import files


def small(**options) -> ml.Network:
    return ml.Network([ml.Dense(3, 2), ml.Sigmoid(), ml.Dense(2, 2, bias=False)], seed=1, **options)


@given(st.sampled_from([np.float32, np.float64]).flatmap(networks))
def test_safetensors_round_trip_is_bit_identical(tmp_path_factory, network: ml.Network):
    file = tmp_path_factory.getbasetemp() / "network.safetensors"
    network.parameters[0] = np.finfo(network.dtype).smallest_subnormal
    ml.save_network(network, file)
    loaded = ml.load_network(file)
    assert repr(loaded) == repr(network)  # layers with their arguments, and the dtype
    assert loaded.parameters.tobytes() == network.parameters.tobytes()
    x = np.ones((2, network.input_size), network.dtype)
    np.testing.assert_array_equal(loaded.forward(x), network.forward(x))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_half_precision_rounds_to_float16_and_halves_the_file(tmp_path: Path, dtype: type):
    network = ml.Network([ml.Dense(100, 100), ml.ReLU(), ml.Dense(100, 3)], seed=1, dtype=dtype)
    network.parameters[:3] = 65504, 1 / 3, 6e-8
    ml.save_network(network, tmp_path / "whole.safetensors")
    ml.save_network(network, tmp_path / "half.safetensors", half=True)
    loaded = ml.load_network(tmp_path / "half.safetensors")
    assert loaded.dtype == np.float32
    np.testing.assert_array_equal(loaded.parameters, network.parameters.astype(np.float16).astype(np.float32))
    assert loaded.parameters[0] == 65504 and loaded.parameters[1] != np.float32(1 / 3)
    sizes = [(tmp_path / f"{name}.safetensors").stat().st_size for name in ("whole", "half")]
    assert sizes[0] - sizes[1] == network.parameters.size * (network.dtype.itemsize - 2)
    ml.save_network(loaded, tmp_path / "again.safetensors", half=True)
    assert (tmp_path / "again.safetensors").read_bytes() == (tmp_path / "half.safetensors").read_bytes()


def test_what_half_precision_cannot_hold_is_refused(tmp_path: Path):
    network = small()
    network.parameters[1] = -65520
    with pytest.raises(ValueError, match="up to 65,504"):
        ml.save_network(network, tmp_path / "network.safetensors", half=True)
    assert list(tmp_path.iterdir()) == []


def test_metadata_and_names(tmp_path: Path):
    file = tmp_path / "network.safetensors"
    ml.save_network(small(), file, {"accuracy": "0.985", "Bemerkung": "schön", "format": "mine"})
    metadata = files.read_metadata(file)
    assert (metadata["accuracy"], metadata["Bemerkung"]) == ("0.985", "schön")
    assert metadata["format"] == files.FORMAT
    assert json.loads(metadata["layers"]) == small().config()
    tensors = safetensors.numpy.load_file(file)
    assert {name: values.shape for name, values in tensors.items()} == {"0.W": (3, 2), "0.b": (2,), "2.W": (2, 2)}


@pytest.mark.parametrize(
    ("network", "metadata", "message"),
    [
        (ml.Network([ml.Dense(2, 2), type("Dense", (ml.ReLU,), {})()]), None, "there is another Dense"),
        (small(), {"accuracy": 0.98}, "metadata must be strings"),
        (small(), {1: "a"}, "metadata must be strings"),
    ],
)
def test_what_cannot_be_saved(tmp_path: Path, network: ml.Network, metadata: dict, message: str):
    with pytest.raises(ValueError, match=message):
        ml.save_network(network, tmp_path / "network.safetensors", metadata)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_a_diverged_network_is_not_saved(tmp_path: Path, value: float):
    network = small()
    network.parameters[3] = value
    with pytest.raises(ValueError, match="NaN or infinite"):
        ml.save_network(network, tmp_path / "network.safetensors")


@pytest.mark.parametrize("load", [ml.load_network, lambda path: ml.load_weights_json(small_without_bias(), path)])
def test_a_missing_file_and_a_folder(tmp_path: Path, load):
    for path in (tmp_path / "none", tmp_path):
        with pytest.raises(FileNotFoundError, match=str(path)):
            load(path)


@pytest.fixture(scope="module")
def content(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    file = tmp_path_factory.mktemp("files") / "network.safetensors"
    ml.save_network(small(), file, {"accuracy": "0.985"})
    return file.read_bytes()


def test_every_truncation_is_refused(tmp_path: Path, content: bytes):
    file = tmp_path / "network.safetensors"
    for length in range(len(content)):
        file.write_bytes(content[:length])
        with pytest.raises(ml.FileFormatError, match=r"network\.safetensors"):
            ml.load_network(file)
    file.write_bytes(content + b"\0")
    with pytest.raises(ml.FileFormatError):
        ml.load_network(file)


@settings(max_examples=500)
@given(st.data())
def test_flipped_bits_are_refused_or_give_finite_numbers(tmp_path_factory, content: bytes, data: st.DataObject):
    damaged = bytearray(content)
    for _ in range(data.draw(st.integers(1, 3))):
        damaged[data.draw(st.integers(0, len(damaged) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    file = tmp_path_factory.getbasetemp() / "flipped.safetensors"
    file.write_bytes(damaged)
    try:
        network = ml.load_network(file)
    except ml.FileFormatError:
        return
    assert network.parameters.size == small().parameters.size
    assert np.isfinite(network.parameters).all()


DENSE = {"type": "Dense", "inputs": 2, "outputs": 2, "bias": False}
WEIGHTS = {"0.W": np.eye(2, dtype=np.float32)}
DEEP = "[" * 100_000


def write(path: Path, layers: object = (DENSE,), tensors: dict = WEIGHTS, **metadata: str) -> Path:
    text = layers if isinstance(layers, str) else json.dumps(layers)
    path.write_bytes(safetensors.numpy.save(tensors, {"format": files.FORMAT, "layers": text, **metadata}))
    return path


def test_the_forged_files_below_are_right_but_for_what_is_wrong_with_them(tmp_path: Path):
    np.testing.assert_array_equal(ml.load_network(write(tmp_path / "a")).parameters, [1, 0, 0, 1])


def test_types_are_not_mixed(tmp_path: Path):
    layers = [{**DENSE, "bias": True}]
    right = {"0.W": np.eye(2, dtype=np.float32), "0.b": np.zeros(2, np.float32)}
    assert ml.load_network(write(tmp_path / "right", layers, right)).dtype == np.float32
    with pytest.raises(ml.FileFormatError, match="all float16, all float32 or all float64"):
        ml.load_network(write(tmp_path / "mixed", layers, {**right, "0.b": np.zeros(2, np.float16)}))


@pytest.mark.parametrize(
    ("layers", "tensors", "message"),
    [
        ([{**DENSE, "type": "Evil"}], WEIGHTS, "a layer 'Evil', which this version does not know"),
        ([{**DENSE, "type": "Layer"}], WEIGHTS, "a layer 'Layer'"),
        ([{**DENSE, "type": ["Dense"]}], WEIGHTS, "unhashable"),
        ([{"inputs": 2, "outputs": 2}], WEIGHTS, "type"),
        ([{**DENSE, "inputs": 10**6, "outputs": 10**7}], WEIGHTS, "tensors do not fit its layers"),
        ([{**DENSE, "inputs": 10**400}], WEIGHTS, "tensors do not fit its layers"),
        ([{**DENSE, "inputs": 2.0}], WEIGHTS, "positive integer"),
        ([{**DENSE, "inputs": -2}], WEIGHTS, "positive integer"),
        ([{**DENSE, "initializer": "os.system"}], WEIGHTS, "no network"),
        ([{**DENSE, "colour": "red"}], WEIGHTS, "colour"),
        ([DENSE, {"type": "Dropout", "rate": float("nan")}], WEIGHTS, "rate"),
        ([DENSE, {"type": "Dropout", "rate": "x"}], WEIGHTS, "no network"),
        ([DENSE, DENSE], WEIGHTS, "tensors do not fit its layers"),
        ([DENSE], {**WEIGHTS, "1.W": np.eye(2, dtype=np.float32)}, "tensors do not fit its layers"),
        ([DENSE], {"0.V": np.eye(2, dtype=np.float32)}, "tensors do not fit its layers"),
        ([DENSE], {"0.W": np.eye(2, dtype=np.int64)}, "all float16, all float32 or all float64"),
        ([DENSE], {"0.W": np.full((2, 2), np.nan, np.float32)}, "tensor 0.W holds NaN or infinity"),
        ([{"type": "ReLU"}], {}, "no network"),
        ([], {}, "no network"),
        ("null", WEIGHTS, "no network"),
        ("3", WEIGHTS, "no network"),
        ("[3]", WEIGHTS, "no network"),
        ('"Dense"', WEIGHTS, "no network"),
        ("[", WEIGHTS, "no network"),
        (DEEP, WEIGHTS, "no network"),
    ],
)
def test_forged_files_are_refused(tmp_path: Path, layers: object, tensors: dict, message: str):
    with pytest.raises(ml.FileFormatError, match=message):
        ml.load_network(write(tmp_path / "forged.safetensors", layers, tensors))


@pytest.mark.parametrize("dtype", ["BF16", "F8_E4M3", "F8_E5M2", "BOOL", "U8"])
def test_types_that_numpy_may_not_know_are_refused(tmp_path: Path, dtype: str):
    size = 8 if dtype == "BF16" else 4
    header = {"format": files.FORMAT, "layers": json.dumps([DENSE])}
    tensor = {"dtype": dtype, "shape": [2, 2], "data_offsets": [0, size]}
    text = json.dumps({"__metadata__": header, "0.W": tensor}).encode()
    file = tmp_path / "other.safetensors"
    file.write_bytes(struct.pack("<Q", len(text)) + text + bytes(size))
    with pytest.raises(ml.FileFormatError):
        ml.load_network(file)


class Exploding:
    def __reduce__(self):
        return (pytest.fail, ("a pickle was executed",))


@pytest.mark.parametrize(
    "kind", ["pickle", "npz", "empty", "text", "foreign safetensors", "other version", "huge header"]
)
def test_foreign_files_are_refused(tmp_path: Path, kind: str):
    file = tmp_path / "network.safetensors"
    if kind == "pickle":
        file.write_bytes(pickle.dumps(Exploding()))
    elif kind == "npz":
        with open(file, "wb") as stream:
            np.savez(stream, **{"0.W": np.eye(2)})
    elif kind == "foreign safetensors":
        file.write_bytes(safetensors.numpy.save(WEIGHTS))
    elif kind == "other version":
        write(file, format="mnistlab-network-999")
    elif kind == "huge header":
        file.write_bytes(struct.pack("<Q", 2**63) + b"{}")
    else:
        file.write_text("" if kind == "empty" else "0.1 0.2\n" * 50)
    with pytest.raises(ml.FileFormatError, match=r"network\.safetensors"):
        ml.load_network(file)


@pytest.mark.parametrize("failing", ["write", "fsync", "replace"])
def test_a_failing_write_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, failing: str):
    def fail(*_):
        raise OSError("disk full")

    file = tmp_path / "network.safetensors"
    file.write_text("old")
    if failing != "write":
        monkeypatch.setattr(atomic.os, failing, fail)
        with pytest.raises(OSError, match="disk full"):
            ml.save_network(small(), file)
    else:
        with pytest.raises(OSError, match="disk full"):
            atomic.write_atomically(file, lambda stream: stream.write(b"new") and fail())
    assert file.read_text() == "old"
    assert [path.name for path in tmp_path.iterdir()] == ["network.safetensors"]


def test_saving_makes_folders_and_replaces(tmp_path: Path):
    file = tmp_path / "a" / "b" / "network.safetensors"
    ml.save_network(ml.Network([ml.Dense(9, 9)]), file)
    ml.save_network(small(), str(file))
    assert repr(ml.load_network(str(file))) == repr(small())
    assert [path.name for path in file.parent.iterdir()] == ["network.safetensors"]


def small_without_bias(**options) -> ml.Network:
    return ml.Network([ml.Dense(3, 2, bias=False), ml.ReLU(), ml.Dense(2, 2, bias=False)], **options)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_json_round_trip_is_bit_identical(tmp_path: Path, dtype: type):
    network, loaded = small_without_bias(seed=1, dtype=dtype), small_without_bias(seed=2, dtype=dtype)
    ml.save_weights_json(network, tmp_path / "weights.json")
    ml.load_weights_json(loaded, tmp_path / "weights.json")
    assert loaded.parameters.tobytes() == network.parameters.tobytes()


def test_json_is_nested_lists_a_matrix_a_layer(tmp_path: Path):
    file, network = tmp_path / "weights.json", small_without_bias(dtype=np.float64)
    file.write_text("[[[1, 2], [3, 4], [5, 6]],\n [[0.5, -1e-3],\n  [7, 8]]]\n")
    ml.load_weights_json(network, str(file))
    np.testing.assert_array_equal(network.parameters, [1, 2, 3, 4, 5, 6, 0.5, -1e-3, 7, 8])
    ml.save_weights_json(network, file)
    assert json.loads(file.read_text()) == [[[1, 2], [3, 4], [5, 6]], [[0.5, -1e-3], [7, 8]]]


def test_json_refuses_biases(tmp_path: Path):
    for call in (ml.save_weights_json, ml.load_weights_json):
        with pytest.raises(ValueError, match="knows no biases"):
            call(small(), tmp_path / "weights.json")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "damaged"),
        ("[[[1, 2], [3, 4], [5, 6]], [[1, 2], [3", "damaged"),
        ("null", "damaged"),
        ("3", "damaged"),
        ('{"W1": [[1, 2]]}', "damaged"),
        ('[[["a", 2], [3, 4], [5, 6]], [[1, 2], [3, 4]]]', "damaged"),
        ("[[[1, 2], [3], [5, 6]], [[1, 2], [3, 4]]]", "damaged"),
        (DEEP, "damaged"),
        (f"[[[1{'0' * 400}, 2], [3, 4], [5, 6]], [[1, 2], [3, 4]]]", "damaged|infinity"),
        (f"[[[1{'0' * 9999}, 2], [3, 4], [5, 6]], [[1, 2], [3, 4]]]", "damaged|infinity"),
        ("[[[1e300, 2], [3, 4], [5, 6]], [[1, 2], [3, 4]]]", "NaN or infinity"),
        ("[[[NaN, 2], [3, 4], [5, 6]], [[1, 2], [3, 4]]]", "NaN or infinity"),
        ("[[[null, 2], [3, 4], [5, 6]], [[1, 2], [3, 4]]]", "NaN or infinity"),
        ("[[[1, 2], [3, 4], [5, 6]]]", r"shapes \[\(3, 2\)\], the network has \[\(3, 2\), \(2, 2\)\]"),
        ("[[[1, 3, 5], [2, 4, 6]], [[1, 2], [3, 4]]]", r"shapes \[\(2, 3\), \(2, 2\)\]"),
    ],
)
def test_damaged_json_is_refused(tmp_path: Path, text: str, message: str):
    file, network = tmp_path / "weights.json", small_without_bias()
    kept = network.parameters.copy()
    file.write_text(text)
    with pytest.raises(ml.FileFormatError, match=message):
        ml.load_weights_json(network, file)
    np.testing.assert_array_equal(network.parameters, kept)


def test_bytes_that_are_no_text_are_refused(tmp_path: Path):
    (tmp_path / "weights.json").write_bytes(b"\xff\xfe[[1]]")
    with pytest.raises(ml.FileFormatError, match="damaged"):
        ml.load_weights_json(small_without_bias(), tmp_path / "weights.json")


def test_one_network_always_makes_the_same_file(tmp_path):
    network = ml.Network([ml.Dense(3, 2), ml.ReLU(), ml.Dense(2, 2)])
    metadata = {f"name {number}": str(number) for number in range(8)}
    for number in range(5):
        ml.save_network(network, tmp_path / f"{number}.safetensors", metadata)
    assert len({file.read_bytes() for file in tmp_path.iterdir()}) == 1
    assert files.read_metadata(tmp_path / "0.safetensors").items() >= metadata.items()
