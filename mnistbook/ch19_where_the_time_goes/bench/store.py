"""What was measured, kept line by line while it goes on, so that a run that was cut resumes where it stopped."""

from __future__ import annotations

import json
import subprocess
import sys
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import pandas as pd

from mnistbook.ch19_where_the_time_goes.bench.peers import environment
from mnistlab.sweeps.provenance import provenance

__all__ = ["COLUMNS", "Store", "versions"]

COLUMNS = (
    "section",
    "peer",
    "network",
    "optimizer",
    "batch",
    "dropout",
    "weight_decay",
    "threads",
    "images",
    "variable",
    "value",
    "quantity",
    "median",
    "q1",
    "q3",
    "repetitions",
    "ratio",
    "ratio_q1",
    "ratio_q3",
    "processor_seconds",
    "processor_ratio",
)


PACKAGES = {
    "jax": ("jax",),
    "torch": ("torch",),
    "tensorflow": ("tensorflow", "tensorflow-cpu"),
    "keras": ("keras",),
    "scikit-learn": ("scikit-learn",),
}
"""Column of the table: names under which the package may be installed."""

KERNELS = """
import numpy, threadpoolctl
print(next((one["architecture"] for one in threadpoolctl.threadpool_info() if "architecture" in one), "unknown"))
"""


@cache
def versions(keep_environment: bool = False) -> dict[str, str]:
    """Return the versions of the peers, and the name of the kernels that NumPy's BLAS runs in their processes."""
    found = {}
    for package, names in PACKAGES.items():
        found[package] = next(filter(None, map(_version, names)), "not installed")
    variables = environment(1, keep_environment)
    done = subprocess.run([sys.executable, "-c", KERNELS], env=variables, capture_output=True, text=True, check=True)
    return found | {"blas_kernels": done.stdout.strip()}


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


class Store:
    """Rows of a run, in a file of one JSON line a group.

    Parameters
    ----------
    path
        The file, or None to keep nothing. It is begun anew if it comes from other code, another machine, other versions
        or other settings.
    settings
        What else two runs must have in common to be one.
    keep_environment
        Whether settings that choose a library's kernels by hand are left in.
    """

    def __init__(self, path: Path | None, settings: dict[str, object], keep_environment: bool = False):
        self.path, self.versions = path, versions(keep_environment)
        rest = {name: value for name, value in provenance().items() if name != "date"}
        self.origin = json.dumps(rest | self.versions | settings, sort_keys=True)
        self.groups: dict[str, list[dict]] = {}
        for text in path.read_text(encoding="utf-8").splitlines() if path and path.is_file() else ():
            try:
                line = json.loads(text)
            except json.JSONDecodeError:  # nothing, or a line at which the machine went down
                continue
            if line["origin"] == self.origin:
                self.groups[line["group"]] = line["rows"]

    def add(self, group: str, rows: list[dict]) -> None:
        """Keep the rows of a group that is done."""
        self.groups[group] = rows
        if self.path is None:
            return
        self.path.parent.mkdir(parents=True, exist_ok=True)
        line = {"group": group, "origin": self.origin, "rows": rows}
        with self.path.open("a", encoding="utf-8") as file:
            file.write("\n" + json.dumps(line, default=float) + "\n")  # first an end to a line that was cut

    def frame(self) -> pd.DataFrame:
        """Return all rows, with the versions of the peers."""
        rows = [one for group in self.groups.values() for one in group]
        return pd.DataFrame(rows).reindex(columns=list(COLUMNS)).assign(**self.versions)
