"""An epoch beside other programs: on a quiet machine, beside one busy process, beside one a core, and beside itself.

Each peer has the threads that it takes by itself, as its user meets it, and this library also those that a user may
ask for. Only the time beside others and the time alone are compared, of the same peer in the same run.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from functools import partial

import numpy as np

from mnistbook.ch19_where_the_time_goes.bench.measure import WorkerPool, row
from mnistbook.ch19_where_the_time_goes.bench.peers import BESIDE, installed
from mnistbook.ch19_where_the_time_goes.bench.training import EPOCH, about
from mnistbook.ch19_where_the_time_goes.bench.work import Work
from mnistbook.ch19_where_the_time_goes.bench.worker import Times, Worker

__all__ = ["SITUATIONS", "SLOWER", "groups"]

CORES = os.cpu_count() or 1
SITUATIONS = {"alone": 0, "one busy process": 1, "a busy process for each core": CORES, "a second training": 0}
"""What else is there: a number of processes that do nothing but count, or another training of the same kind."""

SLOWER = "times as long as alone"

BUSY = "while True: pass"
WORK = Work(batch=128, count=10_000)


def groups(short: bool) -> Iterator[tuple[str, object]]:
    """Yield a name and a function from a :class:`WorkerPool` to rows, for each peer."""
    for name in filter(installed, BESIDE):
        yield f"beside others {name}", partial(_measure, name, 2 if short else 5)


def _measure(name: str, repetitions: int, pool: WorkerPool) -> list[dict]:
    pool.close()  # nobody else is there
    result, alone = [], None
    with closing(Worker(name, None, pool.keep_environment)) as worker:
        for situation, processes in SITUATIONS.items():
            second = situation == "a second training"
            with _busy(processes), _training(name, pool.keep_environment) if second else ExitStack():
                times = _epochs(worker, repetitions)
            seconds = np.array(times)[:, 0]
            alone = np.median(seconds) if alone is None else alone
            where = {"section": "beside", "peer": name, "variable": situation, "images": EPOCH, **about(WORK)}
            result.append(row("seconds per epoch", seconds * EPOCH / WORK.count, **where))
            result.append(row(SLOWER, seconds / alone, **where))
    return result


def _epochs(worker: Worker, count: int) -> list[Times]:
    """Return the times of epochs after one that warms up."""
    worker.ask("train", WORK)
    times = [worker.ask(True) for _ in range(count)]
    worker.end_training()
    return times


@contextmanager
def _busy(count: int) -> Iterator[None]:
    """Let so many processes count."""
    running = [subprocess.Popen([sys.executable, "-c", BUSY]) for _ in range(count)]
    try:
        yield
    finally:
        for process in running:
            process.kill()
            process.wait()


@contextmanager
def _training(name: str, keep_environment: bool) -> Iterator[None]:
    """Let a second worker train, epoch after epoch, without taking turns."""
    with closing(Worker(name, None, keep_environment)) as worker:
        worker.ask("keep training", WORK)
        worker.wake()
        try:
            yield
        finally:
            worker.process.kill()  # it does not listen
