"""Seconds per epoch, and whether later epochs are slower."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import partial

import numpy as np

from mnistbook.ch19_where_the_time_goes.bench.measure import WorkerPool, epochs, rows
from mnistbook.ch19_where_the_time_goes.bench.peers import ONE_BY_ONE, OURS, PEERS
from mnistbook.ch19_where_the_time_goes.bench.work import Work

__all__ = ["about", "compare", "groups"]

EPOCH = 60_000
BATCHES = (32, 64, 128, 256, 1024)
WITHOUT_ADAM = ("textbook NumPy", ONE_BY_ONE)
TRAININGS = 3
"""From which the slow-down is taken."""

LONG = ((32, 10_000), (128, 10_000))
"""Batch size and images of an epoch there: a velocity of 1e-4 that only decays is subnormal after some 740 steps, which
must come after the second epoch and well before the twentieth."""

LONG_NAMES = (OURS, "PyTorch", "PyTorch, fused", "textbook NumPy")

SLOW = {ONE_BY_ONE: 400}
"""Images of an epoch for a peer of which the usual number would cost minutes."""


def groups(short: bool) -> Iterator[tuple[str, object]]:
    """Yield a name and a function from a :class:`WorkerPool` to rows, for each set of runs side by side."""
    count, repetitions, seconds = (6_144, 3, 0.0) if short else (20_480, 5, 15.0)  # whole batches, of each size
    others = [name for name in PEERS if name != ONE_BY_ONE]
    adam = [name for name in PEERS if name not in WITHOUT_ADAM]
    for threads in (1,) if short else (1, 2):
        for batch in (32, 256) if short else BATCHES:
            work = Work(batch=batch, count=count)
            yield (
                f"training {work} sgd {batch} {threads}",
                partial(compare, others, work, threads, repetitions, seconds=seconds),
            )
    if short:
        return
    work = Work(batch=1, count=2_000)
    yield f"training {work} sgd 1 1", partial(compare, list(PEERS), work, 1, 5)
    for sizes in ((784, 800, 10), (784, 256, 128, 10)):
        work = Work(sizes, 128, "adam", count)
        yield f"training {work} adam 128 1", partial(compare, adam, work, 1, repetitions, seconds=seconds)
    for batch, count in LONG:
        work = Work(batch=batch, count=count)
        yield f"slow-down {work} {batch}", partial(_slow_down, LONG_NAMES, work)


def compare(
    names: list[str], work: Work, threads: int, repetitions: int, pool: WorkerPool, *, seconds: float = 0.0
) -> list[dict]:
    """Return rows with the seconds per epoch of peers that train side by side.

    Parameters
    ----------
    names
        Of peers; those that are not installed are left out.
    work
        What they do; times are scaled to an epoch of 60,000 images, or of 5,000 in batches of one.
    threads, repetitions
        Of each; epochs after one that does not count.
    pool
        The workers.
    seconds
        How long it goes on, at least.

    Raises
    ------
    PeerError
        If one of them fails.
    """
    works = {name: replace(work, count=SLOW.get(name, work.count)) for name in names}
    times = epochs(pool, names, works, threads, repetitions, seconds)
    for name, taken in times.items():  # all to the same number of images
        times[name] = [tuple(np.array(one) * work.count / works[name].count) for one in taken]
    whole = 5_000 if work.batch == 1 else EPOCH
    return rows(
        "seconds per epoch", times, whole / work.count, section="training", threads=threads, images=whole, **about(work)
    )


def _slow_down(names: tuple[str, ...], work: Work, pool: WorkerPool) -> list[dict]:
    """Compare the last three of twenty epochs with the second, in which no velocity has become subnormal yet."""
    grown: dict[str, list] = {}
    for _ in range(TRAININGS):
        for name, taken in epochs(pool, names, dict.fromkeys(names, work), 1, 19).items():
            early, late = np.array(taken[0]), np.median(taken[-3:], axis=0)
            grown.setdefault(name, []).append(tuple(late / early))
    result = rows("late epochs / early epochs", grown, section="slow-down", threads=1, images=work.count, **about(work))
    return [{**one, "ratio": None, "processor_ratio": None} for one in result]


def about(work: Work) -> dict[str, object]:
    """Return the columns that describe a training."""
    names = ("optimizer", "batch", "dropout", "weight_decay")
    return {"network": str(work)} | {name: getattr(work, name) for name in names}
