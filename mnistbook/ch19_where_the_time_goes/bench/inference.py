"""Images per second in large batches, and how long one image waits for its answer."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from mnistbook.ch19_where_the_time_goes.bench.measure import WorkerPool, row
from mnistbook.ch19_where_the_time_goes.bench.peers import OURS, PEERS, installed
from mnistbook.ch19_where_the_time_goes.bench.work import Work

__all__ = ["groups"]


def groups(short: bool) -> Iterator[tuple[str, object]]:
    """Yield a name and a function from a :class:`WorkerPool` to rows."""
    repetitions = 3 if short else 5
    yield "inference 1", lambda pool: _measure(pool, 1, 300 if short else 1_000, repetitions)
    yield "inference 10000", lambda pool: _measure(pool, 10_000, 3, repetitions)


def _measure(pool: WorkerPool, batch: int, calls: int, repetitions: int) -> list[dict]:
    work = Work()
    names = [name for name in PEERS if installed(name)]
    seconds: dict[str, list[np.ndarray]] = {name: [] for name in names}
    for _ in range(repetitions):
        for name in names:
            # One image at a time takes as long for ten thousand images as for one ten thousand times.
            seconds[name].append(np.array(pool.get(name, 1).ask("classify", work, batch, calls)))
    result = []
    for name, taken in seconds.items():
        quantities = {"images per second": [batch / np.median(one[:, 0]) for one in taken]}
        if batch == 1:
            quantities["latency p50, s"] = [np.percentile(one[:, 0], 50) for one in taken]
            quantities["latency p99, s"] = [np.percentile(one[:, 0], 99) for one in taken]
        ratios = [
            np.median(theirs, axis=0) / np.median(ours, axis=0)
            for theirs, ours in zip(taken, seconds[OURS], strict=True)
        ]
        ratio, processor_ratio = np.median(ratios, axis=0)
        for quantity, values in quantities.items():
            about = {"section": "inference", "peer": name, "network": str(work), "batch": batch, "threads": 1}
            result.append(row(quantity, values, **about, images=batch * calls))
        result[-len(quantities)] |= {"ratio": float(ratio), "processor_ratio": float(processor_ratio)}
    return result
