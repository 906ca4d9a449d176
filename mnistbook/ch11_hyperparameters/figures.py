"""Figures of sweeps over hyperparameters: maps, lines with bands, and what a random search tried."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import NullFormatter

from mnistbook.ch11_hyperparameters.tuning import MEASURE, Cells, expected_best, seeds_by_value
from mnistbook.kit.figures import bands
from mnistbook.kit.style import COLOURS, plain_log

__all__ = ["NAMES", "depths", "heat_map", "lines", "searches", "widths"]

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
    shown = axes.imshow(sound, cmap="viridis", vmin=100 * LOWEST, vmax=top, aspect="auto")
    for (row, column), value in np.ndenumerate(mean):
        if failed[row, column]:
            axes.add_patch(plt.Rectangle((column - 0.5, row - 0.5), 1, 1, facecolor="#dddddd", edgecolor="white"))
            axes.text(
                column,
                row,
                f"{failed[row, column]} of {cells.runs}",
                ha="center",
                va="center",
                color="black",
                fontsize=8,
            )
            continue
        light = shown.norm(100 * value) > 0.6
        colour = "black" if light else "white"
        axes.text(column, row, f"{100 * value:.1f}", ha="center", va="center", color=colour, fontsize=8)
    best = np.unravel_index(np.nanargmax(sound), mean.shape)
    axes.add_patch(
        plt.Rectangle((best[1] - 0.46, best[0] - 0.42), 0.92, 0.84, fill=False, edgecolor=COLOURS[1], linewidth=2)
    )
    axes.grid(visible=False)
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


def widths(frame: pd.DataFrame) -> Figure:
    """Draw accuracy against the learning rate for each width, and the best of each width against its parameters."""
    figure, (left, right) = plt.subplots(1, 2, figsize=(7, 3.3), sharey=True)
    order = sorted(frame["hidden"].unique(), key=int)
    shades = plt.get_cmap("viridis")(np.linspace(0, 0.85, len(order)))
    at, best = [], []
    for shade, width in zip(shades, order, strict=True):
        part = frame[frame["hidden"] == width]
        rates, accuracy = seeds_by_value(part, "learning_rate")
        bands(left, rates, 100 * accuracy, width, colour=shade, marker="o")
        at.append(part["parameters"].iloc[0])
        best.append(100 * accuracy[:, np.nanargmax(accuracy.mean(axis=0))])
    bands(right, np.array(at), np.array(best).T, "", colour=COLOURS[0], marker="o")
    for place, scores, width in zip(at, best, order, strict=True):
        right.annotate(width, (place, np.mean(scores)), (0, -13), textcoords="offset points", ha="center", fontsize=8)
    left.set(xscale="log", xlabel="learning rate", ylabel="validation accuracy, %", ylim=(85, None))
    left.legend(title="hidden units", fontsize=8, title_fontsize=8, ncols=2, loc="lower center")
    right.set(xscale="log", xlabel="parameters", xlim=(at[0] / 1.6, at[-1] * 1.6))
    right.xaxis.set_minor_formatter(NullFormatter())
    return figure


def depths(frame: pd.DataFrame, activations: Sequence[str]) -> Figure:
    """Draw accuracy against the learning rate, a panel for each activation and a line for each number of layers."""
    figure, panels = plt.subplots(1, len(activations), figsize=(7, 3.1), sharey=True)
    layers = frame["hidden"].str.count("-") + 1
    for panel, activation in zip(panels, activations, strict=True):
        for colour, depth in zip(COLOURS, sorted(layers.unique()), strict=False):
            rates, accuracy = seeds_by_value(
                frame[(frame["activation"] == activation) & (layers == depth)], "learning_rate"
            )
            bands(panel, rates, 100 * accuracy, f"{depth}", colour=colour, marker="o")
        panel.set(xscale="log", xlabel="learning rate", ylim=(0, 100))
        panel.set_title(NAMES.get(activation, activation), fontsize=10)
    panels[0].set_ylabel("validation accuracy, %")
    panels[0].legend(title="hidden layers", fontsize=8, title_fontsize=8, loc="lower left")
    return figure


def searches(random: pd.DataFrame, grid: pd.DataFrame, names: Mapping[str, str], worthless: float = 0.1) -> Figure:
    """Draw what two searches found against each hyperparameter, and how well the best of n random trials does.

    Parameters
    ----------
    random, grid
        One row a run.
    names
        Columns of hyperparameters, three of them, and the labels of their axes.
    worthless
        Accuracy that a training which diverged counts as: that of guessing.
    """
    figure, panels = plt.subplots(2, 2, figsize=(7, 5.4), sharey=True)
    tried = {"random": (random, COLOURS[0], "o"), "grid": (grid, COLOURS[1], "x")}
    for panel, (column, label) in zip(panels.flat, names.items(), strict=False):
        for name, (frame, colour, marker) in tried.items():
            accuracy = 100 * frame[MEASURE].fillna(worthless)
            x = frame[column].astype(float)
            panel.scatter(x, accuracy, s=18, c=colour, marker=marker, label=name, alpha=0.8, linewidth=1)
        panel.set(xscale="log", xlabel=label)
        if x.max() < 30 * x.min():
            plain_log(panel.xaxis)
    last = panels[1, 1]
    best = expected_best(random[MEASURE].fillna(worthless).to_numpy())
    last.plot(np.arange(1, len(best) + 1), 100 * best, color=COLOURS[0], label="best of so many random trials, mean")
    last.axhline(100 * grid[MEASURE].max(), color=COLOURS[1], linestyle="--", label=f"best of the grid's {len(grid)}")
    last.set(xscale="log", xlabel="trials", xlim=(1, None), ylim=(60, 100))
    for panel in panels[:, 0]:
        panel.set_ylabel("validation accuracy, %")
    for panel in (panels[0, 0], last):
        panel.legend(fontsize=8, loc="lower right" if panel is last else "lower left")
    return figure
