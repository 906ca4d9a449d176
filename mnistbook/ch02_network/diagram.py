"""A drawing of a network, made from the network itself."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from mnistbook.kit.style import COLOURS, GREY
from mnistlab.layers import Dense
from mnistlab.network import Network

__all__ = ["network_diagram"]

SHOWN = 10


def network_diagram(network: Network, *, input_name: str = "pixels", output_name: str = "digits") -> Figure:
    """Draw a column of units for the inputs and for each Dense layer, with its weights and what follows it.

    Columns of more than ten units show the first and last five, with dots between.
    """
    dense = [layer for layer in network.layers if isinstance(layer, Dense)]
    sizes = [dense[0].inputs, *(layer.outputs for layer in dense)]
    figure, axes = plt.subplots(figsize=(7, 3.9))
    axes.set_axis_off()
    axes.set_aspect("equal")
    columns = [_unit_heights(size) for size in sizes]
    gap = 6.2
    for index, layer in enumerate(dense):
        _connect(axes, index * gap, columns[index], (index + 1) * gap, columns[index + 1])
        middle = (index + 0.5) * gap
        axes.text(middle, 5.7, _weights(layer, index + 1), ha="center", va="bottom", fontsize=10)
    names = _names(network)
    for index, (size, heights) in enumerate(zip(sizes, columns, strict=True)):
        x = index * gap
        colour = COLOURS[2] if index == 0 else COLOURS[1] if index == len(sizes) - 1 else COLOURS[0]
        for y in heights:
            axes.add_patch(plt.Circle((x, y), 0.36, facecolor="white", edgecolor=colour, linewidth=1.6, zorder=3))
        if size > SHOWN:
            axes.text(x, 0, "⋮", ha="center", va="center", fontsize=16, color=colour, zorder=4)
        role = {0: input_name, len(sizes) - 1: output_name}.get(index, "hidden units")
        axes.text(x, -5.6, f"{size} {role}", ha="center", va="top", fontsize=10)
        axes.text(x, -6.45, names[index], ha="center", va="top", fontsize=10, color=GREY)
    axes.set_xlim(-1.6, gap * (len(sizes) - 1) + 1.6)
    axes.set_ylim(-7.4, 6.8)
    return figure


def _unit_heights(size: int) -> np.ndarray:
    if size <= SHOWN:
        return (np.arange(size) - (size - 1) / 2) * -1.0
    half = np.arange(SHOWN // 2) + 1.0
    return np.concatenate([half[::-1], -half])


def _connect(axes: Axes, x_0: float, heights_0: np.ndarray, x_1: float, heights_1: np.ndarray) -> None:
    for y_0 in heights_0:
        for y_1 in heights_1:
            axes.plot([x_0, x_1], [y_0, y_1], color="#bbbbbb", linewidth=0.5, zorder=1)


def _weights(layer: Dense, number: int) -> str:
    text = rf"$W^{{({number})}}$: {layer.inputs}×{layer.outputs}"
    return text + (rf", $b^{{({number})}}$" if layer.bias else "")


def _names(network: Network) -> list[str]:
    """Return, for the inputs and each Dense layer, the names of what is applied to it."""
    names: list[list[str]] = [[]]
    for layer in network.layers:
        if isinstance(layer, Dense):
            names.append([])
        else:
            names[-1].append(type(layer).__name__)
    return [", ".join(group) for group in names]
