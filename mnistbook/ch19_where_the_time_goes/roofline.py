"""How fast the matrix products of a training step can be: operations and bytes counted, and the roof over them."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from itertools import pairwise
from time import perf_counter
from typing import NamedTuple

import numpy as np
import pandas as pd

from mnistlab.checks import check_positive

__all__ = [
    "Machine",
    "Product",
    "measure_machine",
    "multiply",
    "product_arrays",
    "step_products",
    "time_products",
    "time_two_ways",
]

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
    """

    name: str
    m: int
    k: int
    n: int

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
    """Return the products of a training step in their order: forward, then backward from the last layer to the first.

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
    of_weights = [Product(f"x{i}ᵀ dz{i}", d, n, k) for i, (d, k) in enumerate(pairs, 1)]
    of_inputs = [Product(f"dz{i} W{i}ᵀ", n, k, d) for i, (d, k) in enumerate(pairs, 1)]
    return forward + _backward(of_weights, of_inputs)


def product_arrays(
    sizes: Sequence[int], batch_size: int, seed: int = 0
) -> list[tuple[Product, np.ndarray, np.ndarray, np.ndarray]]:
    """Return the products of :func:`step_products` with their factors and an array for the result, in float32.

    As in a training, they share arrays: what one product gives is a factor of the next, and a transposed factor is a
    view. Doing them over and over gives the same numbers each time.

    Parameters
    ----------
    sizes, batch_size
        As in :func:`step_products`; errors too.
    seed
        Of the numbers.
    """
    products, rng = step_products(sizes, batch_size), np.random.default_rng(seed)

    def draw(*shape: int) -> np.ndarray:
        return rng.standard_normal(shape, dtype=np.float32)

    weights = [draw(*shape) / np.float32(np.sqrt(shape[0])) for shape in pairwise(sizes)]
    layers = [draw(batch_size, size) for size in sizes]
    deltas = [draw(batch_size, size) for size in sizes]
    forward = [(layers[i], w, layers[i + 1]) for i, w in enumerate(weights)]
    of_weights = [(layers[i].T, deltas[i + 1], np.empty_like(w)) for i, w in enumerate(weights)]
    of_inputs = [(deltas[i + 1], w.T, deltas[i]) for i, w in enumerate(weights)]
    every = forward + _backward(of_weights, of_inputs)
    return [(product, *arrays) for product, arrays in zip(products, every, strict=True)]


def multiply(left: np.ndarray, right: np.ndarray, out: np.ndarray) -> None:
    """Write the product of two matrices into ``out``, by the faster of NumPy's two functions for their sizes.

    Where the sum over k has a single term, ``np.matmul`` leaves the BLAS and is ten times slower than ``np.dot``;
    elsewhere ``np.dot`` loses some per cent, as it fills ``out`` with zeros first.
    """
    (np.dot if left.shape[1] == 1 else np.matmul)(left, right, out=out)


def measure_machine(
    repetitions: int = 5, *, side: int = 1536, cached_bytes: int = 2**18, large_bytes: int = 2**28
) -> Machine:
    """Measure this machine on as many threads as NumPy has now.

    A roof is what can be had at most, so the best of several turns counts, after one that warms up.

    Parameters
    ----------
    repetitions
        Turns.
    side
        Of the square matrices whose product gives the peak.
    cached_bytes, large_bytes
        Size of an array that fits into the cache of a core, and of one that fits into none; each is copied to another
        one of its size.

    Raises
    ------
    ValueError
        If ``repetitions`` is no positive integer.
    """
    rng = np.random.default_rng(0)
    left, right = (rng.standard_normal((side, side), dtype=np.float32) for _ in range(2))
    result = np.empty_like(left)
    large, small = (rng.random(size // WORD, dtype=np.float32) for size in (large_bytes, cached_bytes))
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

    Raises
    ------
    ValueError
        As :func:`step_products`.
    """
    rows = []
    for size in batch_sizes:
        for product, left, right, out in product_arrays(sizes, size):
            taken = _repeat(partial(multiply, left, right, out), seconds)
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


def time_two_ways(sizes: Sequence[int], batch_sizes: Sequence[int], seconds: float = 0.05) -> pd.DataFrame:
    """Time the product that gives the first layer's ``dW``, by each of NumPy's two functions for products.

    Parameters
    ----------
    sizes, batch_sizes, seconds
        As in :func:`time_products`; errors too.

    Returns
    -------
    pandas.DataFrame
        Seconds of one product, one row a batch size, with the columns ``np.matmul`` and ``np.dot``.
    """
    ways, rows = {"np.matmul": np.matmul, "np.dot": np.dot}, {}
    for size in batch_sizes:
        _, left, right, out = product_arrays(sizes, size)[-1]
        rows[size] = {name: _repeat(partial(way, left, right, out=out), seconds) for name, way in ways.items()}
    return pd.DataFrame.from_dict(rows, "index").rename_axis("images")


def _backward(of_weights: list, of_inputs: list) -> list:
    """Return what is done backward, last layer first; nobody asks for the gradients of the first layer's inputs."""
    pairs = zip(reversed(of_weights), reversed(of_inputs), strict=True)
    return [one for pair in pairs for one in pair][:-1]


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
