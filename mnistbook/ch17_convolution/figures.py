"""Pictures of the chapter on convolution."""

from __future__ import annotations

from collections.abc import Mapping

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import ConnectionPatch, Rectangle

from mnistbook.kit.figures import annotated_map, frame, probability_bars, show_digit
from mnistbook.kit.style import COLOURS
from mnistlab.convolution import Conv2D
from mnistlab.network import Network

__all__ = ["sliding", "two_predictions"]


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
            coordsA="data",
            coordsB="data",
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
    texts = np.char.replace(values.astype(str), "-", "−")
    # Pale, so that numbers can be read.
    annotated_map(axes, values, texts, cmap="RdBu_r", vmin=-2.2 * limit, vmax=2.2 * limit)
    frame(axes)
    axes.set_title(title)


def two_predictions(image: np.ndarray, answers: Mapping[str, np.ndarray], label: int) -> Figure:
    """Draw an image beside the ten probabilities of each of several networks, on a logarithmic scale.

    The bars of the true ``label`` have another colour; what is below 10⁻⁸ is drawn there.
    """
    figure, (left, *panels) = plt.subplots(
        1, 1 + len(answers), figsize=(7, 2.7), width_ratios=[1.1, *[2] * len(answers)]
    )
    show_digit(left, image)
    for panel, (name, probabilities) in zip(panels, answers.items(), strict=True):
        probability_bars(panel, np.maximum(probabilities, 1e-8), label, COLOURS[1])
        panel.set(title=name, yscale="log", ylim=(1e-8, 3))
    panels[0].set_ylabel("probability")
    return figure
