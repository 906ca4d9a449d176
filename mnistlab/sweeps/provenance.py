"""Where numbers come from: versions, commit, processor, date."""

from __future__ import annotations

import os
import platform
import re
import subprocess
import sys
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from threadpoolctl import threadpool_info

import mnistlab

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["COLUMNS", "NOT_RECORDED", "checkout", "completed", "provenance"]

COLUMNS = (
    "mnistlab",
    "commit",
    "python",
    "numpy",
    "blas",
    "kernels",
    "tensorflow",
    "processor",
    "features",
    "cores",
    "date",
)

NOT_RECORDED = "not recorded"
"""What stands for a value that was not asked for when a number was stored."""

FEATURES = re.compile(r"sse4|avx|fma|f16c|amx|asimd|sve|sme\d*$")
"""How the names begin of those features of a processor that decide which instructions multiply and add."""


def provenance() -> dict[str, object]:
    """Return what a stored number is stored with, as plain values.

    ``mnistlab`` (version), ``commit`` (of the checkout that the library is imported from, with "-dirty" where its code
    has changes that are not committed; "unknown" without a checkout or git), ``python``, ``numpy``, ``blas`` (name and
    version), ``kernels`` (of the BLAS: the architecture for which it was written), ``tensorflow`` (version, or "not
    used" where it has not been imported), ``processor`` (name, and the numbers of its family, model and stepping where
    they are known), ``features`` (of the processor, such as ``avx2`` and ``fma``, separated by blanks), ``cores``
    (number), ``date`` (of today, in UTC). All but TensorFlow's version is found out once in each process.
    """
    return _found() | {"tensorflow": getattr(sys.modules.get("tensorflow"), "__version__", "not used")}


@cache
def _found() -> dict[str, object]:
    blas = np.show_config(mode="dicts")["Build Dependencies"]["blas"]
    values = (
        mnistlab.__version__,
        _commit(),
        platform.python_version(),
        np.__version__,
        f"{blas['name']} {blas['version']}",
        _kernels(),
        "not used",
        *_processor(),
        os.cpu_count() or 1,
        datetime.now(UTC).date().isoformat(),
    )
    return dict(zip(COLUMNS, values, strict=True))


def completed(frame: pd.DataFrame) -> pd.DataFrame:
    """Return rows with "not recorded" where their provenance, if they have one, is older than some of its columns."""
    if not {"commit", "processor", "date"} <= set(frame):
        return frame
    known = {name: frame[name].fillna(NOT_RECORDED) for name in COLUMNS if name in frame and name != "cores"}
    return frame.assign(**known, **{name: NOT_RECORDED for name in COLUMNS if name not in frame})


def checkout() -> Path | None:
    """Return the folder of the checkout that the library is imported from, or None where it is installed."""
    folder = Path(mnistlab.__file__).resolve().parents[1]
    return folder if (folder / "pyproject.toml").is_file() else None


def _commit() -> str:
    folder = checkout()
    if folder is None or not (folder / ".git").exists():  # a checkout within another repository is not that one's
        return "unknown"
    try:
        commit = _git(folder, "rev-parse", "HEAD")[:12]
        # Pages and results may change while experiments run; what computes the numbers may not.
        results = tuple(f":(exclude)mnistbook/results/{names}" for names in ("*.csv", "*.npz", "SHA256SUMS"))
        changed = _git(folder, "status", "--porcelain", "--", "mnistlab", "mnistbook", "pyproject.toml", *results)
    except (OSError, subprocess.SubprocessError):
        return "unknown"
    return f"{commit}-dirty" if changed else commit


def _git(folder: Path, *arguments: str) -> str:
    done = subprocess.run(
        ["git", "--no-optional-locks", *arguments], cwd=folder, capture_output=True, text=True, timeout=60, check=True
    )
    return done.stdout.strip()


def _kernels() -> str:
    """Return the architecture for which the kernels of NumPy's BLAS were written; that of scipy's is another matter."""
    loaded = [entry for entry in threadpool_info() if entry["user_api"] == "blas"]
    of_numpy = [entry for entry in loaded if "numpy" in Path(entry["filepath"]).parent.name] or loaded
    return next((entry["architecture"] for entry in of_numpy if entry.get("architecture")), "unknown")


def _processor(path: Path = Path("/proc/cpuinfo")) -> tuple[str, str]:
    """Return name and features of the first processor."""
    try:
        first = path.read_text(encoding="utf-8").split("\n\n")[0]
    except OSError:
        first = ""
    about = {name.strip(): " ".join(value.split()) for name, _, value in (s.partition(":") for s in first.splitlines())}
    name = about.get("model name") or platform.processor() or platform.machine() or "unknown"
    numbers = [f"{what} {about[key]}" for what, key in _NUMBERS.items() if key in about]
    flags = [flag for flag in about.get("flags", about.get("Features", "")).split() if FEATURES.match(flag)]
    # Where the system does not say, NumPy does, in words of its own.
    found = flags or np.show_config(mode="dicts")["SIMD Extensions"].get("found", [])
    return ", ".join([name, *numbers]), " ".join(sorted(found)) or "unknown"


_NUMBERS = {"family": "cpu family", "model": "model", "stepping": "stepping"}
