"""Distributions that a random search draws from: those of scipy, by the names that a sweep's file has for them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Protocol, runtime_checkable
from zlib import crc32

import numpy as np
from scipy import stats

__all__ = ["Distribution", "LogIntegers", "draw", "integers", "log_integers", "log_uniform", "uniform"]


@runtime_checkable
class Distribution(Protocol):
    """Anything that draws values as scipy's distributions do."""

    def rvs(self, *, size: int, random_state: np.random.Generator) -> np.ndarray:
        """Return ``size`` values."""


def uniform(low: float, high: float) -> Distribution:
    """Return numbers between ``low`` and ``high``, all equally likely."""
    _check_ends(low, high)
    return stats.uniform(low, high - low)


def log_uniform(low: float, high: float) -> Distribution:
    """Return positive numbers whose logarithm is uniform: as many between 0.01 and 0.1 as between 0.1 and 1."""
    _check_ends(low, high, positive=True)
    return stats.loguniform(low, high)


def integers(low: int, high: int) -> Distribution:
    """Return integers from ``low`` to ``high``, both included, all equally likely."""
    _check_ends(low, high, integer=True)
    return stats.randint(low, high + 1)


def log_integers(low: int, high: int) -> Distribution:
    """Return integers from ``low`` to ``high``, both included, whose logarithm is uniform before they are rounded."""
    _check_ends(low, high, integer=True, positive=True)
    return LogIntegers(stats.loguniform(low, high))


class LogIntegers:
    """Numbers of a distribution, rounded to integers; scipy has no integers on a logarithmic scale."""

    def __init__(self, distribution: Any):
        self.distribution = distribution

    def rvs(self, *, size: int, random_state: np.random.Generator) -> np.ndarray:
        """Return ``size`` integers."""
        return np.rint(self.distribution.rvs(size=size, random_state=random_state)).astype(int)


def draw(name: str, distribution: Distribution | Sequence[object], n: int, seed: int) -> list[object]:
    """Return ``n`` values for the field ``name`` from a stream of its own; from a list, each is equally likely.

    Numbers that are not integers are rounded to three digits, so that a configuration reads well and is the same in a
    file. scikit-learn's ``ParameterSampler`` has one stream for all fields, so that one more field changes the values
    of the others; and where all fields are lists, it draws without replacement.

    Raises
    ------
    TypeError, ValueError
        If ``distribution`` is none.
    """
    rng = np.random.default_rng([seed, crc32(name.encode())])
    if isinstance(distribution, list | tuple):
        if not distribution:
            raise ValueError(f"{name}: a choice needs a list with something in it, not {distribution!r}")
        return [distribution[place] for place in rng.integers(len(distribution), size=n)]
    if not isinstance(distribution, Distribution):
        raise TypeError(f"{name} needs a distribution such as scipy.stats.loguniform(0.001, 1), not {distribution!r}")
    values = distribution.rvs(size=n, random_state=rng)
    return values.tolist() if values.dtype.kind in "iu" else [float(f"{value:.3g}") for value in values]


def _check_ends(low: float, high: float, *, integer: bool = False, positive: bool = False) -> None:
    kind = int if integer else int | float
    for value in (low, high):
        if isinstance(value, bool) or not isinstance(value, kind) or not math.isfinite(value):
            raise TypeError(f"ends of a distribution are {'integers' if integer else 'numbers'}, not {value!r}")
    if not low < high:
        raise ValueError(f"the lower end {low!r} of a distribution must be below the upper end {high!r}")
    if positive and not low > 0:
        raise ValueError(f"logarithms need a positive lower end, not {low!r}")
