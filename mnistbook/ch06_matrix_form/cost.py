"""What backpropagation costs, counted and measured, and the figures of the chapters on gradients."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from time import perf_counter

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure

from mnistlab.experiments.style import COLOURS, GREY

__all__ = ["error_curves", "flow", "median_seconds", "multiplications"]


def multiplications(sizes: Sequence[int]) -> dict[str, int]:
    """Count the multiplications of the matrix products of a dense network, for one sample.

    Parameters
    ----------
    sizes
        Lengths of the rows: inputs, hidden layers, outputs.

    Returns
    -------
    dict
        ``"forward"``; ``"backward"``, which spares the first layer's dx; ``"finite differences"``, two forward passes
        for each weight; ``"forward mode"``, one derivative along each weight, at the price of one forward pass.
    """
    products = [before * after for before, after in pairwise(sizes)]
    forward = sum(products)
    return {
        "forward": forward,
        "backward": 2 * forward - products[0],
        "finite differences": 2 * forward * forward,
        "forward mode": forward * forward,
    }


def median_seconds(function: Callable[[], object], repeats: int = 15) -> float:
    """Return the median duration of a call, after three calls that warm up."""
    for _ in range(3):
        function()
    durations = []
    for _ in range(repeats):
        start = perf_counter()
        function()
        durations.append(perf_counter() - start)
    return float(np.median(durations))


def flow() -> Figure:
    """Draw a network of two Dense layers: values flow to the right, derivatives to the left, gradients drop out."""
    figure, axes = plt.subplots(figsize=(7, 2.9))
    axes.axis("off")
    axes.set(xlim=(-0.6, 11.4), ylim=(-1.75, 1.35))
    boxes = {1.9: "Dense", 4.7: "ReLU", 7.5: "Dense", 10.3: "loss"}
    for place, name in boxes.items():
        axes.text(
            place,
            0,
            name,
            ha="center",
            va="center",
            bbox={"boxstyle": "round,pad=0.75", "facecolor": "white", "edgecolor": "black"},
        )
    arrow = {"arrowstyle": "-|>", "linewidth": 1.4, "shrinkA": 0, "shrinkB": 0}
    forward, backward = {**arrow, "color": COLOURS[0]}, {**arrow, "color": COLOURS[1]}
    edges = [
        (-0.4, 0.85, "$x$", None),
        (2.95, 3.75, "$z$", r"$\delta^{(1)} = dz$"),
        (5.65, 6.45, "$h$", "$dh$"),
        (8.55, 9.4, r"$\theta$", r"$\delta^{(2)} = d\theta$"),
    ]
    for left, right, value, derivative in edges:
        axes.annotate("", (right, 0.16), (left, 0.16), arrowprops=forward)
        axes.text((left + right) / 2, 0.35, value, ha="center", va="bottom", color=COLOURS[0], fontsize=11)
        if derivative:
            axes.annotate("", (left, -0.16), (right, -0.16), arrowprops=backward)
            axes.text((left + right) / 2, -0.42, derivative, ha="center", va="top", color=COLOURS[1], fontsize=9)
    for place, name in ((1.9, "1"), (7.5, "2")):
        axes.annotate("", (place, 0.5), (place, 0.95), arrowprops=forward)
        axes.text(place, 1.0, f"$W^{{({name})}}$", ha="center", va="bottom", color=COLOURS[0], fontsize=11)
        axes.annotate("", (place, -1.15), (place, -0.5), arrowprops=backward)
        axes.text(place, -1.2, f"$dW^{{({name})}}$", ha="center", va="top", color=COLOURS[1], fontsize=11)
    return figure


def error_curves(steps: np.ndarray, errors: Mapping[str, np.ndarray], optima: Mapping[str, float]) -> Figure:
    """Draw relative errors against the step of the difference quotient, both logarithmic.

    Parameters
    ----------
    steps
        Step sizes.
    errors
        One array as long as ``steps`` for each name.
    optima
        For some of the names, the step that theory calls best; a dashed line of the same colour marks it.
    """
    figure, axes = plt.subplots(figsize=(7, 3.6))
    for place, (name, values) in enumerate(errors.items()):
        axes.loglog(steps, values, label=name, color=COLOURS[place])
        if name in optima:
            axes.axvline(optima[name], color=COLOURS[place], linestyle="--", linewidth=1)
    axes.axhline(1, color=GREY, linewidth=0.8)
    axes.set(xlabel="step of the difference quotient", ylabel="relative error")
    axes.legend(fontsize=9)
    return figure
