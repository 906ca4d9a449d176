"""What backpropagation costs, counted and measured."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise
from time import perf_counter

import numpy as np

__all__ = ["median_seconds", "multiplications"]


def multiplications(sizes: Sequence[int]) -> dict[str, int]:
    """Count the multiplications of the matrix products of a dense network, for one sample.

    Parameters
    ----------
    sizes
        Lengths of the rows: inputs, hidden layers, outputs.

    Returns
    -------
    dict
        ``"forward"``; ``"backward"``, which spares the first layer's dx; ``"finite differences"``, two forward passes
        for each weight; ``"forward mode"``, one derivative along each weight, at the price of one forward pass.
    """
    products = [before * after for before, after in pairwise(sizes)]
    forward = sum(products)
    return {
        "forward": forward,
        "backward": 2 * forward - products[0],
        "finite differences": 2 * forward * forward,
        "forward mode": forward * forward,
    }


def median_seconds(function: Callable[[], object], repeats: int = 15) -> float:
    """Return the median duration of a call, after three calls that warm up."""
    for _ in range(3):
        function()
    durations = []
    for _ in range(repeats):
        start = perf_counter()
        function()
        durations.append(perf_counter() - start)
    return float(np.median(durations))
