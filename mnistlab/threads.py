"""How many threads share a matrix product: one, unless more are asked for.

The threads of a product wait for each other, and where something else wants their cores they wait long: with two
threads on two cores and one busy program beside it, an epoch can take ten times as long. A second thread seldom makes
it twice as fast. So one thread is what everything here begins with.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any, Literal

__all__ = ["Threads", "Watch", "blas_threads", "check_threads"]

Threads = int | Literal["auto"]

LOOK_EVERY = 0.2
"""Seconds between two looks at how much of the cores there was."""

SHARE = 0.9
"""Of the cores, which is what threads have that are not disturbed: they do not sleep while they wait for each other."""


def check_threads(threads: Threads) -> Threads:
    """Return ``threads``; ValueError if it is neither a positive integer nor "auto"."""
    positive = isinstance(threads, int) and not isinstance(threads, bool) and threads > 0
    if not (positive or (isinstance(threads, str) and threads == "auto")):
        raise ValueError(f"threads must be a positive integer or 'auto', not {threads!r}")
    return threads


@cache
def _libraries() -> list[Any]:
    """Return the libraries that multiply for NumPy; none where no threads can be set, as on macOS or in a page."""
    if sys.platform == "emscripten":  # Python in a page: it has one thread, and no threadpoolctl
        return []
    import numpy  # noqa: F401  # has loaded them
    from threadpoolctl import ThreadpoolController  # here: it takes as long to import as mnistlab

    return ThreadpoolController().select(user_api="blas").lib_controllers


def _set(count: int) -> list[tuple[Any, int]]:
    """Let products have ``count`` threads; return the libraries that had another number, and that."""
    before = [(library, library.get_num_threads()) for library in _libraries()]
    changed = [(library, number) for library, number in before if number != count]
    for library, _ in changed:
        library.set_num_threads(count)
    return changed


class Watch:
    """Looks whether the threads have their cores, and if not leaves one of them.

    Parameters
    ----------
    count
        How many threads there are.
    fixed
        Whether it stays so, whatever happens.
    """

    def __init__(self, count: int, fixed: bool):
        self.count, self.fixed = count, fixed or count == 1
        self.begin()

    def begin(self) -> None:
        """Forget how much of the cores there was until now."""
        self.since = time.perf_counter(), time.process_time()

    def look(self) -> None:
        """Call it once a step."""
        if self.fixed or time.perf_counter() - self.since[0] < LOOK_EVERY:
            return
        now = time.perf_counter(), time.process_time()
        if now[1] - self.since[1] < SHARE * self.count * (now[0] - self.since[0]):
            self.count, self.fixed = 1, True
            _set(1)
        self.since = now


@contextmanager
def blas_threads(threads: Threads) -> Iterator[Watch]:
    """Set the threads of NumPy's matrix products for a while, in the whole process, and yield a :class:`Watch`.

    Parameters
    ----------
    threads
        How many. "auto" begins with a thread for each core and goes down to one as soon as another program takes a
        part of a core. What a product's threads add up in another order is rounded in another way, so results are the
        same, bit for bit, with the same number only.
    """
    count = _cores() if threads == "auto" else threads
    changed = _set(count)
    try:
        yield Watch(count, fixed=threads != "auto")
    finally:
        for library, number in changed:
            library.set_num_threads(number)


def _cores() -> int:
    """Return how many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
