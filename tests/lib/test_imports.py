"""What importing the library loads, what it offers, and the examples in its docstrings."""

from __future__ import annotations

import doctest
import os
import pkgutil
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

import mnistlab

ROOMS = {f"mnistlab.{room}" for room in ("app", "cli", "interop", "sweeps", "symbolic")}
THEIRS = {"PIL", "fastapi", "gradio", "joblib", "matplotlib", "optuna", "pandas", "pooch", "safetensors", "sklearn"}
THEIRS |= {"threadpoolctl", "typer"}
HEAVY = {*ROOMS, *THEIRS, "keras", "scipy", "sympy", "tensorflow"}


def loaded_by(code: str) -> set[str]:
    """Modules that a fresh interpreter has loaded after ``code``."""
    environment = {**os.environ, "PYTHONPATH": str(Path(mnistlab.__file__).parents[1])}
    command = [sys.executable, "-c", f"{code}\nimport sys\nprint(*sys.modules)"]
    return set(subprocess.run(command, env=environment, check=True, capture_output=True, text=True).stdout.split())


def test_importing_the_library_loads_numpy_only():
    modules = loaded_by("import mnistlab")
    assert {"mnistlab.training", "numpy"} <= modules
    assert modules & HEAVY == set()


def test_rooms_are_loaded_when_they_are_asked_for():
    modules = loaded_by("from mnistlab import save_network")
    assert modules & HEAVY == {"mnistlab.interop", "safetensors"}


def test_every_public_name_is_there():
    assert len(set(mnistlab.__all__)) == len(mnistlab.__all__)
    for name in mnistlab.__all__:
        assert getattr(mnistlab, name).__doc__, name
    with pytest.raises(AttributeError, match="module 'mnistlab' has no attribute 'Convolution'"):
        mnistlab.Convolution  # noqa: B018


def test_all_names_of_each_module_are_there():
    for info in pkgutil.walk_packages(mnistlab.__path__, "mnistlab."):
        module = import_module(info.name)
        for name in getattr(module, "__all__", ()):
            assert hasattr(module, name), f"{info.name}.{name}"


def test_examples_in_docstrings():
    names = ["mnistlab", *(info.name for info in pkgutil.walk_packages(mnistlab.__path__, "mnistlab."))]
    results = {name: doctest.testmod(import_module(name), optionflags=doctest.ELLIPSIS) for name in names}
    assert {name: result.failed for name, result in results.items() if result.failed} == {}
    assert sum(result.attempted for result in results.values()) >= 4
