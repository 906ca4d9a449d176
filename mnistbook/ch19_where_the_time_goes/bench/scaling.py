"""How the time of an epoch grows with hidden units and depth."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from mnistbook.ch19_where_the_time_goes.bench.measure import WorkerPool, epochs, rows
from mnistbook.ch19_where_the_time_goes.bench.peers import BOUND, OURS
from mnistbook.ch19_where_the_time_goes.bench.training import EPOCH, about
from mnistbook.ch19_where_the_time_goes.bench.work import Work

__all__ = ["groups"]

NAMES = (OURS, "JAX", BOUND)
HIDDEN = (30, 100, 300, 1_000, 3_000)
DEPTHS = (1, 2, 4, 8)


def groups(short: bool) -> Iterator[tuple[str, object]]:
    """Yield a name and a function from a :class:`WorkerPool` to rows."""
    if short:
        return
    for units in HIDDEN:
        work = Work((784, units, 10), count=10_000 if units < 1_000 else 5_000)
        yield f"scaling units {units}", partial(_measure, "hidden units", units, work)
    for depth in DEPTHS:
        work = Work((784, *(300,) * depth, 10), count=10_000)
        yield f"scaling depth {depth}", partial(_measure, "hidden layers", depth, work)


def _measure(variable: str, value: int, work: Work, pool: WorkerPool) -> list[dict]:
    times = epochs(pool, NAMES, dict.fromkeys(NAMES, work), 1, 5)
    where = {"variable": variable, "value": value, "threads": 1, "images": EPOCH}
    return rows("seconds per epoch", times, EPOCH / work.count, section="scaling", **where, **about(work))
