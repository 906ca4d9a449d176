"""Settings and fixtures that several test files share."""

from __future__ import annotations

import hashlib
import os
import shutil

# Before anything imports TensorFlow: silent, and with the plain order of additions.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "0")

import numpy as np
import pytest
from hypothesis import HealthCheck, settings

# The same examples on every run, so that a red build is red for everybody; --hypothesis-profile=explore goes further.
_common = {"deadline": None, "suppress_health_check": [HealthCheck.too_slow], "print_blob": True}
settings.register_profile("reproducible", derandomize=True, max_examples=100, **_common)
settings.register_profile("explore", max_examples=1000, **_common)
settings.load_profile("reproducible")


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(0)


@pytest.fixture(scope="session")
def clusters() -> tuple[np.ndarray, np.ndarray]:
    """300 samples of three classes that a straight line can tell apart: shapes (300, 4) and (300,)."""
    rng = np.random.default_rng(7)
    y = rng.integers(0, 3, 300)
    centres = np.array([[2, 0, 0, 1], [0, 2, 0, -1], [0, 0, 2, 0]])
    x = (centres[y] + 0.3 * rng.standard_normal((300, 4))).astype(np.float32)
    x.flags.writeable = y.flags.writeable = False
    return x, y


@pytest.fixture
def digits(monkeypatch: pytest.MonkeyPatch) -> dict[str, np.ndarray]:
    """Twelve images that are "MNIST" for this test; no source has them unless the test sets one up."""
    rng = np.random.default_rng(0)
    arrays = {
        "x_train": rng.integers(256, size=(8, 28, 28), dtype=np.uint8),
        "y_train": rng.integers(10, size=8, dtype=np.uint8),
        "x_test": rng.integers(256, size=(4, 28, 28), dtype=np.uint8),
        "y_test": rng.integers(10, size=4, dtype=np.uint8),
    }
    known = {name: (array.shape, hashlib.sha256(array).hexdigest()) for name, array in arrays.items()}
    monkeypatch.setattr("mnistlab.mnist._ARRAYS", known)
    monkeypatch.setattr("mnistlab.mnist._CANONICAL", "http://127.0.0.1:9/mnist.npz")
    monkeypatch.delenv("MNISTLAB_DATA", raising=False)
    return arrays


@pytest.fixture(scope="module")
def browser():
    """Chromium, or what is like it, in the hands of Playwright."""
    names = ("chromium", "chromium-browser", "google-chrome")
    program = os.environ.get("MNISTLAB_BROWSER") or next(filter(None, map(shutil.which, names)), None)
    if not program:
        pytest.skip("there is no Chromium on this machine")
    sync_api = pytest.importorskip("playwright.sync_api")
    with sync_api.sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        yield running
        running.close()
