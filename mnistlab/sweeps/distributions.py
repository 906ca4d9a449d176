"""Distributions that a random search draws from."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol
from zlib import crc32

import numpy as np

__all__ = ["Choice", "Distribution", "Integers", "LogIntegers", "LogUniform", "Uniform", "draw"]


class Distribution(Protocol):
    """Anything that draws a value from a generator."""

    def draw(self, rng: np.random.Generator) -> object:
        """Return one value."""


@dataclass(frozen=True)
class Uniform:
    """Numbers between ``low`` and ``high``, all equally likely, with three digits."""

    low: float
    high: float

    def __post_init__(self):
        _check_ends(self)

    def draw(self, rng: np.random.Generator) -> float:
        """Return one number."""
        return _three_digits(rng.uniform(self.low, self.high))


@dataclass(frozen=True)
class LogUniform:
    """Positive numbers whose logarithm is uniform: as many between 0.01 and 0.1 as between 0.1 and 1; three digits."""

    low: float
    high: float

    def __post_init__(self):
        _check_ends(self, positive=True)

    def draw(self, rng: np.random.Generator) -> float:
        """Return one number."""
        return _three_digits(math.exp(rng.uniform(math.log(self.low), math.log(self.high))))


@dataclass(frozen=True)
class Integers:
    """Integers from ``low`` to ``high``, both included, all equally likely."""

    low: int
    high: int

    def __post_init__(self):
        _check_ends(self, integer=True)

    def draw(self, rng: np.random.Generator) -> int:
        """Return one integer."""
        return int(rng.integers(self.low, self.high, endpoint=True))


@dataclass(frozen=True)
class LogIntegers:
    """Integers from ``low`` to ``high``, both included, whose logarithm is uniform before they are rounded."""

    low: int
    high: int

    def __post_init__(self):
        _check_ends(self, integer=True, positive=True)

    def draw(self, rng: np.random.Generator) -> int:
        """Return one integer."""
        return round(math.exp(rng.uniform(math.log(self.low), math.log(self.high))))


@dataclass(frozen=True)
class Choice:
    """One of ``values``, all equally likely."""

    values: Sequence[object]

    def __post_init__(self):
        if not isinstance(self.values, list | tuple) or not self.values:
            raise ValueError(f"a choice needs a list with something in it, not {self.values!r}")

    def draw(self, rng: np.random.Generator) -> object:
        """Return one value."""
        return self.values[rng.integers(len(self.values))]


def draw(name: str, distribution: Distribution | Sequence[object], n: int, seed: int) -> list[object]:
    """Return ``n`` values for the field ``name`` from a stream of its own; a list is a :class:`Choice`.

    Raises
    ------
    TypeError, ValueError
        If ``distribution`` is none.
    """
    if isinstance(distribution, list | tuple):
        distribution = Choice(distribution)
    if not hasattr(distribution, "draw"):
        raise TypeError(f"{name} needs a distribution such as LogUniform(0.001, 1), not {distribution!r}")
    rng = np.random.default_rng([seed, crc32(name.encode())])
    return [distribution.draw(rng) for _ in range(n)]


def _three_digits(value: float) -> float:
    """Round, so that a configuration reads well and is the same in a file."""
    return float(f"{value:.3g}")


def _check_ends(distribution, *, integer: bool = False, positive: bool = False) -> None:
    low, high = distribution.low, distribution.high
    kind = int if integer else int | float
    for value in (low, high):
        if isinstance(value, bool) or not isinstance(value, kind) or not math.isfinite(value):
            raise TypeError(f"ends of a distribution are {'integers' if integer else 'numbers'}, not {value!r}")
    if not low < high:
        raise ValueError(f"the lower end {low!r} of a distribution must be below the upper end {high!r}")
    if positive and not low > 0:
        raise ValueError(f"logarithms need a positive lower end, not {low!r}")
