"""The bound: the matrix products of a training alone, on arrays that are always the same and in place already.

A step of L layers has L products forward, L for the gradients of the weights and L - 1 for those of the inputs: five
for one hidden layer. What a training takes beyond them is overhead.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import numpy as np

from mnistlab.experiments.speed.work import Work


def start(variant: str, threads: int) -> None:
    """Nothing: NumPy has read the number of threads from the environment."""


def train(work: Work, x: np.ndarray, y: np.ndarray, after_epoch: Callable) -> None:
    """Multiply until ``after_epoch`` returns False."""
    products = step_products(work, min(work.batch, len(x)))
    going = True
    while going:
        for _ in range(-(-len(x) // work.batch)):
            for left, right, out in products:
                np.matmul(left, right, out=out)
        going = after_epoch(lambda x: np.zeros(len(x), np.int64), list)


def classifier(work: Work) -> Callable[[np.ndarray], np.ndarray]:
    """Return a function that does the products of the forward pass."""
    weights = [right for _, right, _ in step_products(work, 1)[: len(work.sizes) - 1]]

    def multiply(x: np.ndarray) -> np.ndarray:
        for w in weights:
            x = x @ w
        return x

    return multiply


def step_products(work: Work, batch: int) -> list[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Return left, right and result of each product of a training step: forward ones first."""
    rng = np.random.default_rng(work.seed)
    shapes = list(pairwise(work.sizes))

    def draw(*shape: int) -> np.ndarray:
        return rng.standard_normal(shape).astype(np.float32)

    weights = [draw(*shape) / np.float32(np.sqrt(shape[0])) for shape in shapes]
    layers = [draw(batch, size) for size in work.sizes]
    deltas = [draw(batch, size) for size in work.sizes]
    gradients = [np.empty_like(w) for w in weights]
    forward = [(layers[i], w, layers[i + 1]) for i, w in enumerate(weights)]
    of_weights = [(layers[i].T, deltas[i + 1], gradient) for i, gradient in enumerate(gradients)]
    of_inputs = [(deltas[i + 1], weights[i].T, deltas[i]) for i in range(1, len(weights))]
    return forward + of_weights + of_inputs
