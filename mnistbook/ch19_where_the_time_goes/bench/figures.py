"""Pictures of the stored rows: peers against batch size, and how cost grows."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from mnistbook.ch19_where_the_time_goes.bench.peers import BOUND, PEERS, PLAIN
from mnistbook.ch19_where_the_time_goes.bench.tables import line
from mnistbook.kit.style import COLOURS, GREY, plain_log

__all__ = ["draw_epochs", "draw_scaling"]

BROWN = "#7a4b12"
STYLES = {
    name: {"color": colour, "marker": marker, "linestyle": line, "markersize": 4, "linewidth": 1.4}
    for name, colour, marker, line in zip(
        [name for name in PEERS if name not in PLAIN],
        [*COLOURS[:6], BROWN, GREY, COLOURS[6]],
        "osD^vPpXd",
        ["-", "--", "-.", ":", "--", "-.", "-", ":", "--"],
        strict=True,
    )
} | {BOUND: {"color": "black", "marker": "x", "linestyle": "-", "markersize": 4, "linewidth": 1}}


def draw_epochs(rows: pd.DataFrame) -> Figure:
    """Draw seconds per epoch of 784-300-10 against the batch size with quartiles, a panel for each number of threads.

    Parameters
    ----------
    rows
        Of ``bench.csv``.
    """
    chosen = (rows["section"] == "training") & (rows["optimizer"] == "sgd") & (rows["batch"] > 1)
    numbers = sorted(rows.loc[chosen, "threads"].unique())
    figure, panels = plt.subplots(1, len(numbers), figsize=(7, 4.6), sharey=True, squeeze=False)
    for axes, threads in zip(panels[0], numbers, strict=True):
        part = rows[chosen & (rows["threads"] == threads)]
        for name, style in STYLES.items():
            of_peer = part[part["peer"] == name].sort_values("batch")
            if of_peer.empty:
                continue
            spread = np.abs(of_peer[["q1", "q3"]].to_numpy().T - of_peer["median"].to_numpy())
            axes.errorbar(of_peer["batch"], of_peer["median"], spread, label=name, capsize=2, **style)
        sizes = sorted(part["batch"].unique())
        axes.set(xscale="log", yscale="log", xlabel="images in a batch", xticks=sizes)
        axes.set_xticks([], minor=True)
        axes.set_xticklabels([f"{size:.0f}" for size in sizes])
        axes.set_title(f"{threads:.0f} thread{'s' if threads > 1 else ''}", fontsize=10)
    first = panels[0][0]
    first.set_ylabel("seconds per epoch")
    plain_log(first.yaxis)
    figure.legend(*first.get_legend_handles_labels(), loc="outside lower center", ncols=3, fontsize=8)
    return figure


def draw_scaling(rows: pd.DataFrame) -> Figure:
    """Draw seconds per epoch against what is varied, with lines fitted between logarithms, a panel for each.

    Parameters
    ----------
    rows
        Of ``bench.csv``.
    """
    part = rows[rows["section"] == "scaling"]
    variables = list(dict.fromkeys(part["variable"]))
    figure, panels = plt.subplots(2, 2, figsize=(7, 5.4))
    for axes, variable in zip(panels.flat, variables, strict=False):
        of_variable = part[part["variable"] == variable]
        for name in dict.fromkeys(of_variable["peer"]):
            of_peer = of_variable[of_variable["peer"] == name].sort_values("value")
            style = STYLES[name] | {"linestyle": "none"}
            axes.plot(of_peer["value"], of_peer["median"], label=name, **style)
            if len(of_peer) > 1:
                slope, intercept = line(of_peer)
                fitted = np.exp(intercept) * of_peer["value"] ** slope
                axes.plot(of_peer["value"], fitted, color=style["color"], linewidth=1)
        axes.set(xscale="log", yscale="log", xlabel=variable, ylabel="seconds per epoch")
        values = sorted(of_variable["value"].unique())
        axes.set_xticks(values, [f"{value:,.0f}" for value in values], fontsize=8)
        axes.set_xticks([], minor=True)
        plain_log(axes.yaxis)
    figure.legend(*panels.flat[0].get_legend_handles_labels(), loc="outside lower center", ncols=3, fontsize=8)
    return figure
