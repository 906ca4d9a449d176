"""How large the entries of a velocity are, as a picture and as a table."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import cycle

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from mnistbook.ch19_where_the_time_goes.subnormals import NORMAL, QUANTUM, share_subnormal
from mnistbook.kit.style import COLOURS, GREY

__all__ = ["draw_sizes", "table_of_sizes"]


def draw_sizes(velocities: Mapping[str, np.ndarray]) -> Figure:
    """Draw how large the entries of velocities are: a histogram of their decimal logarithms, for each.

    Parameters
    ----------
    velocities
        Vectors by name, such as after one epoch and after three.
    """
    figure, axes = plt.subplots(figsize=(7, 3.4))
    edges = np.arange(-46, 2.01, 0.5)
    axes.axvspan(np.log10(QUANTUM) - 0.5, np.log10(NORMAL), color=GREY, alpha=0.25, label="subnormal", linewidth=0)
    styles = zip(velocities.items(), cycle(COLOURS), cycle(("-", "--", ":", "-.")), strict=False)
    for (name, values), colour, line in styles:
        sizes = np.log10(np.abs(values[values != 0].astype(float)))
        counts = np.histogram(sizes, edges)[0] / len(values)
        axes.stairs(100 * counts, edges, color=colour, linestyle=line, linewidth=1.6, label=name)
    axes.set(yscale="log", xlabel="decimal logarithm of the size of an entry", ylabel="% of all entries")
    axes.legend(fontsize=8)
    return figure


def table_of_sizes(velocities: Mapping[str, np.ndarray]) -> pd.DataFrame:
    """Return, for each vector, the percentages of its entries that are zero, subnormal, and larger."""
    rows = []
    for name, values in velocities.items():
        zero, small = float(np.mean(values == 0)), share_subnormal(values)
        rows.append(
            {"": name, "zero, %": 100 * zero, "subnormal, %": 100 * small, "larger, %": 100 * (1 - zero - small)}
        )
    return pd.DataFrame(rows)
