"""Seconds per epoch on a GPU: the library on CuPy's arrays beside PyTorch on the same GPU, in float32.

gpu.py               print a table
gpu.py --json FILE   write the rows to a file as well, with the GPU's name and all versions

Needs CuPy, a GPU, and PyTorch with CUDA; without PyTorch the library is timed alone. Peers take turns, an epoch each,
in a process of their own; the first epoch, which compiles, does not count. Neither uses TF32.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterable
from contextlib import closing
from pathlib import Path

import pandas as pd

from mnistbook.ch19_where_the_time_goes.bench import report
from mnistbook.ch19_where_the_time_goes.bench.measure import WorkerPool, epochs, rows
from mnistbook.ch19_where_the_time_goes.bench.peers import OURS
from mnistbook.ch19_where_the_time_goes.bench.store import COLUMNS, versions
from mnistbook.ch19_where_the_time_goes.bench.training import EPOCH, about
from mnistbook.ch19_where_the_time_goes.bench.work import Work
from mnistlab.devices import DeviceError, array_module
from mnistlab.sweeps.provenance import provenance

NAMES = (OURS, "PyTorch", "PyTorch, fused")
WORKS = (
    Work((784, 300, 10), 32, device="cuda"),
    Work((784, 300, 10), 128, device="cuda"),
    Work((784, 300, 10), 1024, device="cuda"),
    Work((784, 800, 10), 128, "adam", device="cuda"),
    Work((784, 4096, 4096, 4096, 10), 1024, "adam", device="cuda"),
)


def measure(works: Iterable[Work], repetitions: int) -> list[dict]:
    """Return a row a peer for each work: seconds per epoch of 60,000 images, quartiles, ratio to this library."""
    found = []
    with closing(WorkerPool()) as pool:
        for work in works:
            times = epochs(pool, NAMES, dict.fromkeys(NAMES, work), 1, repetitions)
            found += rows(
                "seconds per epoch", times, EPOCH / work.count, section="GPU", device=work.device, **about(work)
            )
    return found


def table(found: list[dict]) -> str:
    """Return the rows as text."""
    return report.text(pd.DataFrame(found).reindex(columns=list(COLUMNS)))


def gpu() -> dict[str, str]:
    """Return the GPU's name, and the versions of what computes on it.

    Raises
    ------
    DeviceError
        If there is no GPU, or no CuPy.
    """
    cupy = array_module("cuda")
    name = cupy.cuda.runtime.getDeviceProperties(0)["name"].decode()
    return {"gpu": name, "cupy": cupy.__version__, "torch": versions()["torch"]}


def main(arguments: list[str]) -> int:
    """Measure, print, and write if asked; return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the numbers there")
    parser.add_argument("--repetitions", type=int, default=7, help="epochs of each that count (7)")
    options = parser.parse_args(arguments)
    if options.repetitions < 1:
        parser.error("--repetitions must be at least 1")
    try:
        machine = gpu() | provenance()
    except DeviceError as error:
        print(error, file=sys.stderr)
        return 1
    found = measure(WORKS, options.repetitions)
    print(table(found))
    print(f"\nmedian of {options.repetitions} epochs of 60,000 images, after one that does not count")
    print(", ".join(f"{name} {value}" for name, value in machine.items()))
    if options.json:
        options.json.write_text(json.dumps({"rows": found, **machine}, indent=1) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
