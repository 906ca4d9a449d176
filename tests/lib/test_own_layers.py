"""A user's own layer: saved, loaded and shown in a pad like the library's."""

from __future__ import annotations

import base64
import json
import re
import subprocess
from importlib.resources import files
from shutil import which

import numpy as np
import pytest

import mnistlab as ml


class LeakyReLU(ml.Layer):
    """With a slope of its own for each unit."""

    javascript = """(layer, take) => {
        const slopes = take(layer.units);
        return (x) => x.map((value, i) => (value > 0 ? value : slopes[i] * value));
    }"""

    def __init__(self, units: int):
        self.units = units

    def parameter_shapes(self) -> dict[str, tuple[int, ...]]:
        return {"slope": (self.units,)}

    def initialize(self, rng: np.random.Generator) -> None:
        self.slope[...] = rng.uniform(0.1, 0.3, self.units)

    def forward(self, x: np.ndarray, rng: np.random.Generator | None = None) -> np.ndarray:
        self.x = x
        return np.where(x > 0, x, self.slope * x)

    def backward(self, dy: np.ndarray, need_dx: bool = True) -> np.ndarray:
        self.dslope = np.sum(dy * np.minimum(self.x, 0), axis=0)
        return dy * np.where(self.x > 0, 1, self.slope)

    def config(self) -> dict[str, object]:
        return {"units": self.units}


class Forgetful(ml.Layer):
    """Whose config does not say with what it was made."""

    def __init__(self, power: int = 2):
        self.power = power

    def forward(self, x: np.ndarray, rng: np.random.Generator | None = None) -> np.ndarray:
        return x**self.power


class Needy(Forgetful):
    def __init__(self, power: int):
        super().__init__(power)


def network(dtype: type = np.float32) -> ml.Network:
    return ml.Network([ml.Dense(784, 12), LeakyReLU(12), ml.Dense(12, 10)], seed=3, dtype=dtype)


def test_its_gradient_is_right(rng: np.random.Generator):
    batch = rng.standard_normal((3, 784)), rng.dirichlet(np.ones(10), 3)
    assert ml.check_direction(network(np.float64), ml.SoftmaxCrossEntropy(), *batch, rng=rng) < 1e-6


def test_it_comes_back_from_a_file(tmp_path, rng: np.random.Generator):
    path, saved, x = tmp_path / "own.safetensors", network(), rng.random((5, 784), dtype=np.float32)
    ml.save_network(saved, path)
    loaded = ml.load_network(path)
    assert repr(loaded) == repr(saved)
    np.testing.assert_array_equal(loaded.outputs(x), saved.outputs(x))


def test_a_file_of_a_layer_that_is_not_defined_says_what_to_do(tmp_path, monkeypatch):
    path = tmp_path / "own.safetensors"
    ml.save_network(network(), path)
    from mnistlab import layer

    monkeypatch.delitem(layer.LAYERS, "LeakyReLU")
    with pytest.raises(ml.FileFormatError, match=r"'LeakyReLU', which .* if it is your own, import its module"):
        ml.load_network(path)


def test_a_class_that_is_defined_again_replaces_itself(tmp_path):
    """As when the cell of a notebook is run twice."""

    def define() -> type[ml.Layer]:
        class Again(LeakyReLU):
            pass

        return Again

    old, new = define(), define()
    ml.save_network(ml.Network([ml.Dense(2, 3), old(3)]), tmp_path / "own.safetensors")
    assert type(ml.load_network(tmp_path / "own.safetensors").layers[1]) is new


@pytest.mark.parametrize(
    ("layer", "message"),
    [
        (lambda: Needy(3), r"Needy\(\) cannot be saved: its config\(\) does not make it again"),
        (lambda: type("ReLU", (ml.Tanh,), {})(), "there is another ReLU, in mnistlab.layers"),
    ],
)
def test_what_would_not_come_back_is_not_saved(layer, message, tmp_path):
    with pytest.raises(ValueError, match=message):
        ml.save_network(ml.Network([ml.Dense(2, 2), layer()]), tmp_path / "own.safetensors")
    assert list(tmp_path.iterdir()) == []


def test_the_librarys_names_stay_the_librarys(tmp_path):
    type("Dense", (ml.Dense,), {})
    ml.save_network(ml.Network([ml.Dense(2, 2)]), tmp_path / "plain.safetensors")
    assert type(ml.load_network(tmp_path / "plain.safetensors").layers[0]) is ml.Dense


def test_a_pad_reads_with_it(rng: np.random.Generator):
    digit_pad = pytest.importorskip("mnistlab.app.digit_pad")
    pad = digit_pad.DigitPad(network())
    page = pad._repr_html_()
    assert "LeakyReLU: (layer, take) =>" in page
    np.testing.assert_allclose(pad.network().parameters, network().parameters, atol=1e-3)
    if which("node") is None:
        pytest.skip("there is no node to run the page's script with")
    image = rng.integers(0, 256, 784)
    start = json.loads(re.search(r"const network = (\{.*\});\n", page)[1])
    script = files("mnistlab.app").joinpath("assets", "digit_reader.js").read_text("utf-8")
    script += f"\nconst network = {json.dumps(start)};\nnetwork.kinds = {{LeakyReLU: {LeakyReLU.javascript}}};\n"
    script += f"console.log(JSON.stringify([...digitReader(network).read({image.tolist()}).probabilities]));"
    script = script.replace("atob(parameters)", 'Buffer.from(parameters, "base64").toString("latin1")')
    done = subprocess.run(["node", "-"], input=script, capture_output=True, text=True, check=True)
    expected = pad.network().predict_proba((image[None] / 255).astype(np.float32))[0]
    np.testing.assert_allclose(json.loads(done.stdout), expected, atol=1e-5)
    assert base64.b64decode(start["parameters"])
