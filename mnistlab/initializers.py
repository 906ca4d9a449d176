"""Initial weights: each initializer draws an array of shape (D, K), or (A, B, D, K) for a convolution.

An output adds up ``fan_in`` products, D or A·B·D; an input is in ``fan_out`` of them, K or A·B·K.

They draw in float64 whatever the network's dtype, so that a float32 and a float64 network with one seed start from the
same numbers.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import Protocol

import numpy as np

__all__ = ["Glorot", "He", "Initializer", "LeCun", "Normal", "Uniform"]


class Initializer(Protocol):
    """Anything that draws an array of a given shape from a generator."""

    def __call__(self, rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
        """Return a float64 array of ``shape``."""


def _fans(shape: tuple[int, ...]) -> tuple[int, int]:
    """Return ``fan_in`` and ``fan_out``."""
    places = prod(shape[:-2])
    return places * shape[-2], places * shape[-1]


@dataclass(frozen=True)
class He:
    """Normal with variance 2 / fan_in, which keeps the scale of signals through ReLU (He et al., 2015)."""

    def __call__(self, rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
        """Return a float64 array of ``shape``."""
        return rng.standard_normal(shape) * np.sqrt(2 / _fans(shape)[0])


@dataclass(frozen=True)
class LeCun:
    """Normal with variance 1 / fan_in, which keeps the scale of signals through a linear layer (LeCun et al., 1998)."""

    def __call__(self, rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
        """Return a float64 array of ``shape``."""
        return rng.standard_normal(shape) * np.sqrt(1 / _fans(shape)[0])


@dataclass(frozen=True)
class Glorot:
    """Uniform on ±√(6 / (fan_in + fan_out)), Keras's default (Glorot & Bengio, 2010)."""

    def __call__(self, rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
        """Return a float64 array of ``shape``."""
        limit = np.sqrt(6 / sum(_fans(shape)))
        return rng.uniform(-limit, limit, shape)


@dataclass(frozen=True)
class Normal:
    """Normal with mean 0 and the given standard deviation."""

    standard_deviation: float = 0.01

    def __call__(self, rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
        """Return a float64 array of ``shape``."""
        return rng.standard_normal(shape) * self.standard_deviation


@dataclass(frozen=True)
class Uniform:
    """Uniform between ``low`` and ``high``."""

    low: float = -0.05
    high: float = 0.05

    def __call__(self, rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
        """Return a float64 array of ``shape``."""
        return rng.uniform(self.low, self.high, shape)
