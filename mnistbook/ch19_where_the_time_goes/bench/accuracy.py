"""Seconds from a cold start until a test accuracy is reached, each peer with settings that are usual for it.

A cold start is a new process: importing the framework counts, reading the data does not, nor does looking how good the
network is. Settings: this library's recipe of the report (20 epochs planned), and its defaults; PyTorch's tutorials
(Adam, batches of 64); Keras's defaults (Adam, batches of 32); scikit-learn's defaults (Adam, batches of 200).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from functools import partial

from mnistbook.ch19_where_the_time_goes.bench.measure import WorkerPool, row
from mnistbook.ch19_where_the_time_goes.bench.peers import OURS, installed
from mnistbook.ch19_where_the_time_goes.bench.training import about
from mnistbook.ch19_where_the_time_goes.bench.work import Work
from mnistbook.ch19_where_the_time_goes.bench.worker import Worker

__all__ = ["groups"]

TARGETS = (0.97, 0.98, 0.985)
SETTINGS = {
    OURS: Work(),
    f"{OURS}, recipe": Work(recipe=20),
    "PyTorch": Work(batch=64, optimizer="adam"),
    "Keras": Work(batch=32, optimizer="adam"),
    "scikit-learn": Work(batch=200, optimizer="adam"),
}
MOST_EPOCHS = 20


def groups(short: bool) -> Iterator[tuple[str, object]]:
    """Yield a name and a function from a :class:`WorkerPool` to rows."""
    if short:
        return
    for name, work in SETTINGS.items():
        if installed(name.partition(", recipe")[0]):
            yield f"accuracy {name}", partial(_measure, name, work)


def _measure(name: str, work: Work, pool: WorkerPool, seeds: int = 2) -> list[dict]:
    pool.close()  # a cold start is meant, and nobody else's
    seconds: dict[float, list[float]] = {target: [] for target in TARGETS}
    for seed in range(seeds):
        with closing(Worker(name.partition(", recipe")[0], 1, pool.keep_environment)) as worker:
            total, epoch = worker.start_seconds, 0
            times, share = worker.ask("train", replace(work, seed=seed), "accuracy")
            while True:
                total, epoch = total + times[0], epoch + 1
                for target in TARGETS:
                    if share >= target and len(seconds[target]) == seed:
                        seconds[target].append(total)
                if epoch == MOST_EPOCHS or share >= TARGETS[-1]:
                    break
                times, share = worker.ask(True)
        for reached in seconds.values():
            reached += [float("nan")] * (seed + 1 - len(reached))
    about_it = {"section": "accuracy", "peer": name, "variable": "test accuracy", "threads": 1, "images": work.count}
    return [
        row("seconds from a cold start", values, **about_it, value=target, **about(work))
        for target, values in seconds.items()
    ]
