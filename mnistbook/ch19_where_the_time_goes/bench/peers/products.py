"""The bound: the matrix products of a training alone, on arrays that are always the same and in place already.

A step of L layers has L products forward, L for the gradients of the weights and L - 1 for those of the inputs: five
for one hidden layer. What a training takes beyond them is overhead.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from mnistbook.ch19_where_the_time_goes.bench.work import Work
from mnistbook.ch19_where_the_time_goes.roofline import multiply, product_arrays


def start(variant: str, threads: int | None) -> None:
    """Nothing: NumPy has read the number of threads from the environment."""


def train(work: Work, x: np.ndarray, y: np.ndarray, after_epoch: Callable) -> None:
    """Multiply until ``after_epoch`` returns False."""
    full, rest = divmod(len(x), work.batch)
    steps = [product_arrays(work.sizes, work.batch, work.seed)] * full
    steps += [product_arrays(work.sizes, rest, work.seed)] if rest else []
    going = True
    while going:
        for products in steps:
            for _, left, right, out in products:
                multiply(left, right, out)
        going = after_epoch(lambda x: np.zeros(len(x), np.int64), list)


def classifier(work: Work) -> Callable[[np.ndarray], np.ndarray]:
    """Return a function that does the products of the forward pass."""
    weights = [right for _, _, right, _ in product_arrays(work.sizes, 1, work.seed)[: len(work.sizes) - 1]]

    def multiply(x: np.ndarray) -> np.ndarray:
        for w in weights:
            x = x @ w
        return x

    return multiply
