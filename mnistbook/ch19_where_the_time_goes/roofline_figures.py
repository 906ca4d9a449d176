"""A picture of products under the roofs of their machine."""

from __future__ import annotations

from itertools import cycle

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from mnistbook.ch19_where_the_time_goes.roofline import Machine
from mnistbook.kit.style import COLOURS, GREY

__all__ = ["draw_roofline"]


def draw_roofline(machine: Machine, products: pd.DataFrame) -> Figure:
    """Draw the roofs of main memory and cache, and each product's rate over its intensity.

    Parameters
    ----------
    machine
        As :func:`.roofline.measure_machine` returns it.
    products
        As :func:`.roofline.time_products` returns them; colours and marks tell the products,
        numbers the batch size.
    """
    figure, axes = plt.subplots(figsize=(7, 4.2))
    low, high = products["intensity"].min() / 1.6, products["intensity"].max() * 2
    line = np.geomspace(low, high, 200)
    axes.plot(line, machine.roof(line, cached=True) / 1e9, color="black", label="roof of the cache")
    axes.plot(line, machine.roof(line) / 1e9, color=GREY, linestyle="--", label="roof of main memory")
    smallest, largest = products["batch_size"].min(), products["batch_size"].max()
    for (name, rows), colour, marker in zip(
        products.groupby("product", sort=False), cycle(COLOURS), cycle("osD^v"), strict=False
    ):
        axes.plot(
            rows["intensity"], rows["rate"] / 1e9, color=colour, marker=marker, markersize=5, linewidth=1, label=name
        )
    widest = products.loc[products.groupby("batch_size")["flops"].idxmax()]
    for row in widest.itertuples():
        axes.annotate(f"{row.batch_size}", (row.intensity, row.rate / 1e9), (4, -11), textcoords="offset points")
    axes.set(xscale="log", yscale="log", xlim=(low, high))
    axes.set(xlabel="operations for each byte", ylabel="Gflop/s")
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_formatter("{x:g}")
    axes.legend(title=f"numbers: images in a batch, {smallest} to {largest}", fontsize=8)
    return figure
