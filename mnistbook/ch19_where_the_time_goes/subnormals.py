"""Why a training may get slower from epoch to epoch: numbers so small that processors treat them specially."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from fractions import Fraction
from time import perf_counter

import numpy as np
import pandas as pd

from mnistlab import optimizers

__all__ = [
    "NORMAL",
    "QUANTUM",
    "decay",
    "fixed_points",
    "share_subnormal",
    "table_of_sizes",
    "time_multiplying",
    "without_flush",
]

NORMAL = float(np.finfo(np.float32).tiny)
"""2**-126, the smallest normal float32."""

QUANTUM = float(np.finfo(np.float32).smallest_subnormal)
"""2**-149, the distance of neighbouring subnormal float32 numbers, and the smallest of them."""


def share_subnormal(values: np.ndarray) -> float:
    """Return the share of floats that are subnormal: not 0, and smaller than every normal number of their type.

    Their bits are looked at, since a process that takes subnormal numbers for zero would also compare them so.
    """
    kind = np.dtype(f"u{values.dtype.itemsize}")
    sizes = np.ascontiguousarray(values).view(kind) & kind.type(np.iinfo(kind).max >> 1)  # without the sign
    smallest_normal = np.finfo(values.dtype).tiny.view(kind)
    return float(np.mean((sizes > 0) & (sizes < smallest_normal)))


def table_of_sizes(velocities: Mapping[str, np.ndarray]) -> pd.DataFrame:
    """Return, for each vector, the percentages of its entries that are zero, subnormal, and larger."""
    rows = []
    for name, values in velocities.items():
        zero, small = float(np.mean(values == 0)), share_subnormal(values)
        rows.append(
            {"": name, "zero, %": 100 * zero, "subnormal, %": 100 * small, "larger, %": 100 * (1 - zero - small)}
        )
    return pd.DataFrame(rows)


def fixed_points(momentum: float) -> list[int]:
    """Return the multiples k of the smallest float32 for which ``momentum * k`` rounds to k (:prf:ref:`thm-stuck`).

    Computed from the theorem, exactly, with the float32 that stands for ``momentum``.

    Raises
    ------
    ValueError
        If ``momentum`` is not in [0, 1), or so close to 1 that its float32 is 1.
    """
    if not 0 <= momentum < 1 or np.float32(momentum) == 1:
        raise ValueError(f"momentum must be in [0, 1) as a float32, not {momentum!r}")
    loss = 1 - Fraction(float(np.float32(momentum)))
    largest = int(Fraction(1, 2) / loss)
    if largest * loss == Fraction(1, 2) and largest % 2:  # halfway between two numbers: rounded to the even one
        largest -= 1
    return list(range(1, largest + 1))


def decay(value: float, momentum: float = 0.9, steps: int = 2_000) -> np.ndarray:
    """Return a float32 multiplied by ``momentum`` again and again, shape (steps + 1,)."""
    factor, values = np.float32(momentum), np.empty(steps + 1, np.float32)
    values[0] = value
    for step in range(steps):
        values[step + 1] = values[step] * factor
    return values


def time_multiplying(size: float, count: int = 2**18, rounds: int = 200) -> float:
    """Return nanoseconds to multiply one number of a size by 1 in place: the median of ``rounds`` turns over ``count``.

    The factor 1 leaves the numbers as small as they are.
    """
    values, one, taken = np.full(count, size, np.float32), np.float32(1), []
    for _ in range(rounds):
        begin = perf_counter()
        np.multiply(values, one, out=values)
        taken.append(perf_counter() - begin)
    return 1e9 * float(np.median(taken)) / count


@contextmanager
def without_flush() -> Iterator[None]:
    """Let the optimizers of this library keep numbers of any size, as those of others do."""
    before = optimizers.FLUSH_BELOW
    optimizers.FLUSH_BELOW = 0.0
    try:
        yield
    finally:
        optimizers.FLUSH_BELOW = before
