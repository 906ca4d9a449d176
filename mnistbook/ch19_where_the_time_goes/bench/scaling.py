"""How the time of an epoch grows with hidden units, depth, data and threads."""

from __future__ import annotations

import os
from collections.abc import Iterator
from functools import partial

from mnistbook.ch19_where_the_time_goes.bench.measure import WorkerPool, epochs, rows
from mnistbook.ch19_where_the_time_goes.bench.peers import BOUND, OURS
from mnistbook.ch19_where_the_time_goes.bench.training import about
from mnistbook.ch19_where_the_time_goes.bench.work import Work

__all__ = ["groups"]

NAMES = (OURS, "PyTorch, flush", BOUND)
HIDDEN = (30, 100, 300, 1_000, 3_000)
DEPTHS = (1, 2, 4, 8)
COUNTS = (3_750, 7_500, 15_000, 30_000, 60_000)


def groups(short: bool) -> Iterator[tuple[str, object]]:
    """Yield a name and a function from a :class:`WorkerPool` to rows."""
    if short:
        return
    for units in HIDDEN:
        work = Work((784, units, 10), count=10_000 if units < 1_000 else 5_000)
        yield f"scaling units {units}", partial(_measure, "hidden units", units, work, 1)
    for depth in DEPTHS:
        work = Work((784, *(300,) * depth, 10), count=10_000)
        yield f"scaling depth {depth}", partial(_measure, "hidden layers", depth, work, 1)
    for count in COUNTS:
        yield f"scaling images {count}", partial(_measure, "images", count, Work(count=count), 1)
    threads = 1
    while threads <= (os.cpu_count() or 1):
        yield f"scaling threads {threads}", partial(_measure, "threads", threads, Work(count=20_000), threads)
        threads *= 2


def _measure(variable: str, value: int, work: Work, threads: int, pool: WorkerPool) -> list[dict]:
    times = epochs(pool, NAMES, dict.fromkeys(NAMES, work), threads, 5)
    whole = work.count if variable == "images" else 60_000
    where = {"variable": variable, "value": value, "threads": threads, "images": whole}
    return rows("seconds per epoch", times, whole / work.count, section="scaling", **where, **about(work))
