"""The figures of the report. Each function draws one and returns it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from mnistbook.kit.style import COLOURS, GREY

__all__ = [
    "bands",
    "class_counts",
    "confusion",
    "curves",
    "digit_grid",
    "pixel_histogram",
    "prediction",
    "show_digit",
]


def show_digit(axes: Axes, image: np.ndarray) -> None:
    """Draw an image of shape (28, 28) in ``axes``, ink dark on light, as on paper."""
    axes.imshow(image, cmap="gray_r", interpolation="nearest")
    axes.set_xticks([])
    axes.set_yticks([])
    for spine in axes.spines.values():
        spine.set_visible(True)
        spine.set_color("#cccccc")


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


def class_counts(counts: Mapping[str, np.ndarray]) -> Figure:
    """Draw bars of the images per class, as a share of each set; ``counts`` maps a set's name to ten numbers."""
    figure, axes = plt.subplots(figsize=(7, 2.8))
    width = 0.8 / len(counts)
    for index, (name, values) in enumerate(counts.items()):
        place = np.arange(10) + (index - (len(counts) - 1) / 2) * width
        axes.bar(place, 100 * values / values.sum(), width * 0.92, label=f"{name} ({values.sum():,} images)")
    axes.axhline(10, color=GREY, linewidth=1, linestyle="--")
    axes.set(xlabel="digit", ylabel="share of the images, %", xticks=range(10))
    axes.grid(axis="x", visible=False)
    figure.legend(loc="outside lower center", ncols=2)
    return figure


def pixel_histogram(images: np.ndarray) -> Figure:
    """Draw how often each brightness occurs in uint8 images, on a logarithmic axis."""
    counts = np.bincount(images.ravel(), minlength=256)
    figure, axes = plt.subplots(figsize=(7, 2.8))
    axes.fill_between(np.arange(256), counts / counts.sum(), step="mid", color=COLOURS[0], linewidth=0)
    axes.set(xlabel="brightness of a pixel, 0 (paper) to 255 (ink)", ylabel="share of the pixels", yscale="log")
    axes.set_xlim(-2, 257)
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
    errors = matrix.astype(float)
    np.fill_diagonal(errors, np.nan)
    figure, axes = plt.subplots(figsize=(5.6, 5))
    shown = axes.imshow(errors, cmap="Oranges")
    axes.grid(visible=False)
    limit = np.nanmax(errors) * 0.6
    for (row, column), count in np.ndenumerate(matrix):
        right = row == column
        colour = GREY if right else ("white" if count > limit else "black")
        axes.text(column, row, f"{count}" if count else "·", ha="center", va="center", color=colour, fontsize=9)
    axes.set(xlabel="the network says", ylabel="the digit is", xticks=range(10), yticks=range(10))
    figure.colorbar(shown, ax=axes, label="errors", shrink=0.8)
    return figure


def prediction(image: np.ndarray, probabilities: np.ndarray, label: int | None = None) -> Figure:
    """Draw an image beside the probabilities of the ten digits; the bar of the true ``label`` is green."""
    figure, (left, right) = plt.subplots(1, 2, figsize=(7, 2.6), width_ratios=[1, 2])
    show_digit(left, image)
    colours = [COLOURS[2] if digit == label else COLOURS[0] for digit in range(10)]
    bars = right.bar(range(10), probabilities, color=colours)
    right.bar_label(bars, [f"{p:.1%}" if p >= 0.0005 else "" for p in probabilities], fontsize=8, padding=2)
    right.set(xlabel="digit", ylabel="probability", xticks=range(10), ylim=(0, 1.12), yticks=np.linspace(0, 1, 5))
    right.grid(axis="x", visible=False)
    return figure
