"""What figures of several chapters share. A short figure that one cell shows is drawn in that cell."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.container import BarContainer
from matplotlib.figure import Figure
from matplotlib.image import AxesImage
from matplotlib.ticker import MaxNLocator

from mnistbook.kit.style import COLOURS, GREY

__all__ = [
    "annotated_map",
    "bands",
    "confusion",
    "curves",
    "digit_grid",
    "frame",
    "probability_bars",
    "show_digit",
]


def frame(axes: Axes, colour: str = "#cccccc") -> None:
    """Leave of ``axes`` a thin frame around what is drawn in them: no ticks, no grid."""
    axes.set(xticks=[], yticks=[])
    axes.grid(visible=False)
    axes.spines[:].set(visible=True, color=colour)


def show_digit(axes: Axes, image: np.ndarray) -> None:
    """Draw an image of shape (28, 28) in ``axes``, ink dark on light, as on paper."""
    axes.imshow(image, cmap="gray_r", interpolation="nearest")
    frame(axes)


def probability_bars(axes: Axes, probabilities: np.ndarray, label: int, colour: str) -> BarContainer:
    """Draw the probabilities of the ten digits as bars, that of the digit ``label`` in a ``colour`` of its own."""
    colours = [colour if digit == label else COLOURS[0] for digit in range(10)]
    bars = axes.bar(range(10), probabilities, color=colours)
    axes.set(xlabel="digit", xticks=range(10))
    axes.grid(axis="x", visible=False)
    return bars


def annotated_map(
    axes: Axes,
    values: np.ndarray,
    texts: np.ndarray,
    colours: str | np.ndarray = "black",
    *,
    fontsize: float = 9,
    **options: object,
) -> AxesImage:
    """Draw a matrix as colours, with a text in each cell, and return the picture, for a bar of its colours.

    Parameters
    ----------
    axes
        Where to draw.
    values
        Numbers of shape (rows, columns); NaN leaves a cell without colour.
    texts, colours
        What is written in each cell, and in which colour; of the same shape, or one colour for all.
    fontsize
        Of the texts.
    **options
        Of :meth:`matplotlib.axes.Axes.imshow`, such as ``cmap``.
    """
    shown = axes.imshow(values, **options)
    axes.grid(visible=False)
    colours = np.broadcast_to(colours, np.shape(texts))
    for (row, column), text in np.ndenumerate(texts):
        colour = colours[row, column]
        axes.text(column, row, text, ha="center", va="center", color=colour, fontsize=fontsize)
    return shown


def digit_grid(images: np.ndarray, captions: Sequence[str] | None = None, *, columns: int = 10) -> Figure:
    """Draw images of shape (N, 28, 28), ``columns`` to a row, each with a line of text above if there are captions."""
    rows = -(-len(images) // columns)
    figure, axes = plt.subplots(
        rows, columns, figsize=(7, 7 / columns * rows * (1.28 if captions else 1.03)), squeeze=False
    )
    for axis in axes.flat[len(images) :]:
        axis.axis("off")
    for index, image in enumerate(images):
        show_digit(axes.flat[index], image)
        if captions:
            axes.flat[index].set_title(captions[index], fontsize=8, pad=2.5)
    return figure


def curves(
    series: Mapping[str, np.ndarray],
    *,
    xlabel: str,
    ylabel: str,
    logarithmic: bool = False,
    markers: Sequence[str] = (),
    first: int = 1,
    every: int = 1,
) -> Figure:
    """Draw one line a series against ``first``, ``first + every`` …; those named in ``markers`` as points only."""
    figure, axes = plt.subplots(figsize=(7, 3.4))
    for name, values in series.items():
        style = {"linestyle": "none", "marker": "o", "markersize": 5, "fillstyle": "none"} if name in markers else {}
        axes.plot(first + every * np.arange(len(values)), values, label=name, **style)
    axes.set(xlabel=xlabel, ylabel=ylabel, yscale="log" if logarithmic else "linear")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    if len(series) > 1:
        axes.legend()
    return figure


def bands(
    axes: Axes, x: np.ndarray, runs: np.ndarray, label: str, *, colour: str | None = None, marker: str = ""
) -> None:
    """Draw the mean of several runs as a line, and one standard deviation to either side as a band.

    Parameters
    ----------
    axes
        Where to draw.
    x
        Shape (M,).
    runs
        Shape (runs, M); a single run is drawn as a line alone.
    label, colour, marker
        Of the line.
    """
    mean = runs.mean(axis=0)
    (line,) = axes.plot(x, mean, label=label, color=colour, marker=marker, markersize=4)
    if len(runs) > 1:
        spread = runs.std(axis=0, ddof=1)
        axes.fill_between(x, mean - spread, mean + spread, color=line.get_color(), alpha=0.2, linewidth=0)


def confusion(matrix: np.ndarray) -> Figure:
    """Draw a confusion matrix: numbers everywhere, colour for the errors only, since the diagonal would drown them."""
    right = np.eye(len(matrix), dtype=bool)
    errors = np.where(right, np.nan, matrix)
    texts = np.where(matrix == 0, "·", matrix.astype(str))
    colours = np.where(right, GREY, np.where(errors > 0.6 * np.nanmax(errors), "white", "black"))
    figure, axes = plt.subplots(figsize=(5.6, 5))
    shown = annotated_map(axes, errors, texts, colours, cmap="Oranges")
    axes.set(xlabel="the network says", ylabel="the digit is", xticks=range(10), yticks=range(10))
    figure.colorbar(shown, ax=axes, label="errors", shrink=0.8)
    return figure
