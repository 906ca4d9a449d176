"""What the machine can do at most: multiplications in a large matrix product, and bytes from memory."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from functools import partial

from benchmarks.speed.measure import Crew, row
from benchmarks.speed.peers import environment

__all__ = ["groups"]

PROGRAM = """
import sys, time
import numpy as np
rng, repetitions = np.random.default_rng(0), int(sys.argv[1])
a, b = (rng.standard_normal((1536, 1536)).astype(np.float32) for _ in range(2))
source = rng.random(2**26, dtype=np.float32)
out, target = np.empty_like(a), np.empty_like(source)
for number in range(repetitions + 1):
    begin = time.perf_counter()
    np.matmul(a, b, out=out)
    rate = 2 * len(a) ** 3 / (time.perf_counter() - begin)
    begin = time.perf_counter()
    np.copyto(target, source)
    bandwidth = 2 * source.nbytes / (time.perf_counter() - begin)
    if number:
        print(rate / 1e9, bandwidth / 1e9)
"""


def groups(short: bool) -> Iterator[tuple[str, object]]:
    """Yield a name and a function from a :class:`Crew` to rows."""
    for threads in sorted({1, min(2, os.cpu_count() or 1)}):
        yield f"hardware {threads}", partial(_measure, threads, 3 if short else 9)


def _measure(threads: int, repetitions: int, crew: Crew) -> list[dict]:
    command = [sys.executable, "-c", PROGRAM, str(repetitions)]
    variables = environment(threads, crew.keep_environment)
    text = subprocess.run(command, env=variables, capture_output=True, text=True, check=True).stdout
    rates, bandwidths = zip(*(map(float, line.split()) for line in text.splitlines()), strict=True)
    about = {"section": "hardware", "peer": "NumPy", "threads": threads}
    return [
        row("peak of a float32 matrix product, Gflop/s", rates, **about),
        row("copying in memory, read and write, GB/s (one thread)", bandwidths, **about),
    ]
