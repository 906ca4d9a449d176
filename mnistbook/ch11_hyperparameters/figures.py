"""Figures of sweeps over hyperparameters: maps and lines, on a scale on which the best settings are told apart."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import FuncNorm
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, NullLocator

from mnistbook.ch11_hyperparameters.tuning import MEASURE, Cells, seeds_by_value
from mnistbook.kit.figures import annotated_map, bands
from mnistbook.kit.style import COLOURS

__all__ = ["NAMES", "accuracy_scale", "heat_map", "lines"]

NAMES = {"relu": "ReLU"}
"""How the text writes activations whose name there is another one than in code."""

LOWEST = 0.90
"""Accuracy at which the colours of a map begin: what lies below is no good anyway."""

BY_ERROR = (lambda accuracy: -np.log(np.maximum(100 - accuracy, 1e-3)), lambda place: 100 - np.exp(-place))
"""From an accuracy in per cent to its place on a scale, and back: half the errors are as far everywhere."""

MARKS = (10, 50, 70, 80, 85, 90, 92, 93, 94, 95, 96, 97, 97.5, 98)


def accuracy_scale(axes: Axes, low: float, high: float) -> None:
    """Make the vertical axis one of accuracies in per cent on which halving the errors is a step of one length."""
    axes.set_yscale("function", functions=BY_ERROR)
    axes.set_ylim(low, high)
    axes.yaxis.set_major_locator(FixedLocator([mark for mark in MARKS if low <= mark <= high]))
    axes.yaxis.set_minor_locator(NullLocator())
    axes.yaxis.set_major_formatter("{x:g}")


def heat_map(cells: Cells, *, xlabel: str, ylabel: str, diagonal: float | None = None) -> Figure:
    """Draw mean accuracies in per cent as numbers on colours, the largest value of the rows on top.

    Where trainings failed the cell is grey and says how many of them.

    Parameters
    ----------
    cells
        What is drawn; its columns are spaced evenly.
    xlabel, ylabel
        Of the axes.
    diagonal
        If given, dashed lines are drawn along which so many columns go with one row: where a product of the two stays
        the same.
    """
    mean = cells.mean.iloc[::-1].to_numpy()
    failed = cells.failed.iloc[::-1].to_numpy()
    figure, axes = plt.subplots(figsize=(7, 1.3 + 0.42 * len(mean)))
    sound = np.where(failed, np.nan, 100 * mean)
    top = max(np.nanmax(sound), 100 * LOWEST + 1)
    texts = np.where(failed, np.char.mod(f"%d of {cells.runs}", failed), np.char.mod("%.1f", 100 * mean))
    norm = FuncNorm(BY_ERROR, vmin=100 * LOWEST, vmax=top)
    light = norm(sound).filled(1) > 0.6
    colours = np.where(failed | light, "black", "white")
    shown = annotated_map(axes, sound, texts, colours, fontsize=8, cmap="viridis", norm=norm, aspect="auto")
    for row, column in np.argwhere(failed):
        axes.add_patch(plt.Rectangle((column - 0.5, row - 0.5), 1, 1, facecolor="#dddddd", edgecolor="white"))
    best = np.unravel_index(np.nanargmax(sound), mean.shape)
    axes.add_patch(
        plt.Rectangle((best[1] - 0.46, best[0] - 0.42), 0.92, 0.84, fill=False, edgecolor=COLOURS[1], linewidth=2)
    )
    if diagonal:
        limits = axes.get_xlim(), axes.get_ylim()
        for start in np.arange(-len(mean) * abs(diagonal), mean.shape[1] + len(mean) * abs(diagonal)):
            if start % abs(diagonal) == 0:
                rows = np.array([-0.5, len(mean) - 0.5])
                axes.plot(start + 0.5 + diagonal * rows, rows, color="white", linewidth=0.8, linestyle="--", alpha=0.7)
        axes.set(xlim=limits[0], ylim=limits[1])
    axes.set(xlabel=xlabel, ylabel=ylabel, xticks=range(mean.shape[1]), yticks=range(len(mean)))
    axes.set_xticklabels([f"{value:g}" for value in cells.mean.columns])
    axes.set_yticklabels([f"{value:g}" for value in cells.mean.index[::-1]])
    marks = [mark for mark in MARKS if 100 * LOWEST <= mark <= top]
    figure.colorbar(shown, ax=axes, label="validation accuracy, %", extend="min", ticks=marks, format="{x:g}")
    return figure


def lines(
    frame: pd.DataFrame, by: str, scales: Mapping[str, Callable[[np.ndarray, float], np.ndarray]], name: str
) -> Figure:
    """Draw accuracy against the learning rate, a line with its band for each value of ``by``; a panel for each scale.

    Parameters
    ----------
    frame
        One row a run.
    by
        Column whose values get a line each.
    scales
        For each panel the label of its axis, and a function from the rates and the value of ``by`` to what is drawn
        against: the rates themselves, or an effective rate on which lines may fall together.
    name
        How the legend calls ``by``.
    """
    figure, panels = plt.subplots(1, len(scales), figsize=(7, 3.3), sharey=True, squeeze=False)
    for panel, (label, scale) in zip(panels.flat, scales.items(), strict=True):
        for colour, (value, part) in zip(COLOURS, frame.groupby(by), strict=False):
            rates, accuracy = seeds_by_value(part, "learning_rate")
            bands(panel, scale(rates, value), 100 * accuracy, f"{value:g}", colour=colour, marker="o")
        panel.set(xscale="log", xlabel=label)
        accuracy_scale(panel, 80, 100 * frame[MEASURE].max() + 0.3)
    panels[0, 0].set_ylabel("validation accuracy, %")
    handles, labels = panels[0, 0].get_legend_handles_labels()
    figure.legend(handles, labels, title=name, loc="outside upper center", ncols=len(labels), fontsize=9)
    return figure
