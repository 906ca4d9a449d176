"""Figures of sweeps over hyperparameters: maps, and lines with bands."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from mnistbook.ch11_hyperparameters.tuning import MEASURE, Cells, seeds_by_value
from mnistbook.kit.figures import annotated_map, bands
from mnistbook.kit.style import COLOURS

__all__ = ["NAMES", "heat_map", "lines"]

NAMES = {"relu": "ReLU"}
"""How the text writes activations whose name there is another one than in code."""

LOWEST = 0.80
"""Accuracy at which the colours of a map and the axes of lines begin: what lies below is no good anyway."""


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
    light = (sound - 100 * LOWEST) / (top - 100 * LOWEST) > 0.6
    colours = np.where(failed | light, "black", "white")
    shown = annotated_map(
        axes, sound, texts, colours, fontsize=8, cmap="viridis", vmin=100 * LOWEST, vmax=top, aspect="auto"
    )
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
    figure.colorbar(shown, ax=axes, label="validation accuracy, %", extend="min")
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
        panel.set(xscale="log", xlabel=label, ylim=(100 * LOWEST, 100 * frame[MEASURE].max() + 1))
    panels[0, 0].set_ylabel("validation accuracy, %")
    handles, labels = panels[0, 0].get_legend_handles_labels()
    figure.legend(handles, labels, title=name, loc="outside upper center", ncols=len(labels), fontsize=9)
    return figure
