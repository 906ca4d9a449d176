"""A drawing of what flows through two Dense layers, forward and backward."""

from __future__ import annotations

import matplotlib.pyplot as plt
from matplotlib.figure import Figure

from mnistbook.kit.style import COLOURS

__all__ = ["flow"]


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
