"""What a peer is asked to do, and the data that it does it on."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from itertools import pairwise

import numpy as np

import mnistlab as ml

__all__ = ["HELD_OUT", "Work", "first_weights", "images", "labels", "samples"]

HELD_OUT = 10_000
"""Training images at the end that are for looking how good a network is."""

LEARNING_RATES = {"sgd": 0.1, "adam": 0.001}


@dataclass(frozen=True)
class Work:
    """A training of a multilayer perceptron with ReLU, softmax and cross-entropy, in float32.

    Attributes
    ----------
    sizes
        Of the layers, such as (784, 300, 10).
    batch
        Images in a mini-batch; they are shuffled each epoch.
    optimizer
        "sgd", with momentum 0.9, or "adam" with its usual constants.
    count
        Images in an epoch: the first ones of the training set.
    dropout
        Share of hidden units that are dropped.
    weight_decay
        Decoupled.
    seed
        Of initial weights and order.
    device
        "cpu", or "cuda" for a GPU, which this library and PyTorch know.
    """

    sizes: tuple[int, ...] = (784, 300, 10)
    batch: int = 128
    optimizer: str = "sgd"
    count: int = 60_000
    dropout: float = 0.0
    weight_decay: float = 0.0
    seed: int = 0
    device: str = "cpu"

    @property
    def learning_rate(self) -> float:
        """The usual one of the optimizer, less where batches of one image would diverge with it."""
        return 0.01 if self.batch == 1 and self.optimizer == "sgd" else LEARNING_RATES[self.optimizer]

    @property
    def steps(self) -> int:
        """Mini-batches in an epoch."""
        return -(-self.count // self.batch)

    def __str__(self) -> str:
        return "-".join(map(str, self.sizes))


@cache
def images(part: str = "train") -> np.ndarray:
    """Return the images as rows of float32 between 0 and 1, shape (N, 784)."""
    return ml.to_vectors(getattr(ml.load_mnist(), f"x_{part}"))


@cache
def labels(part: str = "train") -> np.ndarray:
    """Return the digits, integers of shape (N,)."""
    return getattr(ml.load_mnist(), f"y_{part}").astype(np.int64)


def samples(work: Work) -> tuple[np.ndarray, np.ndarray]:
    """Return images and labels of an epoch."""
    return images()[: work.count], labels()[: work.count]


def first_weights(work: Work) -> list[np.ndarray]:
    """Return weights as He's rule draws them, float32, for peers that have no rule of their own; biases begin at 0."""
    rng = np.random.default_rng(work.seed)
    shapes = pairwise(work.sizes)
    return [(rng.standard_normal(shape) * np.sqrt(2 / shape[0])).astype(np.float32) for shape in shapes]
