"""Seconds from a cold start until an accuracy is reached, all peers with the same settings.

A cold start is a new process: importing the framework and compiling count, reading the data does not, nor does looking
how good the network is. All train 784-300-10 with momentum, batches of 128 and the same rate, for as many epochs, on
the first 50,000 training images; the last 10,000 say how good the network is. Initial weights and order are each
peer's own.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from functools import partial

from mnistbook.ch19_where_the_time_goes.bench.measure import WorkerPool, row
from mnistbook.ch19_where_the_time_goes.bench.peers import OURS, installed
from mnistbook.ch19_where_the_time_goes.bench.training import about
from mnistbook.ch19_where_the_time_goes.bench.work import HELD_OUT, Work
from mnistbook.ch19_where_the_time_goes.bench.worker import Worker

__all__ = ["TARGETS", "groups"]

TARGETS = (0.96, 0.97, 0.975)
NAMES = (OURS, "JAX", "PyTorch, fused", "Keras, 25 steps a call", "scikit-learn")
WORK = Work(count=60_000 - HELD_OUT)
EPOCHS = 6


def groups(short: bool) -> Iterator[tuple[str, object]]:
    """Yield a name and a function from a :class:`WorkerPool` to rows."""
    if short:
        return
    for name in filter(installed, NAMES):
        yield f"accuracy {name}", partial(_measure, name)


def _measure(name: str, pool: WorkerPool, seeds: int = 2) -> list[dict]:
    pool.close()  # a cold start is meant, and nobody else's
    seconds: dict[float, list[float]] = {target: [] for target in TARGETS}
    for seed in range(seeds):
        with closing(Worker(name, 1, pool.keep_environment)) as worker:
            total, reached = worker.start_seconds, dict.fromkeys(TARGETS, float("nan"))
            for epoch in range(EPOCHS):
                message = (True,) if epoch else ("train", replace(WORK, seed=seed), "accuracy")
                times, share = worker.ask(*message)
                total += times[0]
                reached |= {
                    target: total for target in TARGETS if share >= target and reached[target] != reached[target]
                }
            for target in TARGETS:
                seconds[target].append(reached[target])
    where = {"section": "accuracy", "peer": name, "variable": "validation accuracy", "threads": 1}
    return [
        row("seconds from a cold start", values, **where, images=WORK.count, value=target, **about(WORK))
        for target, values in seconds.items()
    ]
