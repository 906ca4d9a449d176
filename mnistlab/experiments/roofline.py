"""How fast the matrix products of a training step can be: operations and bytes counted, and the roof over them."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import cycle, pairwise
from time import perf_counter
from typing import NamedTuple

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter

from mnistlab.checks import check_positive
from mnistlab.experiments.style import COLOURS, GREY

__all__ = ["Machine", "Product", "draw_roofline", "measure_machine", "step_products", "time_products"]

WORD = 4
"""Bytes of a float32."""


class Product(NamedTuple):
    """A matrix product, (m, k) by (k, n), in float32.

    Attributes
    ----------
    name
        What it computes, in the chapter's notation.
    m, k, n
        Its sizes.
    turned
        Which factor is stored transposed: "", "left" or "right".
    """

    name: str
    m: int
    k: int
    n: int
    turned: str = ""

    @property
    def flops(self) -> int:
        """Multiplications and additions (:eq:`eq-product-cost`)."""
        return 2 * self.m * self.k * self.n

    @property
    def bytes(self) -> int:
        """Of both factors and the result, each moved once (:eq:`eq-product-cost`)."""
        return WORD * (self.m * self.k + self.k * self.n + self.m * self.n)

    @property
    def intensity(self) -> float:
        """Operations for each byte (:eq:`eq-intensity`)."""
        return self.flops / self.bytes


class Machine(NamedTuple):
    """What one measured: flop/s of a large product, bytes/s of main memory and of what a cache holds."""

    peak: float
    memory: float
    cache: float

    def roof(self, intensity: float | np.ndarray, *, cached: bool = False) -> float | np.ndarray:
        """Return the flop/s that can be had at most at an intensity (:eq:`eq-roofline`)."""
        return np.minimum(self.peak, np.asarray(intensity) * (self.cache if cached else self.memory))


def step_products(sizes: Sequence[int], batch_size: int) -> list[Product]:
    """Return the products of a training step: those forward, of the weights' gradients, of the inputs' gradients.

    The first layer needs no gradient of its inputs, so L layers have 3L - 1 products (:eq:`eq-step-flops`).

    Parameters
    ----------
    sizes
        Of the layers, such as (784, 300, 10).
    batch_size
        N.

    Raises
    ------
    ValueError
        If there are fewer than two sizes, or a number is not positive.
    """
    if len(sizes) < 2:
        raise ValueError(f"a network has at least an input and an output size, not {list(sizes)}")
    n = check_positive("batch_size", batch_size)
    pairs = [(check_positive("sizes", d), check_positive("sizes", k)) for d, k in pairwise(sizes)]
    forward = [Product(f"x{i} W{i}", n, d, k) for i, (d, k) in enumerate(pairs, 1)]
    of_weights = [Product(f"x{i}ᵀ dz{i}", d, n, k, "left") for i, (d, k) in enumerate(pairs, 1)]
    of_inputs = [Product(f"dz{i} W{i}ᵀ", n, k, d, "right") for i, (d, k) in enumerate(pairs[1:], 2)]
    return forward + of_weights + of_inputs


def measure_machine(repetitions: int = 5, *, side: int = 1536, cached_bytes: int = 2**18) -> Machine:
    """Measure this machine on as many threads as NumPy has now.

    A roof is what can be had at most, so the best of several turns counts, after one that warms up.

    Parameters
    ----------
    repetitions
        Turns.
    side
        Of the square matrices whose product gives the peak.
    cached_bytes
        Size of an array that fits into the cache of a core; it is copied to another one of that size.
    """
    rng = np.random.default_rng(0)
    left, right = (rng.standard_normal((side, side), dtype=np.float32) for _ in range(2))
    result = np.empty_like(left)
    large, small = rng.random(2**26, dtype=np.float32), rng.random(cached_bytes // WORD, dtype=np.float32)
    large_copy, small_copy = np.empty_like(large), np.empty_like(small)
    times = []
    for _ in range(check_positive("repetitions", repetitions) + 1):
        times.append(
            (
                _seconds(lambda: np.matmul(left, right, out=result)),
                _seconds(lambda: np.copyto(large_copy, large)),
                _seconds(lambda: np.copyto(small_copy, small), 400) / 400,
            )
        )
    product, memory, cache = np.min(times[1:], axis=0)
    return Machine(2 * side**3 / product, 2 * large.nbytes / memory, 2 * small.nbytes / cache)


def time_products(sizes: Sequence[int], batch_sizes: Sequence[int], seconds: float = 0.05) -> pd.DataFrame:
    """Time each product of a step by itself, over and over on the same arrays.

    Parameters
    ----------
    sizes, batch_sizes
        As in :func:`step_products`, for several N.
    seconds
        How long each is repeated, at least; three such turns, of which the median counts.

    Returns
    -------
    pandas.DataFrame
        One row a product and batch size: ``batch_size``, ``product``, ``flops``, ``intensity``, ``seconds`` (of one
        product), ``rate`` (flop/s).
    """
    rng = np.random.default_rng(0)
    rows = []
    for size in batch_sizes:
        for product in step_products(sizes, size):
            left, right = _draw(rng, product.m, product.k), _draw(rng, product.k, product.n)
            if product.turned == "left":
                left = np.ascontiguousarray(left.T).T
            elif product.turned == "right":
                right = np.ascontiguousarray(right.T).T
            out = np.empty((product.m, product.n), np.float32)
            taken = _repeat(lambda a=left, b=right, c=out: np.matmul(a, b, out=c), seconds)
            rows.append(
                {
                    "batch_size": size,
                    "product": product.name,
                    "flops": product.flops,
                    "intensity": product.intensity,
                    "seconds": taken,
                    "rate": product.flops / taken,
                }
            )
    return pd.DataFrame(rows)


def draw_roofline(machine: Machine, products: pd.DataFrame) -> Figure:
    """Draw the roofs of main memory and cache, and each product's rate over its intensity.

    Parameters
    ----------
    machine
        As :func:`measure_machine` returns it.
    products
        As :func:`time_products` returns them; colours and marks tell the products, numbers the batch size.
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
        axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.legend(title=f"numbers: images in a batch, {smallest} to {largest}", fontsize=8)
    return figure


def _draw(rng: np.random.Generator, rows: int, columns: int) -> np.ndarray:
    return rng.standard_normal((rows, columns), dtype=np.float32)


def _repeat(work, seconds: float) -> float:
    """Return the seconds of one call: the median of three turns of at least ``seconds`` each."""
    work()
    count = max(1, round(seconds / max(_seconds(work), 1e-7)))
    return float(np.median([_seconds(work, count) / count for _ in range(3)]))


def _seconds(work, count: int = 1) -> float:
    begin = perf_counter()
    for _ in range(count):
        work()
    return perf_counter() - begin
