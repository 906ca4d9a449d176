"""Pictures of the chapter on convolution."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import ConnectionPatch, Rectangle

from mnistbook.kit.figures import show_digit
from mnistbook.kit.style import COLOURS, GREY
from mnistlab.convolution import Conv2D
from mnistlab.network import Network

__all__ = ["epochs", "kernels_and_maps", "sliding", "two_predictions"]


def sliding(image: np.ndarray, kernel: np.ndarray, place: tuple[int, int]) -> Figure:
    """Draw an image, a kernel and the output of the convolution, with one place of the kernel and what it gives.

    Parameters
    ----------
    image, kernel
        Small matrices of integers.
    place
        Row and column of the output that are pointed out.
    """
    height, width = kernel.shape
    network = Network([Conv2D((*image.shape, 1), 1, kernel.shape, bias=False)], dtype=np.float64)
    network.parameters[...] = kernel.ravel()
    output = network.forward(image.reshape(1, -1).astype(float)).reshape(network.layers[0].output_shape[:2])
    figure, (left, middle, right) = plt.subplots(
        1, 3, figsize=(7, 2.7), width_ratios=[image.shape[1], width, output.shape[1]]
    )
    _numbers(left, image, "image $x$")
    _numbers(middle, kernel, "kernel $W$")
    _numbers(right, output.astype(int), "output $z$")
    row, column = place
    for axes, (first, second), size in ((left, (column, row), (width, height)), (right, (column, row), (1, 1))):
        corner = (first - 0.5, second - 0.5)
        axes.add_patch(Rectangle(corner, *size, fill=False, edgecolor=COLOURS[1], linewidth=2.5, zorder=3))
    figure.add_artist(
        ConnectionPatch(
            (column + width - 0.5, row + (height - 1) / 2),
            (column - 0.5, row),
            *("data", "data"),
            axesA=left,
            axesB=right,
            color=COLOURS[1],
            arrowstyle="->",
            linewidth=1.4,
            connectionstyle="arc3,rad=-0.28",
        )
    )
    return figure


def _numbers(axes: Axes, values: np.ndarray, title: str) -> None:
    limit = max(1, np.abs(values).max())
    axes.imshow(values, cmap="RdBu_r", vmin=-2.2 * limit, vmax=2.2 * limit)  # pale, so that numbers can be read
    for (row, column), value in np.ndenumerate(values):
        axes.text(column, row, f"{value}".replace("-", "−"), ha="center", va="center", fontsize=9, color="black")
    axes.set(title=title, xticks=[], yticks=[])
    axes.grid(visible=False)
    for spine in axes.spines.values():
        spine.set_visible(True)
        spine.set_color("#cccccc")


def kernels_and_maps(layer: Conv2D, image: np.ndarray) -> Figure:
    """Draw the kernels of a convolution of one channel, and what each makes of an image of shape (28, 28)."""
    maps = layer.forward(image.reshape(1, -1).astype(layer.W.dtype)).reshape(layer.output_shape)
    figure, axes = plt.subplots(2, layer.filters, figsize=(7, 2.1), squeeze=False)
    strongest, brightest = np.abs(layer.W).max(), np.abs(maps).max()
    for k, (above, below) in enumerate(axes.T):
        above.imshow(layer.W[:, :, 0, k], cmap="RdBu_r", vmin=-strongest, vmax=strongest)
        below.imshow(maps[:, :, k], cmap="RdBu_r", vmin=-brightest, vmax=brightest)
        for each in (above, below):
            each.set(xticks=[], yticks=[])
            each.grid(visible=False)
    axes[0, 0].set_ylabel("kernel")
    axes[1, 0].set_ylabel("output")
    return figure


def two_predictions(image: np.ndarray, answers: Mapping[str, np.ndarray], label: int) -> Figure:
    """Draw an image beside the ten probabilities of each of several networks, on a logarithmic scale.

    The bars of the true ``label`` have another colour; what is below 10⁻⁸ is drawn there.
    """
    figure, (left, *panels) = plt.subplots(
        1, 1 + len(answers), figsize=(7, 2.7), width_ratios=[1.1, *[2] * len(answers)]
    )
    show_digit(left, image)
    colours = [COLOURS[1] if digit == label else COLOURS[0] for digit in range(10)]
    for panel, (name, probabilities) in zip(panels, answers.items(), strict=True):
        panel.bar(range(10), np.maximum(probabilities, 1e-8), color=colours)
        panel.set(title=name, xlabel="digit", xticks=range(10), yscale="log", ylim=(1e-8, 3))
        panel.grid(axis="x", visible=False)
    panels[0].set_ylabel("probability")
    return figure


def epochs(runs: Sequence[np.ndarray], published: Sequence[float], ylabel: str) -> Figure:
    """Draw a quantity after each epoch: one line for each of our runs, and the published figures as points."""
    figure, axes = plt.subplots(figsize=(7, 2.8))
    for number, values in enumerate(runs):
        places = np.arange(1, len(values) + 1)
        axes.plot(places, values, color=COLOURS[0], alpha=0.8, label=None if number else "our runs")
    axes.plot(np.arange(1, len(published) + 1), published, "o", color=COLOURS[1], label="published")
    axes.set(xlabel="epoch", ylabel=ylabel, xticks=np.arange(1, len(published) + 1))
    axes.axhline(published[-1], color=GREY, linewidth=0.8, linestyle=":")
    axes.legend(loc="lower right")
    return figure
