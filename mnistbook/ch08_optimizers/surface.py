"""Optimizers on a loss surface of two parameters: paths, and the largest learning rate that does not blow up."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from mnistlab.optimizers import Optimizer

__all__ = ["is_stable", "largest_stable_rate", "path"]


def path(optimizer: Optimizer, curvatures: np.ndarray, start: np.ndarray, steps: int) -> np.ndarray:
    """Follow an optimizer on ``½ Σ λᵢ wᵢ²``.

    Parameters
    ----------
    optimizer
        A fresh one.
    curvatures, start
        The λᵢ and the first w, of shape (D,).
    steps
        How many steps are taken.

    Returns
    -------
    numpy.ndarray
        Shape (steps + 1, D): w before the first and after each step.
    """
    w = np.array(start, dtype=np.float64)
    points = [w.copy()]
    for _ in range(steps):
        optimizer.step(w, curvatures * w)
        points.append(w.copy())
    return np.array(points)


def is_stable(optimizer: Optimizer, steps: int = 4000) -> bool:
    """Return whether an optimizer, on ``½ w²`` from w = 1, comes closer to the minimum."""
    with np.errstate(over="ignore", invalid="ignore"):
        last = path(optimizer, np.ones(1), np.ones(1), steps)[-10:]
    return bool(np.isfinite(last).all() and np.abs(last).max() < 1)


def largest_stable_rate(make: Callable[[float], Optimizer], low: float = 0.1, high: float = 10.0) -> float:
    """Return the learning rate at which an optimizer on ``½ w²`` stops being stable, to three digits, by bisection.

    ``make`` returns a fresh optimizer for a learning rate; it is stable at ``low`` and not at ``high``.
    """
    while high / low > 1.0005:
        middle = (low * high) ** 0.5
        low, high = (middle, high) if is_stable(make(middle)) else (low, middle)
    return low
