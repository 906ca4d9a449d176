"""What the machine can do at most: multiplications in a large matrix product, and bytes from memory."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from functools import partial

import numpy as np

from mnistbook.ch19_where_the_time_goes.bench.measure import WorkerPool, row
from mnistbook.ch19_where_the_time_goes.bench.peers import environment

__all__ = ["groups"]

PROGRAM = """
import sys
from mnistbook.ch19_where_the_time_goes.roofline import measure_machine
for _ in range(int(sys.argv[1])):
    print(*measure_machine(1))
"""


def groups(short: bool) -> Iterator[tuple[str, object]]:
    """Yield a name and a function from a :class:`WorkerPool` to rows."""
    for threads in sorted({1, min(2, os.cpu_count() or 1)}):
        yield f"hardware {threads}", partial(_measure, threads, 3 if short else 9)


def _measure(threads: int, repetitions: int, pool: WorkerPool) -> list[dict]:
    command = [sys.executable, "-c", PROGRAM, str(repetitions)]
    variables = environment(threads, pool.keep_environment)
    text = subprocess.run(command, env=variables, capture_output=True, text=True, check=True).stdout
    peaks, memory, cache = 1e-9 * np.array([line.split() for line in text.splitlines()], float).T
    about = {"section": "hardware", "peer": "NumPy", "threads": threads}
    return [
        row("peak of a float32 matrix product, Gflop/s", peaks, **about),
        row("copying in main memory by one thread, GB/s", memory, **about),
        row("copying in a cache by one thread, GB/s", cache, **about),
    ]
