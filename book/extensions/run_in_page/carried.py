"""What stands beside the pages for their cells: the report's own wheel, SymPy, digits; and Pyodide if wanted."""

import json
import shutil
import tempfile
import zipfile
from importlib.metadata import files, version
from pathlib import Path

import numpy as np
import standalone

import mnistlab as ml
from run_in_page.release import INTERPRETER, copy, described, table

ASSETS = Path(__file__).with_name("assets")
WHEEL_IS_MADE_OF = ("mnistlab", "mnistbook", "pyproject.toml", "README.md", "LICENSE")
SYMPY = ("sympy", "mpmath")
MODULES = ("runner.py", "safetensors.py")
"""What the worker puts where Python finds it."""

PART, WHOLE = "digits.npz", "mnist.npz"
OF_TRAINING, OF_TEST = 5000, 1000
BESIDE = "pyodide/"
"""Where Pyodide stands if it comes from this site."""


def carry(folder: Path, release: Path | None) -> dict:
    """Fill a folder, with Pyodide out of another one if it is given; return and write what scripts are told of it."""
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(ASSETS, folder, ignore=shutil.ignore_patterns("button.js", "__pycache__"))
    wheel = _put_wheel(folder)
    sympy = _put_sympy(folder)
    _put_digits(folder)
    own = {name: described(folder / name) for name in ("worker.js", *MODULES, wheel, sympy, PART, WHOLE)}
    site = table() | {"interpreter": INTERPRETER, "wheel": wheel, "sympy": sympy, "part": PART, "whole": WHOLE}
    site |= {"own": own, "modules": MODULES}
    site["part_is"] = f"{OF_TRAINING:,} training images of MNIST and {OF_TEST:,} test images"
    if release:
        copy(release, folder / BESIDE)
        site["address"] = BESIDE
    (folder / "site.json").write_text(json.dumps(site), encoding="utf-8")
    return site


def _put_wheel(folder: Path) -> str:
    """Build the report's own wheel as pip would, with the tools of this environment; there may be no git here."""
    with tempfile.TemporaryDirectory() as copy:
        for name in WHEEL_IS_MADE_OF:
            source, target = standalone.ROOT / name, Path(copy, name)
            if source.is_dir():
                shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__", ".*"))
            else:
                shutil.copyfile(source, target)
        return standalone.wheel_of(Path(copy), folder, "--no-build-isolation").name


def _put_sympy(folder: Path) -> str:
    """Pack SymPy and what it needs as this report has them, so that proofs print alike; their tests stay behind."""
    path = folder / f"sympy-{version('sympy')}.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for file in (each for name in SYMPY for each in files(name) or ()):
            if not {"tests", "benchmarks", "__pycache__", ".."} & set(file.parts):
                archive.writestr(zipfile.ZipInfo(str(file)), file.read_binary(), zipfile.ZIP_DEFLATED)
    return path.name


def _put_digits(folder: Path) -> None:
    """Put MNIST into two files: a part that is soon there, and all of it."""
    mnist = ml.load_mnist()
    whole = {name: getattr(mnist, name) for name in ("x_train", "y_train", "x_test", "y_test")}
    counts = {"train": OF_TRAINING, "test": OF_TEST}
    np.savez_compressed(folder / WHOLE, **whole)
    np.savez_compressed(folder / PART, **{name: array[: counts[name[2:]]] for name, array in whole.items()})
