"""The picture on the landing page: a digit, the network that reads it, and its answer. Made by ``make cover``."""

from __future__ import annotations

import sys
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure

from mnistbook.kit import style
from mnistbook.kit.figures import show_digit
from mnistlab.data import to_vectors
from mnistlab.layers import Dense, ReLU
from mnistlab.mnist import MNIST, load_mnist
from mnistlab.network import Network
from mnistlab.training import fit

__all__ = ["cover", "main"]

HIDDEN = 24


def cover(mnist: MNIST, index: int = 61) -> Figure:
    """Train a network with 24 hidden units, few enough to be drawn, and show what test image ``index`` does to it."""
    network = Network([Dense(784, HIDDEN), ReLU(), Dense(HIDDEN, 10)], seed=0)
    fit(network, to_vectors(mnist.x_train), mnist.y_train, epochs=5, batch_size=64)
    image = mnist.x_test[index]
    x = to_vectors(image[None])
    hidden = np.maximum(x @ network.layers[0].W + network.layers[0].b, 0)[0]
    probabilities = network.predict_proba(x)[0]

    figure, (left, middle, right) = plt.subplots(1, 3, figsize=(9, 3.6), width_ratios=[1, 2.1, 1.05])
    show_digit(left, image)
    middle.axis("off")
    heights, ends = np.linspace(1, -1, HIDDEN), np.linspace(1, -1, 10)
    contributions = hidden[:, None] * network.layers[2].W
    strength = np.abs(contributions) / np.abs(contributions).max()
    for i, j in np.ndindex(HIDDEN, 10):
        colour = style.COLOURS[0] if contributions[i, j] > 0 else style.COLOURS[1]
        middle.plot([0.3, 1], [heights[i], ends[j]], color=colour, alpha=float(strength[i, j]), linewidth=1.2, zorder=1)
    for start in np.linspace(0.9, -0.9, 13):
        for height in heights:
            middle.plot([-0.3, 0.3], [start, height], color="#cccccc", linewidth=0.25, zorder=0)
    middle.scatter(
        np.full(HIDDEN, 0.3), heights, c=hidden / hidden.max(), cmap="Greys", edgecolors="#333333", s=42, zorder=3
    )
    middle.scatter(
        np.ones(10), ends, c=probabilities, cmap="Greys", vmin=0, vmax=1, edgecolors="#333333", s=60, zorder=3
    )
    middle.set(xlim=(-0.32, 1.05), ylim=(-1.133, 1.133))  # in line with the bars
    right.barh(np.arange(10), probabilities, color=style.COLOURS[2])
    right.set(xlim=(0, 1), ylim=(9.6, -0.6), yticks=range(10), xlabel="probability", xticks=(0, 0.5, 1))
    right.grid(axis="y", visible=False)
    return figure


def main(folder: Path) -> None:
    """Write cover.svg and cover.pdf into ``folder``."""
    style.use()
    figure = cover(load_mnist())
    for ending in ("svg", "pdf"):
        metadata = {"Date": None} if ending == "svg" else {"CreationDate": None}
        figure.savefig(folder / f"cover.{ending}", metadata=metadata)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
