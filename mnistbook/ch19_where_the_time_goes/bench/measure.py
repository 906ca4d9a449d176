"""Peers take turns, A B C A B C, and each quantity becomes a median with quartiles and a ratio to this library."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from time import perf_counter

import numpy as np

from mnistbook.ch19_where_the_time_goes.bench.peers import OURS, installed
from mnistbook.ch19_where_the_time_goes.bench.work import Work
from mnistbook.ch19_where_the_time_goes.bench.worker import Times, Worker

__all__ = ["WorkerPool", "epochs", "row", "rows"]


@dataclass
class WorkerPool:
    """The workers that run already, by name and threads; each is started when it is first asked for."""

    keep_environment: bool = False
    workers: dict[tuple[str, int], Worker] = field(default_factory=dict)

    def get(self, name: str, threads: int) -> Worker:
        """Return a worker; those with another number of threads are ended."""
        for key in [key for key in self.workers if key[1] != threads]:
            self.workers.pop(key).close()
        if (name, threads) not in self.workers:
            self.workers[name, threads] = Worker(name, threads, self.keep_environment)
        return self.workers[name, threads]

    def close(self) -> None:
        """End all of them, also if the end of one fails."""
        with ExitStack() as stack:
            while self.workers:
                stack.callback(self.workers.popitem()[1].close)


def epochs(
    pool: WorkerPool, names: Iterable[str], work: Mapping[str, Work], threads: int, count: int, seconds: float = 0.0
) -> dict:
    """Train all peers side by side, an epoch of each in turn; return the :data:`Times` of each peer's epochs.

    Parameters
    ----------
    pool
        The workers.
    names
        Of peers; those that are not installed are left out.
    work
        What each peer does.
    threads
        Of each.
    count
        Epochs after the first, which only warms up: it compiles, allocates, and is not returned.
    seconds
        More epochs follow until so much time has passed: what else a machine does comes and goes within a minute.
    """
    team = {name: pool.get(name, threads) for name in names if installed(name)}
    for name, worker in team.items():
        worker.ask("train", work[name])
    times: dict[str, list[Times]] = {name: [] for name in team}
    begin, done = perf_counter(), 0
    while done < count or perf_counter() - begin < seconds:
        for name, worker in team.items():
            times[name].append(worker.ask(True))
        done += 1
    for worker in team.values():
        worker.end_training()
    return times


def row(quantity: str, values: Sequence[float], **about: object) -> dict[str, object]:
    """Return a row of the table: median, quartiles and number of the values."""
    low, middle, high = np.percentile(values, [25, 50, 75])
    numbers = {"median": float(middle), "q1": float(low), "q3": float(high), "repetitions": len(values)}
    return {**about, "quantity": quantity, **numbers}


def rows(quantity: str, times: Mapping[str, Sequence[Times]], scale: float = 1.0, **about: object) -> list[dict]:
    """Return a row a peer, from times taken in turn.

    ``ratio`` is the median of the ratios to this library in the same round, between its quartiles. It suffers less
    from other work on the machine than the ratio of the medians; ``processor_seconds`` and ``processor_ratio`` are the
    same by processor time.
    """
    result = []
    for name, taken in times.items():
        ours, theirs = np.array(times.get(OURS, taken)), np.array(taken)
        low = ratio = high = (np.nan, np.nan)
        if OURS in times:
            low, ratio, high = np.percentile(theirs / np.maximum(ours, 1e-9), [25, 50, 75], axis=0)
        result.append(
            row(quantity, scale * theirs[:, 0], peer=name, **about)
            | {
                "ratio": float(ratio[0]),
                "ratio_q1": float(low[0]),
                "ratio_q3": float(high[0]),
                "processor_seconds": float(scale * np.median(theirs[:, 1])),
                "processor_ratio": float(ratio[1]),
            }
        )
    return result
