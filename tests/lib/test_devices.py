"""The same code on a GPU's arrays: on an array type as strict as CuPy's everywhere, on CuPy where there is a GPU."""

import sys

import numpy as np
import pytest
from device_array import DeviceArray, fake_cupy

import mnistlab as ml
from mnistlab.devices import DeviceError, array_module, to_host
from mnistlab.images import Augmentation


def has_gpu():
    try:
        array_module("cuda")
    except DeviceError:
        return False
    return True


@pytest.fixture(params=["strict", "gpu"])
def cuda(request, monkeypatch):
    """A device of the name "cuda", imitated or real."""
    if request.param == "strict":
        monkeypatch.setitem(sys.modules, "cupy", fake_cupy())
    elif not has_gpu():
        pytest.skip("there is no CuPy with a GPU on this machine")
    return request.param


LAYERS = {
    "dense": lambda: [ml.Dense(784, 12), ml.ReLU(), ml.Dense(12, 10)],
    "dropout": lambda: [ml.Dropout(0.2), ml.Dense(784, 12, bias=False), ml.Tanh(), ml.Dropout(0.5), ml.Dense(12, 10)],
    "softmax": lambda: [ml.Dense(784, 12), ml.Sigmoid(), ml.Dense(12, 10), ml.Softmax()],
}
OPTIMIZERS = {
    "sgd": lambda: ml.SGD(0.1),
    "nesterov": lambda: ml.SGD(0.1, 0.9, nesterov=True, weight_decay=1e-3),
    "adam": lambda: ml.Adam(l2=1e-3),
}


def trained(digits, layers, optimizer, device, **options):
    x, y = digits
    network = ml.Network(LAYERS[layers](), seed=1, device=device)
    options = {"epochs": 2, "batch_size": 32, "validation_split": 0.2, "progress": False} | options
    history = ml.fit(network, x, y, optimizer=OPTIMIZERS[optimizer](), **options)
    return network, history


@pytest.fixture(scope="module")
def digits():
    mnist = ml.load_mnist()
    return ml.to_vectors(mnist.x_train[:400]), mnist.y_train[:400]


@pytest.mark.parametrize("layers", LAYERS)
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_a_training_on_the_device_is_the_training_on_the_processor(cuda, digits, layers, optimizer):
    ours, history = trained(digits, layers, optimizer, "cpu")
    theirs, again = trained(digits, layers, optimizer, "cuda")
    assert not isinstance(theirs.parameters, np.ndarray)
    exact = cuda == "strict"
    tolerance = 0 if exact else 1e-3
    np.testing.assert_allclose(again["loss"], history["loss"], rtol=tolerance)
    np.testing.assert_allclose(to_host(theirs.parameters), ours.parameters, atol=tolerance, rtol=0)
    np.testing.assert_allclose(again["validation_loss"], history["validation_loss"], rtol=tolerance)
    x, _ = digits
    np.testing.assert_allclose(theirs.predict_proba(x), ours.predict_proba(x), atol=tolerance)


def test_augmentation_and_early_stopping_work_on_the_device(cuda, digits):
    options = {"augment": Augmentation.affine(), "early_stopping": ml.EarlyStopping(1), "epochs": 3}
    ours, _ = trained(digits, "dense", "nesterov", "cpu", **options)
    theirs, _ = trained(digits, "dense", "nesterov", "cuda", **options)
    np.testing.assert_allclose(to_host(theirs.parameters), ours.parameters, atol=0 if cuda == "strict" else 1e-3)


def test_a_training_on_the_device_goes_on_where_it_stopped(cuda, digits, tmp_path):
    whole, _ = trained(digits, "dense", "adam", "cuda", epochs=3)
    file = tmp_path / "training.npz"
    trained(digits, "dense", "adam", "cuda", epochs=1, checkpoint=file)
    resumed, history = trained(digits, "dense", "adam", "cuda", epochs=3, checkpoint=file, resume=True)
    assert len(history) == 3
    np.testing.assert_array_equal(to_host(resumed.parameters), to_host(whole.parameters))


def test_there_and_back(cuda, tmp_path):
    network = ml.Network(LAYERS["dense"](), seed=2)
    before = network.parameters.copy()
    assert network.to("cuda") is network
    assert not isinstance(network.layers[0].W, np.ndarray)
    ml.save_network(network, tmp_path / "network.safetensors")
    np.testing.assert_array_equal(ml.load_network(tmp_path / "network.safetensors").parameters, before)
    np.testing.assert_array_equal(network.to("cpu").parameters, before)
    network.layers[0].W[...] = 0
    assert (network.parameters == 0).sum() >= 784 * 12


def test_the_strict_array_refuses_what_cupy_refuses():
    there = DeviceArray(np.ones(3))
    with pytest.raises(TypeError, match="main memory"):
        there + np.ones(3)
    with pytest.raises(TypeError, match="main memory"):
        there[:] = np.ones(3)
    with pytest.raises(TypeError, match="implicit"):
        np.asarray(there)
    with pytest.raises(TypeError):
        np.median(there)


def test_the_command_line_says_what_is_missing(monkeypatch, tmp_path):
    pytest.importorskip("typer")
    from typer.testing import CliRunner

    from mnistlab.cli import app

    monkeypatch.setitem(sys.modules, "cupy", None)
    done = CliRunner().invoke(app, ["train", "--device", "cuda", "--output", str(tmp_path / "network.safetensors")])
    assert done.exit_code == 1 and "needs CuPy" in done.output and "Traceback" not in done.output


def test_a_device_that_is_not_there_is_explained(monkeypatch):
    with pytest.raises(ValueError, match="'cpu' or 'cuda', not 'gpu'"):
        ml.Network([ml.Dense(2, 2)], device="gpu")
    monkeypatch.setitem(sys.modules, "cupy", None)
    with pytest.raises(DeviceError, match="needs CuPy"):
        ml.Network([ml.Dense(2, 2)], device="cuda")
    for devices in (0, None):
        monkeypatch.setitem(sys.modules, "cupy", fake_cupy(devices))
        with pytest.raises(DeviceError, match="finds no GPU"):
            ml.Network([ml.Dense(2, 2)], device="cuda")
