"""Run every check of 'make test', whatever fails, and sum them up."""

import os
import sys
from collections.abc import Sequence

from common import ROOT, run, say

PYTHON = (sys.executable, "-m")
SECONDS_PER_CELL = 600


def main() -> int:
    """Run the checks; return 1 if one failed."""
    cores = os.cpu_count() or 1
    processes = min(4, cores)
    parallel = ("-n", str(processes), "--dist", "loadfile")
    checks: dict[str, Sequence[str]] = {
        "ruff check": (*PYTHON, "ruff", "check"),
        "ruff format": (*PYTHON, "ruff", "format", "--check"),
        "codespell": (*PYTHON, "codespell_lib"),
        "mypy": (*PYTHON, "mypy"),
        "pytest": (*PYTHON, "pytest", "-q", "-m", "not report", *parallel),
        "nbval": (
            *PYTHON,
            "pytest",
            "-q",
            "--nbval",
            f"--nbval-cell-timeout={SECONDS_PER_CELL}",
            *parallel,
            str(ROOT / "notebooks"),
        ),
    }
    failed = []
    for name, command in checks.items():
        say(f"== {name}")
        if run(*command, threads=max(1, cores // processes)):
            failed.append(name)
    say("\n== summary")
    for name in checks:
        say(f"{name:12} {'FAILED' if name in failed else 'passed'}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
