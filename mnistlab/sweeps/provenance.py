"""Where numbers come from: versions, commit, processor, date."""

from __future__ import annotations

import os
import platform
import subprocess
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

import numpy as np

import mnistlab

__all__ = ["COLUMNS", "checkout", "provenance"]

COLUMNS = ("mnistlab", "commit", "python", "numpy", "blas", "processor", "cores", "date")


@cache
def provenance() -> dict[str, object]:
    """Return what a stored number is stored with, as plain values, found out once in each process.

    ``mnistlab`` (version), ``commit`` (of the checkout that the library is imported from, with "-dirty" where its code
    has changes that are not committed; "unknown" without a checkout or git), ``python``, ``numpy``, ``blas`` (name and
    version), ``processor`` (name), ``cores`` (number), ``date`` (of today, in UTC).
    """
    blas = np.show_config(mode="dicts")["Build Dependencies"]["blas"]
    values = (
        mnistlab.__version__,
        _commit(),
        platform.python_version(),
        np.__version__,
        f"{blas['name']} {blas['version']}",
        _processor(),
        os.cpu_count() or 1,
        datetime.now(UTC).date().isoformat(),
    )
    return dict(zip(COLUMNS, values, strict=True))


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
        code = ("mnistlab", "mnistbook", "pyproject.toml", ":(exclude)mnistbook/results/*.csv")
        changed = _git(folder, "status", "--porcelain", "--", *code)
    except (OSError, subprocess.SubprocessError):
        return "unknown"
    return f"{commit}-dirty" if changed else commit


def _git(folder: Path, *arguments: str) -> str:
    done = subprocess.run(
        ["git", "--no-optional-locks", *arguments], cwd=folder, capture_output=True, text=True, timeout=60, check=True
    )
    return done.stdout.strip()


def _processor() -> str:
    try:
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return " ".join(line.partition(":")[2].split())
    except OSError:
        pass
    return platform.processor() or platform.machine() or "unknown"
