"""Optimizers on a loss surface of two parameters: paths, and the largest learning rate that does not blow up."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure

from mnistbook.kit.style import GREY
from mnistlab.optimizers import Optimizer

__all__ = ["is_stable", "largest_stable_rate", "path", "paths"]


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


def paths(optimizers: Mapping[str, Optimizer], curvatures: np.ndarray, start: np.ndarray, steps: int) -> Figure:
    """Draw the paths of optimizers on ``½ (λ₁ w₁² + λ₂ w₂²)``, one panel each, over contours of the loss."""
    figure, panels = plt.subplots(2, 2, figsize=(7, 5.2), sharex=True, sharey=True)
    reach = 1.25 * np.abs(start)
    grid = np.meshgrid(np.linspace(-reach[0], reach[0], 200), np.linspace(-reach[1], reach[1], 200))
    loss = 0.5 * (curvatures[0] * grid[0] ** 2 + curvatures[1] * grid[1] ** 2)
    levels = loss.max() * 0.5 ** np.arange(12)[::-1]
    for index, (panel, (name, optimizer)) in enumerate(zip(panels.flat, optimizers.items(), strict=True)):
        points = path(optimizer, curvatures, start, steps)
        panel.contour(*grid, loss, levels=levels, colors="#cccccc", linewidths=0.7)
        panel.plot(*points.T, color=f"C{index}", marker="o", markersize=2.5, linewidth=1.2)
        panel.plot(*start, marker="s", color="black", markersize=5)
        panel.plot(0, 0, marker="*", color=GREY, markersize=11)
        panel.set_title(name, fontsize=10)
        panel.set(xlim=(-reach[0], reach[0]), ylim=(-reach[1], reach[1]))
        panel.grid(visible=False)
    for panel in panels[-1]:
        panel.set_xlabel("$w_1$")
    for panel in panels[:, 0]:
        panel.set_ylabel("$w_2$")
    return figure
